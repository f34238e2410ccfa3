// Segments on an emulated device: memory, faults of the device, and the switches, which change no bit of the results.
#include "cuda/segment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/algorithm_file.h"
#include "cuda/devices.h"
#include "cuda/expanded_products.h"
#include "cuda_emulator/control.h"
#include "skein/status.h"
#include "support/boundary.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/quantised_model.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"
#include "tests/unit/backends/cuda/host_step.h"
#include "tests/unit/backends/cuda/small_shape.h"

namespace skein::cuda {
namespace {

using conformance::DescribeSegment;
using conformance::SyntheticModel;
using conformance::SyntheticShape;
using conformance::TestHost;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr uint32_t kWhole = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;

// The most likely token of each row.
std::vector<uint32_t> MostLikely(const std::vector<float>& logits) {
  std::vector<uint32_t> tokens;
  for (auto row = logits.begin(); row != logits.end(); row += kVocabulary) {
    tokens.push_back(static_cast<uint32_t>(std::max_element(row, row + kVocabulary) - row));
  }
  return tokens;
}

class SegmentTest : public testing::Test {
 protected:
  void SetUp() override { emulator::Configure({}); }

  skein_segment_desc Desc(uint32_t compute_type = SKEIN_DTYPE_F16) const {
    skein_segment_desc desc = DescribeSegment(model_, 0, 2, kWhole);
    desc.compute_type = compute_type;
    desc.weight_type = SKEIN_DTYPE_F16;
    return desc;
  }
  static SegmentPlace Place(const Switches& switches = {}) {
    return {.device = 0, .capability = 90, .switches = switches};
  }

  static void Load(Segment& segment, const SyntheticModel& model, const skein_segment_desc& desc) {
    for (const skein_tensor& tensor : TensorsOf(model, desc)) segment.Put(tensor);
    segment.Seal();
  }
  std::unique_ptr<Segment> Make(const Switches& switches, const skein_segment_desc& desc) const {
    std::unique_ptr<Segment> segment = MakeSegment(*host_.table(), Place(switches), desc);
    Load(*segment, model_, desc);
    return segment;
  }

  // Of a model whose matrices and arithmetic are of one type. The model goes on to be that of later calls.
  std::unique_ptr<Segment> MakeOf(uint32_t type, const Switches& switches) {
    model_ = IsQuantised(type) ? conformance::Quantised(Shape(), {type}) : SyntheticModel(Shape());
    skein_segment_desc desc = Desc(type);
    desc.weight_type = type;
    return Make(switches, desc);
  }

  static std::vector<float> Run(Segment& segment, const std::vector<Part>& parts, uint32_t first_token) {
    HostStep step(parts, first_token);
    const kit::StepEnd<Fence> end = segment.Step(step.Describe());
    EXPECT_EQ(end.fence->Wait(-1), "");
    return step.logits();
  }

  // Prompts, decode steps of one to six streams, slots that change, and a state that leaves while a step is under way.
  std::vector<float> Converse(Segment& segment) const {
    std::vector<float> all;
    const auto add = [&all](const std::vector<float>& some) { all.insert(all.end(), some.begin(), some.end()); };
    for (uint32_t slot = 0; slot < 6; ++slot) {
      add(Run(segment, {{SKEIN_SLOT_INITIAL, slot, 1 + slot}}, slot));
    }
    for (uint32_t count = 1; count <= 6; ++count) {
      std::vector<Part> parts;
      for (uint32_t i = 0; i < count; ++i) parts.push_back({(i + count) % 6, (i + count) % 6});
      add(Run(segment, parts, 10 * count));
    }
    HostStep first({{0, 6}, {1, 1}}, 30), second({{2, 7}, {3, 3}}, 40);
    const auto first_end = segment.Step(first.Describe());
    const auto second_end = segment.Step(second.Describe());
    std::vector<float> state(conformance::StateFloats(model_.model(), 2));
    segment.ExportState(6, state.data(), state.size());
    add(state);
    segment.ImportState(5, state.data(), state.size());
    EXPECT_EQ(second_end.fence->Wait(-1), "");
    EXPECT_TRUE(first_end.fence->IsDone());
    add(first.logits());
    add(second.logits());
    add(Run(segment, {{5, 5}, {6, 6}}, 50));
    return all;
  }

