// The rules of skein/backend.h that are not about numbers: slots, statuses, refusals, and what happens when memory runs
// out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_rwkv7.h"

namespace skein::conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr uint32_t kInitial = SKEIN_SLOT_INITIAL;
constexpr uint32_t kWhole = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;

const SyntheticShape kSmall = {"Small", 2, 64, 32, 96, 40, 8, 8, 4, 12, {SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16}};

class BackendContract : public testing::TestWithParam<std::string> {
 protected:
  std::vector<uint32_t> Tokens(uint32_t count, uint64_t seed = 3) const {
    return SyntheticTokens(count, kSmall.vocab_size, seed);
  }
  skein_segment_desc Desc() const { return DescribeSegment(model_, 0, kSmall.num_layers, kWhole); }
  skein_segment_cost Query(skein_segment_desc desc, std::string* reason = nullptr) {
    skein_segment_cost cost = {};
    cost.struct_size = sizeof(cost);
    skein_message message = {};
    EXPECT_EQ(device_.table().query(device_.handle(), &desc, &cost, &message), SKEIN_OK);
    if (reason != nullptr) *reason = message.text;
    return cost;
  }

  BackendPlugin plugin_{GetParam()};
  TestHost host_{2};
  Device device_{plugin_, host_};
  SyntheticRwkv7 model_{kSmall};
};

// --- slots ---

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

TEST_P(BackendContract, InitialIsWhatStateInitGives) {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, Tokens(10), 10);
  pipeline.Init(0);
  const std::vector<float> initial = pipeline.Export(0);
  for (const float value : initial) ASSERT_EQ(value, 0);  // generation 7 starts from nothing
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

// --- statuses of entries ---

TEST_P(BackendContract, BadTokenIdFailsItsEntryAlone) {
  Pipeline pipeline(device_, model_);
  const std::vector<float> alone = pipeline.Feed(0, Tokens(5), 5);
  std::vector<uint32_t> bad = Tokens(4);
  bad[2] = kSmall.vocab_size;
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
  model_.Overwrite(SKEIN_ROLE_EMBEDDING, 0, 3 * kSmall.d_model, 3 * kSmall.d_model + 1,
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
    ASSERT_EQ(entries[0].rows.size(), (6 - start) * kSmall.vocab_size);
    for (size_t i = 0; i < entries[0].rows.size(); ++i) {
      ASSERT_NEAR(entries[0].rows[i], all[start * kSmall.vocab_size + i], 1e-4);
    }
  }
}

// A step made by hand, for what Pipeline does not offer.
struct RawStep {
  explicit RawStep(uint32_t num_tokens) : tokens(num_tokens, 1), logits(num_tokens * kSmall.vocab_size) {
    step.struct_size = sizeof(step);
    step.num_tokens = num_tokens;
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens.data();
  }
  skein_step_entry& Add(uint32_t read_slot, uint32_t write_slot, uint32_t first_token, uint32_t num_tokens) {
    skein_step_entry entry = {};
    entry.read_slot = read_slot;
    entry.write_slot = write_slot;
    entry.first_token = first_token;
    entry.num_tokens = num_tokens;
    entry.status = -1;
    entries.push_back(entry);
    return entries.back();
  }
  const skein_step& Get() {
    step.num_entries = static_cast<uint32_t>(entries.size());
    step.entries = entries.data();
    return step;
  }

  std::vector<uint32_t> tokens;
  std::vector<float> logits;
  std::vector<skein_step_entry> entries;
  skein_step step = {};
};

TEST_P(BackendContract, FeaturesThatAreNotOfferedFailTheirEntryAlone) {
  const uint32_t features = plugin_.DeviceInfo().features;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const std::vector<uint32_t> mask(2, 0xFFFFFFFFu);
  const skein_bias bias = {.token = 1, .bias = 1};
  uint32_t ids[4];
  RawStep raw(5);
  for (uint32_t i = 0; i < 5; ++i) {
    skein_step_entry& entry = raw.Add(kInitial, i, i, 1);
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = raw.logits.data() + i * kSmall.vocab_size;
  }
  raw.entries[1].adapter = 1;
  raw.entries[2].mask = mask.data();
  raw.entries[3].bias = &bias;
  raw.entries[3].num_bias = 1;
  raw.entries[4].output = SKEIN_STEP_TOP_K;
  raw.entries[4].top_k = 4;
  raw.entries[4].output_tokens = ids;
  ASSERT_TRUE(segment.Step(raw.Get())) << segment.message();
  const auto expected = [features](uint32_t feature) { return features & feature ? SKEIN_OK : SKEIN_UNIMPLEMENTED; };
  EXPECT_EQ(raw.entries[0].status, SKEIN_OK);
  if (!(features & SKEIN_FEATURE_ADAPTERS)) {
    EXPECT_EQ(raw.entries[1].status, SKEIN_UNIMPLEMENTED);
  }
  EXPECT_EQ(raw.entries[2].status, expected(SKEIN_FEATURE_MASK_AND_BIAS));
  EXPECT_EQ(raw.entries[3].status, expected(SKEIN_FEATURE_MASK_AND_BIAS));
  EXPECT_EQ(raw.entries[4].status, expected(SKEIN_FEATURE_TOP_K));
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

// --- steps that break the rules ---

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
  std::vector<float> x(kSmall.d_model, 0.5f);
  raw.step.carries_in[SKEIN_CARRY_X] = x.data();  // and not v_first: the classic mistake
  EXPECT_FALSE(segment.Step(raw.Get()));
  EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(segment.message(), HasSubstr("carry 1"));
}

