// The contract of entries: an entry that fails has a status of its own and harms no other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "tests/conformance/backend_contract.h"

namespace skein::conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_P(BackendContract, BadTokenIdFailsItsEntryAlone) {
  Pipeline pipeline(device_, model_);
  const std::vector<float> alone = pipeline.Feed(0, Tokens(5), 5);
  std::vector<uint32_t> bad = Tokens(4);
  bad[2] = shape().vocab_size;
  std::vector<Entry> entries = {
      {.read_slot = kInitial, .write_slot = 1, .tokens = bad},
      {.read_slot = kInitial, .write_slot = 2, .tokens = Tokens(5)},
      {.read_slot = kInitial, .write_slot = 3, .tokens = {0xFFFFFFFFu}},
  };
  for (const std::vector<uint32_t>& cuts : {std::vector<uint32_t>{}, {1}, {2}}) {
    Pipeline parts(device_, model_, {.cuts = cuts});
    ASSERT_EQ(parts.Step(entries), SKEIN_OK) << parts.message();
    EXPECT_EQ(entries[0].status, SKEIN_INVALID_ARGUMENT);
    EXPECT_EQ(entries[1].status, SKEIN_OK);
    EXPECT_EQ(entries[2].status, SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(parts.message(), AllOf(HasSubstr("entry 0"), HasSubstr("id 40"), HasSubstr("40 ids")));
    for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(entries[1].rows[i], alone[i], 1e-4);
  }
}

TEST_P(BackendContract, NonFiniteResultsFailTheirEntryAlone) {
  // Token 3 is damaged, the others are not.
  model_.Overwrite(SKEIN_ROLE_EMBEDDING, 0, 3 * shape().d_model, 3 * shape().d_model + 1,
                   std::numeric_limits<float>::quiet_NaN());
  const std::vector<uint32_t> good = {1, 2, 4, 5, 6};
  for (const std::vector<uint32_t>& cuts : {std::vector<uint32_t>{}, {1}}) {
    Pipeline pipeline(device_, model_, {.cuts = cuts});
    const std::vector<float> alone = pipeline.Feed(0, good, 5);
    std::vector<Entry> entries = {
        {.read_slot = kInitial, .write_slot = 1, .tokens = {1, 3, 2}},
        {.read_slot = kInitial, .write_slot = 2, .tokens = good},
        {.read_slot = kInitial, .write_slot = 3, .tokens = {2, 3}, .output = SKEIN_STEP_NO_OUTPUT},
        {.read_slot = kInitial, .write_slot = 4, .tokens = {3}, .output = SKEIN_STEP_HIDDEN},
    };
    ASSERT_EQ(pipeline.Step(entries), SKEIN_OK) << pipeline.message();
    EXPECT_EQ(entries[0].status, SKEIN_DATA_LOSS);
    EXPECT_EQ(entries[1].status, SKEIN_OK);
    EXPECT_EQ(entries[2].status, SKEIN_DATA_LOSS);
    EXPECT_EQ(entries[3].status, SKEIN_DATA_LOSS);
    for (size_t i = 0; i < alone.size(); ++i) ASSERT_NEAR(entries[1].rows[i], alone[i], 1e-4);
  }
}

TEST_P(BackendContract, DamagedHeadFailsOnlyEntriesThatUseIt) {
  for (SyntheticTensor& tensor : model_.tensors()) {
    if (tensor.role == SKEIN_ROLE_HEAD) std::fill(tensor.data.begin(), tensor.data.begin() + 4, uint8_t{0xFF});
  }
  Pipeline pipeline(device_, model_);
  std::vector<Entry> entries = {
      {.read_slot = kInitial, .write_slot = 1, .tokens = Tokens(3)},
      {.read_slot = kInitial, .write_slot = 2, .tokens = Tokens(3), .output = SKEIN_STEP_HIDDEN},
      {.read_slot = kInitial, .write_slot = 3, .tokens = Tokens(3), .output = SKEIN_STEP_NO_OUTPUT},
  };
  ASSERT_EQ(pipeline.Step(entries), SKEIN_OK) << pipeline.message();
  EXPECT_EQ(entries[0].status, SKEIN_DATA_LOSS);
  EXPECT_EQ(entries[1].status, SKEIN_OK);
  EXPECT_EQ(entries[2].status, SKEIN_OK);
}

TEST_P(BackendContract, OutputStartSkipsTheRowsBeforeIt) {
  Pipeline pipeline(device_, model_);
  const std::vector<float> all = pipeline.Feed(0, Tokens(6), 6);
  for (const uint32_t start : {2u, 5u, 6u}) {
    std::vector<Entry> entries = {{.read_slot = kInitial, .write_slot = 1, .tokens = Tokens(6), .output_start = start}};
    ASSERT_EQ(pipeline.Step(entries), SKEIN_OK) << pipeline.message();
    ASSERT_EQ(entries[0].status, SKEIN_OK);
    ASSERT_EQ(entries[0].rows.size(), (6 - start) * shape().vocab_size);
    for (size_t i = 0; i < entries[0].rows.size(); ++i) {
      ASSERT_NEAR(entries[0].rows[i], all[start * shape().vocab_size + i], 1e-4);
    }
  }
}
TEST_P(BackendContract, FeaturesThatAreNotOfferedFailTheirEntryAlone) {
  const uint32_t features = plugin_.DeviceInfo().features;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const std::vector<uint32_t> mask(2, 0xFFFFFFFFu);
  const skein_bias bias = {.token = 1, .bias = 1};
  const double uniform = 0.5;
  const skein_sampling sampling = {
      .struct_size = sizeof(sampling), .top_k = 0, .top_p = 1, .min_p = 0, .temperature = 1, .uniforms = &uniform};
  uint32_t ids[5];
  RawStep raw(6);
  std::vector<float> logits(6 * shape().vocab_size);
  for (uint32_t i = 0; i < 6; ++i) {
    skein_step_entry& entry = raw.Add(kInitial, i, i, 1);
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = logits.data() + i * shape().vocab_size;
  }
  raw.entries[1].adapter = 1;
  raw.entries[2].mask = mask.data();
  raw.entries[3].bias = &bias;
  raw.entries[3].num_bias = 1;
  raw.entries[4].output = SKEIN_STEP_TOP_K;
  raw.entries[4].top_k = 4;
  raw.entries[4].output_tokens = ids;
  raw.entries[5].output = SKEIN_STEP_SAMPLE;
  raw.entries[5].output_tokens = ids + 4;
  raw.entries[5].sampling = &sampling;
  ASSERT_TRUE(segment.Step(raw.Get())) << segment.message();
  const auto expected = [features](uint32_t feature) { return features & feature ? SKEIN_OK : SKEIN_UNIMPLEMENTED; };
  EXPECT_EQ(raw.entries[0].status, SKEIN_OK);
  if (!(features & SKEIN_FEATURE_ADAPTERS)) {
    EXPECT_EQ(raw.entries[1].status, SKEIN_UNIMPLEMENTED);
  }
  EXPECT_EQ(raw.entries[2].status, expected(SKEIN_FEATURE_MASK_AND_BIAS));
  EXPECT_EQ(raw.entries[3].status, expected(SKEIN_FEATURE_MASK_AND_BIAS));
  EXPECT_EQ(raw.entries[4].status, expected(SKEIN_FEATURE_TOP_K));
  EXPECT_EQ(raw.entries[5].status, expected(SKEIN_FEATURE_SAMPLE));
}

TEST_P(BackendContract, EntriesAreSteppedByTheirDeclaredSize) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  struct NewerEntry {
    skein_step_entry entry;
    uint64_t added_later[2];
  };
  RawStep raw(2);
  std::vector<NewerEntry> newer = {{raw.Add(kInitial, 0, 0, 1), {~0ull, ~0ull}},
                                   {raw.Add(kInitial, 1, 1, 1), {~0ull, ~0ull}}};
  skein_step step = raw.Get();
  step.entries = newer.data();
  step.entry_size = sizeof(NewerEntry);
  ASSERT_TRUE(segment.Step(step)) << segment.message();
  EXPECT_EQ(newer[0].entry.status, SKEIN_OK);
  EXPECT_EQ(newer[1].entry.status, SKEIN_OK);
}

}  // namespace
}  // namespace skein::conformance