  const TestHost host_{2};
  SyntheticModel model_{Shape()};
};

TEST_F(SegmentTest, TheCostIsWhatIsAllocated) {
  for (const bool is_on : {false, true}) {
    const Switches switches = {.timed_products = is_on,
                               .sparse = is_on,
                               .split_sums = is_on,
                               .split_logits = is_on,
                               .rounded_rows = is_on,
                               .wide_tiles = is_on,
                               .async_states = is_on};
    skein_segment_desc desc = Desc(SKEIN_DTYPE_F16);
    desc.state_type = SKEIN_DTYPE_F16;  // exports need room of their own
    const skein_segment_cost cost = SegmentCost(Place(switches), desc);
    const emulator::Counters before = emulator::CurrentCounters();
    const std::unique_ptr<Segment> segment = Make(switches, desc);
    const emulator::Counters after = emulator::CurrentCounters();
    const uint64_t bytes = after.allocated_bytes - before.allocated_bytes;
    const uint64_t expected = cost.weights_bytes + desc.num_slots * cost.slot_bytes + cost.scratch_bytes;
    EXPECT_GE(bytes, expected);
    // CUDA gives memory in blocks.
    EXPECT_LT(bytes, expected + 256 * (after.num_allocations - before.num_allocations));
  }
}

TEST_F(SegmentTest, EveryAllocationThatFailsIsToldAndLeavesNothing) {
  int64_t number = 0;
  for (bool is_done = false; !is_done; ++number) {
    ASSERT_LT(number, 1000);
    emulator::Options options;
    options.fail_allocation = number;
    emulator::Configure(options);
    try {
      const std::unique_ptr<Segment> segment = Make({}, Desc());
      Run(*segment, {{SKEIN_SLOT_INITIAL, 0, 3}}, 0);
      is_done = true;
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_RESOURCE_EXHAUSTED) << error.what();
      EXPECT_THAT(std::string(error.what()), AllOf(HasSubstr("cuda:0"), HasSubstr("no memory for")));
    }
    EXPECT_EQ(emulator::CurrentCounters().allocated_bytes, 0u) << "after failing allocation " << number;
  }
  EXPECT_GT(number, 10);
}

TEST_F(SegmentTest, ADeviceWithoutCodeGetsNoWeights) {
  emulator::Options options;
  options.has_code = false;
  emulator::Configure(options);
  try {
    Make({}, Desc());
    FAIL() << "it was loaded";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_UNAVAILABLE);
  }
  EXPECT_EQ(emulator::CurrentCounters().num_allocations, 0u);
}

TEST_F(SegmentTest, ALostDeviceSaysSoInThisAndEveryLaterCall) {
  emulator::Options options;
  options.lose_at_launch = 5;
  emulator::Configure(options);
  const std::unique_ptr<Segment> segment = Make({}, Desc());
  const auto expect_lost = [](const auto& call) {
    try {
      call();
      ADD_FAILURE() << "the device is not lost";
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_UNAVAILABLE) << error.what();
      EXPECT_THAT(std::string(error.what()), HasSubstr("device cuda:0 is lost"));
    }
  };
  for (int i = 0; i < 3; ++i) {
    expect_lost([&] { Run(*segment, {{SKEIN_SLOT_INITIAL, 0, 3}}, 0); });
  }
  std::vector<float> state(conformance::StateFloats(model_.model(), 2));
  expect_lost([&] { segment->ExportState(0, state.data(), state.size()); });
}

TEST_F(SegmentTest, GraphsAreCapturedOnceABucketAndChangeNoBit) {
  for (const uint32_t compute_type : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F16}) {
    const std::vector<float> expected = Converse(*Make({}, Desc(compute_type)));
    const std::unique_ptr<Segment> segment = Make({.graphs = true}, Desc(compute_type));
    const uint64_t before = emulator::CurrentCounters().num_graph_launches;
    EXPECT_EQ(Converse(*segment), expected);
    // A prompt of one token, decode steps of one to six streams, and three of two. Of 1, 2, 3, 4 and 8 rows the first
    // is no graph.
    EXPECT_EQ(emulator::CurrentCounters().num_graph_launches - before, 1u + 6 + 3 - 5);
    EXPECT_EQ(Converse(*segment), expected);
    EXPECT_EQ(emulator::CurrentCounters().num_graph_launches - before, 2 * (1u + 6 + 3) - 5);
  }
}

