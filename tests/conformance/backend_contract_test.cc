// The rules of skein/backend.h that are not about numbers, with a small model of every generation: slots, statuses,
// refusals, and what happens when memory runs out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/panels.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr uint32_t kInitial = SKEIN_SLOT_INITIAL;
constexpr uint32_t kWhole = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;

// One small model per version: two layers, and before RWKV-7 a time-mix of another width than the model. The first
// matrix, the embedding, is float32.
std::vector<SyntheticShape> SmallShapes() {
  const std::vector<uint32_t> types = {SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16};
  // clang-format off
  return {
      // generation, variant, L, C, A, N, F, V, ranks m w a v g
      {"Rwkv4", 4, 0, 2, 64, 96, 0, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv50", 5, 0, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv51", 5, 1, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv52", 5, 2, 2, 64, 96, 32, 96, 40, 0, 0, 0, 0, 0, types},
      {"Rwkv6", 6, 0, 2, 64, 96, 32, 96, 40, 4, 8, 0, 0, 0, types},
      {"Rwkv7", 7, 0, 2, 64, 64, 32, 96, 40, 0, 8, 8, 4, 12, types},
  };
  // clang-format on
}

class BackendContract : public ModelConformance {
 protected:
  skein_segment_desc Desc() const { return DescribeSegment(model_, 0, shape().num_layers, kWhole); }
  skein_segment_cost Query(skein_segment_desc desc, std::string* reason = nullptr) {
    skein_segment_cost cost = {};
    cost.struct_size = sizeof(cost);
    skein_message message = {};
    EXPECT_EQ(device_.table().query(device_.handle(), &desc, &cost, &message), SKEIN_OK);
    if (reason != nullptr) *reason = message.text;
    return cost;
  }
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

// --- statuses of entries ---

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

// A step made by hand, for what Pipeline does not offer.
struct RawStep {
  explicit RawStep(uint32_t num_tokens) : tokens(num_tokens, 1) {
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
  std::vector<float> logits(5 * shape().vocab_size);
  for (uint32_t i = 0; i < 5; ++i) {
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
  tensor.layer = 0;
  tensor.role = SKEIN_ROLE_V7_VALUE_DOWN;  // layer 0 of RWKV-7 has none, and other generations have none at all
  expect_refused(tensor, "role 77", "layer 0");
  tensor.role = shape().generation == 7 ? SKEIN_ROLE_CHANNEL_RECEPTANCE : SKEIN_ROLE_V7_GATE_DOWN;
  expect_refused(tensor, ("role " + std::to_string(tensor.role)).c_str(), "layer 0");
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

TEST_P(BackendContract, LayoutsThatATensorCannotHaveAreRefusedByName) {
  SegmentHandle segment(device_, Desc());
  ASSERT_EQ(segment.status(), SKEIN_OK) << segment.message();
  const auto expect_refused = [&segment](const skein_tensor& tensor, const char* role) {
    EXPECT_FALSE(segment.Put(tensor));
    EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(segment.message(), HasSubstr(role));
  };
  const skein_tensor good = model_.tensor(SKEIN_ROLE_TIME_KEY, 1).Describe();
  skein_tensor tensor = good;
  tensor.layout = 7;
  expect_refused(tensor, "role 21");
  tensor.layout = SKEIN_LAYOUT_PANELS;
  tensor.size_bytes = 64;
  expect_refused(tensor, "role 21");
  tensor = model_.tensor(SKEIN_ROLE_EMBEDDING, 0).Describe();
  tensor.layout = SKEIN_LAYOUT_PANELS;
  tensor.size_bytes =
      PanelsOf(tensor.dtype, tensor.shape[0], tensor.shape[1], static_cast<const uint8_t*>(tensor.data)).size();
  expect_refused(tensor, "role 1");
  tensor = model_.tensor(SKEIN_ROLE_OUTPUT_NORM_W, 0).Describe();
  tensor.layout = SKEIN_LAYOUT_PANELS;
  expect_refused(tensor, "role 4");
  EXPECT_TRUE(segment.Put(good)) << segment.message();
}

// "[64, 96]"
std::string ShapeText(const skein_tensor& tensor) {
  std::string text = "[";
  for (uint32_t i = 0; i < tensor.num_dims; ++i) text += (i > 0 ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

TEST_P(BackendContract, EveryRoleRefusesOtherShapes) {
  SegmentHandle segment(device_, Desc());
  ASSERT_EQ(segment.status(), SKEIN_OK) << segment.message();
  for (const skein_tensor& good : TensorsOf(model_, Desc())) {
    const auto expect_refused = [&](const skein_tensor& tensor, const std::string& found) {
      EXPECT_FALSE(segment.Put(tensor)) << "role " << good.role;
      EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT) << "role " << good.role;
      EXPECT_THAT(segment.message(),
                  AllOf(HasSubstr("role " + std::to_string(good.role)), HasSubstr(ShapeText(good)), HasSubstr(found)));
    };
    for (uint32_t dim = 0; dim < good.num_dims; ++dim) {
      skein_tensor tensor = good;
      tensor.shape[dim] += 1;
      expect_refused(tensor, ShapeText(tensor));
    }
    skein_tensor tensor = good;
    tensor.shape[tensor.num_dims++] = 1;
    expect_refused(tensor, ShapeText(tensor));
    tensor.num_dims = good.num_dims - 1;
    expect_refused(tensor, ShapeText(tensor));
    tensor.num_dims = 1000;
    expect_refused(tensor, "1000");
    if (good.num_dims == 2 && good.shape[0] != good.shape[1]) {
      tensor = good;
      std::swap(tensor.shape[0], tensor.shape[1]);  // a matrix the other way round
      expect_refused(tensor, ShapeText(tensor));
    }
    EXPECT_TRUE(segment.Put(good)) << segment.message();
  }
  EXPECT_TRUE(segment.Seal()) << segment.message();
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
  EXPECT_GE(cost.slot_bytes, 4 * StateFloats(model_.model(), shape().num_layers));
  EXPECT_GT(cost.scratch_bytes, 0u);
  skein_segment_desc half = DescribeSegment(model_, 0, 1, SKEIN_SEGMENT_EMBEDDING);
  EXPECT_EQ(Query(half).slot_bytes * 2, cost.slot_bytes);
  EXPECT_LT(Query(half).weights_bytes, cost.weights_bytes);
}

TEST_P(BackendContract, DescriptionsThatMakeNoSenseAreNotSupported) {
  struct Mistake {
    uint32_t first_generation, last_generation;  // in which it is one
    void (*make)(skein_segment_desc&);
    const char* why;
  };
  const Mistake mistakes[] = {
      {4, 7, [](skein_segment_desc& desc) { desc.model.generation = 3; }, "generation 3"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.generation = 40; }, "generation 40"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.variant = 3; }, "variant 3"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.d_model = 0xFFFFFFFFu; }, "d_model"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.d_att = 0; }, "d_att"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.d_att = 96; }, "d_att"},
      {5, 7, [](skein_segment_desc& desc) { desc.model.head_size = 0; }, "head_size"},
      {4, 4, [](skein_segment_desc& desc) { desc.model.head_size = 32; }, "head_size"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.num_heads = 4; }, "num_heads"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.vocab_size = 0; }, "vocab_size"},
      {4, 7, [](skein_segment_desc& desc) { desc.num_layers = 3; }, "num_layers"},
      {4, 7, [](skein_segment_desc& desc) { desc.first_layer = 1, desc.num_layers = 1; }, "first_layer"},
      {4, 7, [](skein_segment_desc& desc) { desc.num_layers = 1; }, "head"},
      {6, 6, [](skein_segment_desc& desc) { desc.model.rank_mix = 0; }, "rank_mix"},
      {6, 7, [](skein_segment_desc& desc) { desc.model.rank_decay = 0; }, "rank_decay"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.rank_iclr = 0; }, "rank_iclr"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.rank_value = 0; }, "rank_value"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.rank_gate = 0; }, "rank_gate"},
      {4, 7, [](skein_segment_desc& desc) { desc.flags = 64; }, "flags"},
      {4, 7, [](skein_segment_desc& desc) { desc.max_tokens = 0; }, "max_tokens"},
      {4, 7, [](skein_segment_desc& desc) { desc.compute_type = SKEIN_DTYPE_U8; }, "compute type 5"},
  };
  for (const Mistake& mistake : mistakes) {
    if (shape().generation < mistake.first_generation || shape().generation > mistake.last_generation) continue;
    skein_segment_desc desc = Desc();
    mistake.make(desc);
    std::string reason;
    EXPECT_EQ(Query(desc, &reason).supported, 0u) << mistake.why;
    EXPECT_THAT(reason, HasSubstr(mistake.why));
    SegmentHandle segment(device_, desc);
    EXPECT_NE(segment.status(), SKEIN_OK) << mistake.why;
  }
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

INSTANTIATE_TEST_SUITE_P(Backends, BackendContract,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(SmallShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
