// The contract of slots: what a step, and the calls on states, read and write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/conformance/backend_contract.h"

namespace skein::conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_P(BackendContract, AStepLeavesTheSlotsItDoesNotWrite) {
  Pipeline pipeline(device_, model_);
  for (uint32_t slot = 0; slot < 4; ++slot) pipeline.Feed(slot, Tokens(5, slot), 5);
  const auto untouched0 = pipeline.Export(0), untouched1 = pipeline.Export(1), untouched3 = pipeline.Export(3);
  pipeline.Feed(2, Tokens(9, 50), 3, 2);
  EXPECT_EQ(pipeline.Export(0), untouched0);
  EXPECT_EQ(pipeline.Export(1), untouched1);
  EXPECT_EQ(pipeline.Export(3), untouched3);
}

TEST_P(BackendContract, ManyEntriesReadOneSlotAndNoneChangesIt) {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, Tokens(10), 10);
  const std::vector<float> shared = pipeline.Export(0);
  std::vector<Entry> entries = {
      {.read_slot = 0, .write_slot = 1, .tokens = Tokens(4, 1)},
      {.read_slot = 0, .write_slot = SKEIN_SLOT_NONE, .tokens = Tokens(6, 2)},
      {.read_slot = 0, .write_slot = 2, .tokens = Tokens(1, 3)},
  };
  ASSERT_EQ(pipeline.Step(entries), SKEIN_OK) << pipeline.message();
  EXPECT_EQ(pipeline.Export(0), shared);
  for (uint32_t i = 0; i < 3; ++i) {
    const std::vector<float> alone = pipeline.Feed(5, Tokens(i == 0 ? 4 : i == 1 ? 6 : 1, i + 1), 100, 0);
    ASSERT_EQ(entries[i].status, SKEIN_OK);
    for (size_t n = 0; n < alone.size(); ++n) ASSERT_NEAR(entries[i].rows[n], alone[n], 1e-4) << "entry " << i;
  }
}

TEST_P(BackendContract, DiscardedSlotIsWrittenAgainAndTheOthersStay) {
  if (!SKEIN_HAS(skein_backend_table, &device_.table(), state_discard)) {
    GTEST_SKIP() << "the backend keeps the memory of its slots";
  }
  Pipeline pipeline(device_, model_);
  for (uint32_t slot = 0; slot < 3; ++slot) pipeline.Feed(slot, Tokens(5, slot), 5);
  const auto before = pipeline.Export(0), discarded = pipeline.Export(1), behind = pipeline.Export(2);
  pipeline.Discard(1);
  EXPECT_EQ(pipeline.Export(0), before);
  EXPECT_EQ(pipeline.Export(2), behind);
  pipeline.Feed(1, Tokens(5, 1), 5);
  EXPECT_EQ(pipeline.Export(1), discarded);
}

TEST_P(BackendContract, InitialIsWhatStateInitGives) {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, Tokens(10), 10);
  pipeline.Init(0);
  const std::vector<float> initial = pipeline.Export(0);
  // Nothing, but for RWKV-4's exponents: those of no token yet.
  const uint64_t layer_floats = StateFloats(model_.model(), 1), d_att = model_.model().d_att;
  for (size_t i = 0; i < initial.size(); ++i) {
    const bool is_exponent = shape().generation == 4 && i % layer_floats >= layer_floats - d_att;
    ASSERT_EQ(initial[i], is_exponent ? -1e30f : 0) << "float " << i;
  }
  EXPECT_EQ(pipeline.Feed(0, Tokens(6), 6, 0), pipeline.Feed(1, Tokens(6), 6, kInitial));
}

TEST_P(BackendContract, DiscardedStateTouchesNoSlot) {
  Pipeline pipeline(device_, model_, {.cuts = {}, .num_slots = 1});
  pipeline.Feed(0, Tokens(3), 3);
  const std::vector<float> before = pipeline.Export(0);
  const std::vector<float> logits = pipeline.Feed(SKEIN_SLOT_NONE, Tokens(8), 8, 0);
  EXPECT_EQ(pipeline.Export(0), before);
  const std::vector<float> kept = pipeline.Feed(0, Tokens(8), 8, 0);
  EXPECT_EQ(logits, kept);
}

TEST_P(BackendContract, CopyExportAndImportKeepEveryBit) {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, Tokens(12), 12);
  pipeline.Copy(0, 4);
  EXPECT_EQ(pipeline.Export(4), pipeline.Export(0));
  pipeline.Import(6, pipeline.Export(0));
  EXPECT_EQ(pipeline.Export(6), pipeline.Export(0));
}

TEST_P(BackendContract, StateCallsRefuseWrongSlotsAndSizes) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  std::vector<float> state(segment.StateFloats());
  EXPECT_FALSE(segment.Init(8));
  EXPECT_EQ(segment.status(), SKEIN_OUT_OF_RANGE);
  EXPECT_THAT(segment.message(), AllOf(HasSubstr("slot 8"), HasSubstr("8 slots")));
  EXPECT_FALSE(segment.Copy(0, SKEIN_SLOT_NONE));
  EXPECT_EQ(segment.status(), SKEIN_OUT_OF_RANGE);
  EXPECT_FALSE(segment.Export(SKEIN_SLOT_INITIAL, state));
  EXPECT_EQ(segment.status(), SKEIN_OUT_OF_RANGE);
  state.pop_back();
  EXPECT_FALSE(segment.Import(0, state));
  EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(segment.message(), HasSubstr(std::to_string(segment.StateFloats())));
}

}  // namespace
}  // namespace skein::conformance