TEST_P(BackendContract, EmptyStepDoesNothing) {
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  RawStep raw(0);
  EXPECT_TRUE(segment.Step(raw.Get())) << segment.message();
}

// --- tensors ---

TEST_P(BackendContract, TensorsThatAreNotExpectedAreRefusedByName) {
  SegmentHandle segment(device_, Desc());
  ASSERT_EQ(segment.status(), SKEIN_OK) << segment.message();
  const auto expect_refused = [&segment](const skein_tensor& tensor, const char* a, const char* b) {
    EXPECT_FALSE(segment.Put(tensor));
    EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(segment.message(), AllOf(HasSubstr(a), HasSubstr(b)));
  };
  const skein_tensor good = model_.tensor(SKEIN_ROLE_TIME_KEY, 1).Describe();
  skein_tensor tensor = good;
  tensor.role = 4711;
  expect_refused(tensor, "role 4711", "layer 1");
  tensor = good;
  tensor.layer = 2;
  expect_refused(tensor, "role 21", "layer 2");
  tensor = good;
  tensor.role = SKEIN_ROLE_V7_VALUE_DOWN;  // layer 0 has none
  tensor.layer = 0;
  expect_refused(tensor, "role 77", "layer 0");
  tensor = good;
  tensor.shape[1] = 65;
  expect_refused(tensor, "[64, 64]", "[64, 65]");
  tensor = good;
  tensor.num_dims = 1;
  expect_refused(tensor, "[64, 64]", "[64]");
  tensor = good;
  tensor.num_dims = 1000;
  expect_refused(tensor, "[64, 64]", "1000");
  tensor = good;
  tensor.dtype = 99;
  expect_refused(tensor, "role 21", "type 99");
  tensor = good;
  tensor.size_bytes -= 1;
  expect_refused(tensor, std::to_string(good.size_bytes).c_str(), std::to_string(tensor.size_bytes).c_str());
  tensor = good;
  tensor.data = nullptr;
  expect_refused(tensor, std::to_string(good.size_bytes).c_str(), "found 0");

  EXPECT_TRUE(segment.Put(good)) << segment.message();
  expect_refused(good, "role 21", "twice");
}

TEST_P(BackendContract, SealNamesTheFirstMissingTensor) {
  SegmentHandle segment(device_, Desc());
  for (const skein_tensor& tensor : TensorsOf(model_, Desc())) {
    if (tensor.role == SKEIN_ROLE_CHANNEL_VALUE && tensor.layer == 1) continue;
    ASSERT_TRUE(segment.Put(tensor)) << segment.message();
  }
  EXPECT_FALSE(segment.Seal());
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(segment.message(), AllOf(HasSubstr("role 27"), HasSubstr("layer 1")));
  EXPECT_TRUE(segment.Put(model_.tensor(SKEIN_ROLE_CHANNEL_VALUE, 1).Describe()));
  EXPECT_TRUE(segment.Seal()) << segment.message();
}

TEST_P(BackendContract, CallsBeforeAndAfterSealAreRefused) {
  SegmentHandle segment(device_, Desc());
  RawStep raw(1);
  raw.Add(kInitial, 0, 0, 1);
  EXPECT_FALSE(segment.Step(raw.Get()));
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  EXPECT_FALSE(segment.Init(0));
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  EXPECT_FALSE(segment.Put(model_.tensor(SKEIN_ROLE_TIME_KEY, 1).Describe()));
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  EXPECT_FALSE(segment.Seal());
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
}

// --- descriptions ---

