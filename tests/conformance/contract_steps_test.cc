// The contract of steps: a step that breaks a rule is refused as a whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/conformance/backend_contract.h"

namespace skein::conformance {
namespace {

using testing::HasSubstr;

TEST_P(BackendContract, StepsThatBreakARuleAreRefusedWhole) {
  skein_segment_desc desc = Desc();
  desc.max_tokens = 8;
  desc.max_entries = 2;
  SegmentHandle segment(device_, desc);
  ASSERT_TRUE(segment.Load(TensorsOf(model_, desc))) << segment.message();
  const auto expect_refused = [&segment](RawStep& raw, int32_t status, const char* why) {
    EXPECT_FALSE(segment.Step(raw.Get())) << why;
    EXPECT_EQ(segment.status(), status) << why;
    EXPECT_THAT(segment.message(), HasSubstr(why));
  };
  RawStep too_many_tokens(9);
  too_many_tokens.Add(kInitial, 0, 0, 9);
  expect_refused(too_many_tokens, SKEIN_INVALID_ARGUMENT, "at most 8 tokens, found 9");

  RawStep too_many_entries(3);
  for (uint32_t i = 0; i < 3; ++i) too_many_entries.Add(kInitial, i, i, 1);
  expect_refused(too_many_entries, SKEIN_INVALID_ARGUMENT, "at most 2 entries, found 3");

  RawStep no_tokens(2);
  no_tokens.Add(kInitial, 0, 0, 0);
  expect_refused(no_tokens, SKEIN_INVALID_ARGUMENT, "entry 0");

  RawStep past_the_end(2);
  past_the_end.Add(kInitial, 0, 1, 0xFFFFFFFFu);
  expect_refused(past_the_end, SKEIN_INVALID_ARGUMENT, "entry 0");

  RawStep overlap(3);
  overlap.Add(kInitial, 0, 0, 2);
  overlap.Add(kInitial, 1, 1, 2);
  expect_refused(overlap, SKEIN_INVALID_ARGUMENT, "entry 1");

  RawStep written_twice(2);
  written_twice.Add(kInitial, 4, 0, 1);
  written_twice.Add(kInitial, 4, 1, 1);
  expect_refused(written_twice, SKEIN_INVALID_ARGUMENT, "slot 4");

  RawStep read_and_written(2);
  read_and_written.Add(4, 5, 0, 1);
  read_and_written.Add(kInitial, 4, 1, 1);
  expect_refused(read_and_written, SKEIN_INVALID_ARGUMENT, "slot 4");

  RawStep no_such_slot(1);
  no_such_slot.Add(8, 0, 0, 1);
  expect_refused(no_such_slot, SKEIN_OUT_OF_RANGE, "slot 8");

  RawStep write_to_initial(1);
  write_to_initial.Add(0, SKEIN_SLOT_INITIAL, 0, 1);
  expect_refused(write_to_initial, SKEIN_OUT_OF_RANGE, "8 slots");

  RawStep rows_to_nowhere(1);
  rows_to_nowhere.Add(kInitial, 0, 0, 1).output = SKEIN_STEP_LOGITS;
  expect_refused(rows_to_nowhere, SKEIN_INVALID_ARGUMENT, "output_rows");

  RawStep late_start(1);
  skein_step_entry& late = late_start.Add(kInitial, 0, 0, 1);
  late.output = SKEIN_STEP_LOGITS;
  late.output_start = 2;
  expect_refused(late_start, SKEIN_INVALID_ARGUMENT, "output_start 2");
}

TEST_P(BackendContract, CutSegmentsRefuseMissingCarries) {
  const skein_segment_desc desc = DescribeSegment(model_, 1, 1, SKEIN_SEGMENT_HEAD);
  SegmentHandle segment(device_, desc);
  ASSERT_TRUE(segment.Load(TensorsOf(model_, desc))) << segment.message();
  RawStep raw(1);
  raw.Add(kInitial, 0, 0, 1);
  EXPECT_FALSE(segment.Step(raw.Get()));
  EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(segment.message(), HasSubstr("carry 0"));
  std::vector<float> x(shape().d_model, 0.5f);
  raw.step.carries_in[SKEIN_CARRY_X] = x.data();
  // v_first is a carry of RWKV-7 alone, and there it is the one that is forgotten.
  const bool has_v_first = shape().generation == 7;
  EXPECT_EQ(segment.Step(raw.Get()), !has_v_first) << segment.message();
  if (has_v_first) {
    EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(segment.message(), HasSubstr("carry 1"));
  }
}

TEST_P(BackendContract, EmptyStepDoesNothing) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  RawStep raw(0);
  EXPECT_TRUE(segment.Step(raw.Get())) << segment.message();
}

}  // namespace
}  // namespace skein::conformance