TEST_F(SegmentTest, DependentLaunchAndASecondStreamChangeNoBit) {
  const std::vector<float> expected = Converse(*Make({}, Desc()));
  EXPECT_EQ(Converse(*Make({.dependent_launch = true}, Desc())), expected);
  EXPECT_EQ(Converse(*Make({.async_states = true}, Desc())), expected);
  EXPECT_EQ(Converse(*Make({.graphs = true, .dependent_launch = true, .async_states = true}, Desc())), expected);
}

TEST_F(SegmentTest, SkippingZerosChangesTheOrderOfSumsAlone) {
  for (const uint32_t type : {SKEIN_DTYPE_F16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const std::vector<float> expected = Converse(*MakeOf(type, {}));
    const std::vector<float> sparse = Converse(*MakeOf(type, {.sparse = true}));
    ASSERT_EQ(sparse.size(), expected.size());
    for (size_t i = 0; i < sparse.size(); ++i) ASSERT_NEAR(sparse[i], expected[i], 1e-3);
    EXPECT_NE(sparse, expected) << "the sparse product did not run";
  }
}

TEST_F(SegmentTest, NibbleProductsChangeTheOrderOfSumsAlone) {
  const std::vector<float> expected = Converse(*MakeOf(SKEIN_DTYPE_Q4, {}));
  const std::vector<float> found = Converse(*MakeOf(SKEIN_DTYPE_Q4, {.nibble_products = true}));
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-3);
  EXPECT_NE(found, expected) << "the product of nibbles did not run";
}

TEST_F(SegmentTest, BlocksThatShareSumsChangeNoBit) {
  SyntheticShape shape = Shape();
  shape.d_ffn = 1100;
  model_ = SyntheticModel(shape);
  const std::vector<float> expected = Converse(*Make({}, Desc()));
  const auto counts = [] { return emulator::CurrentCounters().num_blocks; };
  const uint64_t before = counts();
  EXPECT_EQ(Converse(*Make({}, Desc())), expected);
  const uint64_t plain = counts() - before;
  EXPECT_EQ(Converse(*Make({.split_sums = true}, Desc())), expected);
  EXPECT_GT(counts() - before - plain, plain) << "no sum is shared";
  EXPECT_EQ(Converse(*Make({.graphs = true, .dependent_launch = true, .split_sums = true}, Desc())), expected);
}

TEST_F(SegmentTest, RowsThatAreRoundedWhereTheyAreMadeChangeNoBit) {
  for (const uint32_t generation : {4u, 5u, 6u, 7u}) {
    SyntheticShape shape = Shape(generation);
    for (const uint32_t d_ffn : {40u, 44u}) {  // no copies of the second
      shape.d_ffn = d_ffn;
      model_ = SyntheticModel(shape);
      const skein_segment_desc desc = Desc(SKEIN_DTYPE_F16);
      const std::vector<float> expected = Converse(*Make({}, desc));
      EXPECT_EQ(Converse(*Make({.rounded_rows = true}, desc)), expected) << generation << ", " << d_ffn;
      EXPECT_EQ(Converse(*Make({.graphs = true, .dependent_launch = true, .rounded_rows = true}, desc)), expected);
    }
    const std::vector<float> expected = Converse(*Make({}, Desc()));
    EXPECT_EQ(Converse(*Make({.split_sums = true, .wide_tiles = true}, Desc())), expected) << generation;
  }
}