TEST_P(BackendContract, QueryCountsWhatASegmentTakes) {
  const skein_segment_cost cost = Query(Desc());
  EXPECT_EQ(cost.supported, 1u);
  uint64_t values = 0;
  for (const SyntheticTensor& tensor : model_.tensors()) values += tensor.values.size();
  EXPECT_GE(cost.weights_bytes, values * 2);
  EXPECT_GE(cost.slot_bytes, 4 * uint64_t{kSmall.num_layers} * (2 + kSmall.head_size) * kSmall.d_model);
  EXPECT_GT(cost.scratch_bytes, 0u);
  skein_segment_desc half = DescribeSegment(model_, 0, 1, SKEIN_SEGMENT_EMBEDDING);
  EXPECT_EQ(Query(half).slot_bytes * 2, cost.slot_bytes);
  EXPECT_LT(Query(half).weights_bytes, cost.weights_bytes);
}

TEST_P(BackendContract, DescriptionsThatMakeNoSenseAreNotSupported) {
  const auto expect_refused = [this](skein_segment_desc desc, const char* why) {
    std::string reason;
    EXPECT_EQ(Query(desc, &reason).supported, 0u) << why;
    EXPECT_THAT(reason, HasSubstr(why));
    SegmentHandle segment(device_, desc);
    EXPECT_NE(segment.status(), SKEIN_OK) << why;
  };
  skein_segment_desc desc = Desc();
  desc.model.generation = 3;
  expect_refused(desc, "generation 3");
  desc = Desc();
  desc.model.head_size = 0;
  expect_refused(desc, "head_size");
  desc = Desc();
  desc.model.num_heads = 3;
  expect_refused(desc, "num_heads");
  desc = Desc();
  desc.model.d_model = 0xFFFFFFFFu;
  expect_refused(desc, "d_model");
  desc = Desc();
  desc.model.vocab_size = 0;
  expect_refused(desc, "vocab_size");
  desc = Desc();
  desc.num_layers = 3;
  expect_refused(desc, "num_layers");
  desc = Desc();
  desc.first_layer = 1;
  desc.num_layers = 1;
  expect_refused(desc, "first_layer");
  desc = Desc();
  desc.num_layers = 1;
  expect_refused(desc, "head");
  desc = Desc();
  desc.model.rank_gate = 0;
  expect_refused(desc, "rank_gate");
  desc = Desc();
  desc.flags = 64;
  expect_refused(desc, "flags");
  desc = Desc();
  desc.max_tokens = 0;
  expect_refused(desc, "max_tokens");
  desc = Desc();
  desc.compute_type = SKEIN_DTYPE_Q4;
  expect_refused(desc, "compute type 17");
}

// --- memory ---

TEST_P(BackendContract, EveryFailedAllocationIsReportedAndLeaksNothing) {
  TestHost host(2);
  bool is_done = false;
  uint64_t number = 0;
  for (; !is_done; ++number) {
    ASSERT_LT(number, 10000u);
    host.FailAllocationsFrom(number);
    {
      Device device(plugin_, host);
      SegmentHandle segment(device, Desc());
      bool is_good = segment.status() == SKEIN_OK && segment.Load(TensorsOf(model_, Desc()));
      RawStep raw(20);
      raw.Add(kInitial, 0, 0, 20);
      is_good = is_good && segment.Step(raw.Get());
      is_done = is_good;
      EXPECT_EQ(segment.status(), is_good ? SKEIN_OK : SKEIN_RESOURCE_EXHAUSTED) << segment.message();
    }
    EXPECT_EQ(host.num_live_blocks(), 0) << "after failing allocation " << number;
  }
  EXPECT_GT(number, 1u) << "the backend takes its memory from elsewhere";
}

TEST_P(BackendContract, AbsurdNumberOfSlotsIsRefused) {
  skein_segment_desc desc = Desc();
  desc.num_slots = SKEIN_SLOT_NONE - 1;
  desc.max_tokens = 1;
  TestHost host(1);
  Device device(plugin_, host);
  SegmentHandle segment(device, desc);
  if (segment.status() == SKEIN_OK) segment.Load(TensorsOf(model_, desc));
  EXPECT_EQ(segment.status(), SKEIN_RESOURCE_EXHAUSTED) << segment.message();
}

TEST_P(BackendContract, DevicesAndSegmentsAreIndependent) {
  TestHost host(1);
  Device device(plugin_, host);
  Pipeline a(device_, model_), b(device, model_);
  const std::vector<float> first = a.Feed(0, Tokens(6), 6);
  b.Feed(0, Tokens(9, 99), 9);
  EXPECT_EQ(a.Feed(1, Tokens(6), 6), first);
}

std::string PluginName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param.substr(info.param.find_last_of('/') + 1);
  name = name.substr(0, name.find('.'));
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Backends, BackendContract, testing::ValuesIn(PluginPaths()), PluginName);

}  // namespace
}  // namespace skein::conformance