// A prompt, long enough for chunks, and a step behind it, of a model with heads of 64.
std::vector<float> LongPromptLogits(uint32_t generation, uint32_t compute_type, const Switches& switches) {
  const TestHost host(2);
  SyntheticShape shape = Shape(generation);
  shape.head_size = 64;
  const SyntheticModel model(shape);
  skein_segment_desc desc = DescribeSegment(model, 0, 2, kWhole);
  desc.compute_type = compute_type;
  desc.weight_type = SKEIN_DTYPE_F16;
  const SegmentPlace place = {.device = 0, .capability = 90, .switches = switches};
  const std::unique_ptr<Segment> segment = MakeSegment(*host.table(), place, desc);
  for (const skein_tensor& tensor : TensorsOf(model, desc)) segment->Put(tensor);
  segment->Seal();
  const std::vector<std::vector<Part>> steps = {{{SKEIN_SLOT_INITIAL, 0, 64}, {SKEIN_SLOT_INITIAL, 1, 3}},
                                                {{SKEIN_SLOT_INITIAL, 2, 64}},
                                                {{0, 0}, {1, 1}, {2, 2}}};
  std::vector<float> logits;
  for (const std::vector<Part>& parts : steps) {
    HostStep step(parts, 5);
    EXPECT_EQ(segment->Step(step.Describe()).fence->Wait(-1), "");
    logits.insert(logits.end(), step.logits().begin(), step.logits().end());
  }
  return logits;
}

TEST_F(SegmentTest, ChunksChangeTheOrderOfSumsAlone) {
  for (const uint32_t generation : {6u, 7u}) {
    for (const uint32_t compute_type : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F16}) {
      SCOPED_TRACE(std::to_string(generation) + ", " + std::to_string(compute_type));
      const std::vector<float> walked = LongPromptLogits(generation, compute_type, {});
      const std::vector<float> chunked = LongPromptLogits(generation, compute_type, {.chunked_wkv = true});
      ASSERT_EQ(walked.size(), chunked.size());
      const float tolerance = compute_type == SKEIN_DTYPE_NONE ? 1e-4f : 2e-2f;
      for (size_t i = 0; i < walked.size(); ++i) ASSERT_NEAR(walked[i], chunked[i], tolerance) << i;
      EXPECT_NE(walked, chunked) << "nothing went by chunks";
      if (generation != 7) continue;
      EXPECT_EQ(LongPromptLogits(generation, compute_type, {.wide_tiles = true, .chunked_wkv = true}), chunked);
    }
  }
}

// RWKV-6 has other kernels for few rows than for many. In float32 nobody sees which.
TEST_F(SegmentTest, InFloat32ARowOfRwkv6HasTheSameBitsInEveryStep) {
  const TestHost host(2);
  SyntheticShape shape = Shape(6);
  shape.rank_decay = 24;
  const SyntheticModel model(shape);
  skein_segment_desc desc = DescribeSegment(model, 0, 2, kWhole);
  desc.compute_type = SKEIN_DTYPE_NONE;
  desc.weight_type = SKEIN_DTYPE_F16;
  const std::unique_ptr<Segment> segment = MakeSegment(*host.table(), Place(), desc);
  Load(*segment, model, desc);
  const std::vector<float> whole = Run(*segment, {{SKEIN_SLOT_INITIAL, 0, 70}}, 3);
  std::vector<float> pieces;
  uint32_t done = 0;
  for (const uint32_t count : {1u, 2u, 4u, 63u}) {
    const auto piece = Run(*segment, {{done == 0 ? SKEIN_SLOT_INITIAL : 1u, 1, count}}, 3 + 7 * done);
    pieces.insert(pieces.end(), piece.begin(), piece.end());
    done += count;
  }
  EXPECT_EQ(whole, pieces);
}

TEST_F(SegmentTest, InFloat32NothingIsSkipped) {
  EXPECT_EQ(Converse(*Make({.sparse = true}, Desc(SKEIN_DTYPE_NONE))), Converse(*Make({}, Desc(SKEIN_DTYPE_NONE))));
}

TEST_F(SegmentTest, ASlotThatWasDiscardedReadsAsTheInitialState) {
  const std::unique_ptr<Segment> segment = Make({}, Desc());
  const auto state_of = [&](uint32_t slot) {
    std::vector<float> state(conformance::StateFloats(model_.model(), 2));
    segment->ExportState(slot, state.data(), state.size());
    return state;
  };
  const std::vector<float> fresh = state_of(0);
  Run(*segment, {{SKEIN_SLOT_INITIAL, 0, 3}, {SKEIN_SLOT_INITIAL, 1, 3}}, 0);
  const std::vector<float> kept = state_of(1);
  EXPECT_NE(state_of(0), fresh);
  segment->DiscardState(0);
  EXPECT_EQ(state_of(0), fresh);
  EXPECT_EQ(state_of(1), kept);
  EXPECT_EQ(Run(*segment, {{0, 2, 2}}, 9), Run(*segment, {{SKEIN_SLOT_INITIAL, 3, 2}}, 9));
  EXPECT_THROW(segment->DiscardState(Desc().num_slots), plugin::Error);
}

TEST_F(SegmentTest, StatesInBinary16TakeLessAndAreRounded) {
  skein_segment_desc desc = Desc();
  const std::vector<float> expected = Converse(*Make({}, desc));
  const uint64_t slot_bytes = SegmentCost(Place({}), desc).slot_bytes;
  desc.state_type = SKEIN_DTYPE_F16;
  EXPECT_LT(SegmentCost(Place({}), desc).slot_bytes, slot_bytes);
  const std::vector<float> rounded = Converse(*Make({}, desc));
  ASSERT_EQ(rounded.size(), expected.size());
  for (size_t i = 0; i < rounded.size(); ++i) ASSERT_NEAR(rounded[i], expected[i], 2e-2);
  EXPECT_NE(rounded, expected) << "the states are float32";
}

TEST_F(SegmentTest, WithoutTheLibraryOwnProductsServe) {
  const skein_segment_desc desc = Desc();
  const std::vector<float> expected = Run(*Make({}, desc), {{SKEIN_SLOT_INITIAL, 0, 80}}, 0);
  EXPECT_EQ(Run(*Make({.library = true}, desc), {{SKEIN_SLOT_INITIAL, 0, 80}}, 0), expected);
}

// Of a file that an earlier start has left, so that no time decides.
TEST_F(SegmentTest, CodesThatWereTimedAreExpandedForManyRows) {
  const std::string folder = testing::TempDir() + "segment_test_timed";
  std::filesystem::remove_all(folder);
  setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  Algorithms choices;
  for (const uint32_t num_outputs : {8, 16, 64, 77, 96}) {
    for (const uint32_t num_inputs : {8, 16, 64, 96}) {
      for (const uint32_t num_rows : {128, 256}) {
        const bool is_expanded = num_outputs == 96 || num_outputs == 77;
        choices[{static_cast<uint32_t>(WeightType::kQ8), num_outputs, num_inputs, num_rows}] =
            AlgorithmOf(is_expanded ? CodePath::kExpandedTiles : CodePath::kCodes);
      }
    }
  }
  ASSERT_TRUE(AddToAlgorithmFile(AlgorithmFilePath(CurrentDeviceModel(), 0), choices));
  const std::vector<Part> many = {{SKEIN_SLOT_INITIAL, 0, 70}}, few = {{SKEIN_SLOT_INITIAL, 0, 40}};
  const std::unique_ptr<Segment> plain = MakeOf(SKEIN_DTYPE_Q8, {});
  const std::unique_ptr<Segment> timed = MakeOf(SKEIN_DTYPE_Q8, {.timed_products = true});
  EXPECT_EQ(Run(*timed, few, 0), Run(*plain, few, 0));
  const std::vector<float> expected = Run(*plain, many, 0), found = Run(*timed, many, 0);
  EXPECT_NE(found, expected) << "nothing was expanded";
  // The weights of the key and the head have eight bits.
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 5e-2);
  std::filesystem::remove_all(folder);
  unsetenv("XDG_CACHE_HOME");
}

TEST_F(SegmentTest, MoreLogitsThanHaveRoomGoThroughInTurns) {
  skein_segment_desc desc = Desc(SKEIN_DTYPE_NONE);
  desc.max_entries = 1;  // room for 64 rows of logits
  const std::vector<float> whole = Run(*Make({}, desc), {{SKEIN_SLOT_INITIAL, 0, 150}}, 3);
  const std::unique_ptr<Segment> segment = Make({}, desc);
  std::vector<float> pieces;
  for (uint32_t first = 0; first < 150; first += 50) {
    const auto piece = Run(*segment, {{first == 0 ? SKEIN_SLOT_INITIAL : 0u, 0, 50}}, 3 + 7 * first);
    pieces.insert(pieces.end(), piece.begin(), piece.end());
  }
  EXPECT_EQ(whole, pieces);
}

TEST_F(SegmentTest, RowsThatAreReducedGoThroughInTurnsToo) {
  skein_segment_desc desc = Desc(SKEIN_DTYPE_NONE);
  desc.max_entries = 2;  // room for 64 rows of logits
  const std::vector<Part> parts = {{SKEIN_SLOT_INITIAL, 0, 40}, {SKEIN_SLOT_INITIAL, 1, 110}};
  const std::unique_ptr<Segment> segment = Make({}, desc);
  const std::vector<float> all = Run(*segment, parts, 3);
  const std::vector<uint32_t> expected = MostLikely(all);

  // One part wants all logits, which come first and leave the other's in two turns.
  HostStep mixed(parts, 3);
  mixed.DrawTokens();
  std::vector<float> logits(size_t{40} * kVocabulary);
  mixed.WantLogits(0, logits.data());
  EXPECT_EQ(segment->Step(mixed.Describe()).fence->Wait(-1), "");
  EXPECT_EQ(logits, std::vector<float>(all.begin(), all.begin() + 40 * kVocabulary));
  EXPECT_TRUE(std::equal(expected.begin() + 40, expected.end(), mixed.draws().begin() + 40));

  HostStep drawn(parts, 3);
  drawn.DrawTokens();
  EXPECT_EQ(segment->Step(drawn.Describe()).fence->Wait(-1), "");
  EXPECT_EQ(drawn.draws(), expected);
}

TEST_F(SegmentTest, AGraphServesDrawsWhateverIsWantedOfThem) {
  const std::unique_ptr<Segment> segment = Make({.graphs = true}, Desc(SKEIN_DTYPE_NONE));
  const std::vector<Part> parts(5, Part{SKEIN_SLOT_INITIAL, SKEIN_SLOT_NONE});
  const std::vector<float> logits = Run(*segment, parts, 1);
  const std::vector<uint32_t> expected = MostLikely(logits);
  const std::vector<uint32_t> mask = {0, 1, 0};  // token 32 alone
  const skein_bias favourite = {21, 1e6f};
  const uint64_t before = emulator::CurrentCounters().num_graph_launches;
  const auto draws = [&](HostStep& step) {
    EXPECT_EQ(segment->Step(step.Describe()).fence->Wait(-1), "");
    return step.draws();
  };
  HostStep plain(parts, 1);
  plain.DrawTokens();
  EXPECT_EQ(draws(plain), expected);

  HostStep changed(parts, 1);
  changed.DrawTokens();
  changed.entry(1).bias = &favourite;
  changed.entry(1).num_bias = 1;
  changed.entry(4).mask = mask.data();
  EXPECT_THAT(draws(changed), ElementsAre(expected[0], 21, expected[2], expected[3], 32));

  HostStep mixed(parts, 1);
  mixed.DrawTokens();
  std::vector<float> row(kVocabulary);
  mixed.WantLogits(3, row.data());
  EXPECT_THAT(draws(mixed), ElementsAre(expected[0], expected[1], expected[2], kVocabulary, expected[4]));
  EXPECT_TRUE(std::equal(row.begin(), row.end(), logits.begin() + 3 * kVocabulary));
  EXPECT_EQ(emulator::CurrentCounters().num_graph_launches - before, 3u);
}

TEST_F(SegmentTest, LogitsOfDrawsStayOnTheDevice) {
  const std::vector<Part> parts(5, Part{SKEIN_SLOT_INITIAL, SKEIN_SLOT_NONE});
  for (const bool graphs : {false, true}) {
    const std::unique_ptr<Segment> segment = Make({.graphs = graphs}, Desc());
    const auto copied_by = [&](HostStep& step) {
      const uint64_t before = emulator::CurrentCounters().copied_to_host_bytes;
      EXPECT_EQ(segment->Step(step.Describe()).fence->Wait(-1), "");
      return emulator::CurrentCounters().copied_to_host_bytes - before;
    };
    HostStep all(parts, 1), drawn(parts, 1);
    drawn.DrawTokens();
    const uint64_t row_bytes = kVocabulary * sizeof(float);
    // Twice, so that both steps in flight have a place for logits.
    EXPECT_GE(copied_by(all), 5 * row_bytes);
    EXPECT_GE(copied_by(all), 5 * row_bytes);
    EXPECT_LT(copied_by(drawn), row_bytes);
  }
}

TEST_F(SegmentTest, ADrawIsACopyInAndACopyOut) {
  const std::vector<Part> parts(5, Part{SKEIN_SLOT_INITIAL, SKEIN_SLOT_NONE});
  const std::unique_ptr<Segment> segment = Make({}, Desc());
  HostStep drawn(parts, 1);
  drawn.DrawTokens();
  const uint64_t before = emulator::CurrentCounters().num_copies;
  EXPECT_EQ(segment->Step(drawn.Describe()).fence->Wait(-1), "");
  EXPECT_EQ(emulator::CurrentCounters().num_copies - before, 2u);
  EXPECT_EQ(emulator::CurrentCounters().num_pageable_copies, 0u) << "of the load too: such a copy waits";
}

TEST_F(SegmentTest, AStepWaitsForNoOtherThanTheOneThatHasItsMemory) {
  const std::unique_ptr<Segment> segment = Make({}, Desc());
  HostStep steps[] = {{{{SKEIN_SLOT_INITIAL, 0, 2}}, 1}, {{{0, 0}}, 2}, {{{0, 0}}, 3}};
  const auto first = segment->Step(steps[0].Describe());
  const auto second = segment->Step(steps[1].Describe());
  const auto third = segment->Step(steps[2].Describe());
  EXPECT_TRUE(first.fence->IsDone()) << "its memory is the third's";
  EXPECT_EQ(third.fence->Wait(-1), "");
  EXPECT_TRUE(second.fence->IsDone());
}

TEST_F(SegmentTest, FencesOutliveTheSegment) {
  std::unique_ptr<Segment> segment = Make({}, Desc());
  HostStep step({{SKEIN_SLOT_INITIAL, 0, 2}}, 1);
  const auto end = segment->Step(step.Describe());
  segment.reset();
  EXPECT_TRUE(end.fence->IsDone());
  EXPECT_EQ(end.fence->Wait(0), "");
}

// The first device is that of every thread until it chooses another.
TEST_F(SegmentTest, OnTheSecondDeviceItTakesNoMemoryOfTheFirst) {
  emulator::Options options;
  options.num_devices = 2;
  for (const bool has_context_stack : {true, false}) {
    options.has_context_stack = has_context_stack;
    emulator::Configure(options);
    SegmentPlace place = Place();
    place.device = 1;
    std::unique_ptr<Segment> segment = MakeSegment(*host_.table(), place, Desc());
    Load(*segment, model_, Desc());
    EXPECT_THAT(Converse(*segment), Not(IsEmpty()));
    HostStep step({{SKEIN_SLOT_INITIAL, 0, 2}}, 1);
    kit::StepEnd<Fence> end = segment->Step(step.Describe());
    std::thread([&] {
      EXPECT_EQ(end.fence->Wait(1'000'000'000), "");
      segment.reset();
      EXPECT_TRUE(end.fence->IsDone());
      end.fence.reset();
    }).join();
    int current = -1;
    EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
    EXPECT_EQ(current, 0) << "the thread has its device again";
    EXPECT_EQ(emulator::CurrentCounters().num_contexts, has_context_stack ? 1u : 2u);
  }
}

TEST_F(SegmentTest, ShapesThatNoKernelTakesAreRefused) {
  const std::pair<uint32_t skein_backend_model::*, uint32_t> limits[] = {{&skein_backend_model::head_size, 256},
                                                                         {&skein_backend_model::d_model, 65535},
                                                                         {&skein_backend_model::d_ffn, 458745},
                                                                         {&skein_backend_model::vocab_size, 524280}};
  for (const auto& [field, most] : limits) {
    skein_segment_desc desc = Desc();
    desc.model.*field = most;
    EXPECT_NO_THROW(SegmentCost(Place(), desc)) << most;
    ++(desc.model.*field);
    EXPECT_THROW(SegmentCost(Place(), desc), plugin::Error) << most;
    EXPECT_THROW(MakeSegment(*host_.table(), Place(), desc), plugin::Error) << most;
  }
}

}  // namespace
}  // namespace skein::cuda
