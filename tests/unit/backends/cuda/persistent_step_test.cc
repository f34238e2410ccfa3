// Steps of one row whose layers go in one launch: the same bits as layer by layer, and who takes the one way or the
// other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cuda/segment.h"
#include "cuda_emulator/control.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/quantised_model.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"
#include "tests/unit/backends/cuda/host_step.h"

namespace skein::cuda {
namespace {

using conformance::SyntheticModel;
using conformance::SyntheticShape;
using conformance::TestHost;

// Two heads, sums of one step of a warp and of two, and rows that are no whole number of vectors.
SyntheticShape Wide() {
  return {.name = "Wide",
          .generation = 7,
          .num_layers = 2,
          .d_model = 128,
          .head_size = 64,
          .d_ffn = 300,
          .vocab_size = kVocabulary,
          .rank_decay = 24,
          .rank_iclr = 16,
          .rank_value = 9,
          .rank_gate = 40,
          .matrix_types = {SKEIN_DTYPE_F16}};
}

struct Trial {
  SyntheticShape shape = Wide();
  uint32_t type = SKEIN_DTYPE_F16;
  uint32_t compute_type = SKEIN_DTYPE_F16;
  uint32_t state_type = SKEIN_DTYPE_F32;
  uint32_t first_layer = 0;
  int num_multiprocessors = 5;
  int capability = 90;
  uint64_t seed = 1;
};

// What a conversation gives, and the launches of its last step, which has one row.
struct Found {
  std::vector<float> numbers;
  uint64_t num_launches = 0;
};

class Conversation {
 public:
  Conversation(const Trial& trial, const Switches& switches)
      : model_(IsQuantised(trial.type) ? conformance::Quantised(trial.shape, {trial.type})
                                       : SyntheticModel(trial.shape)) {
    emulator::Options options;
    options.num_multiprocessors = trial.num_multiprocessors;
    options.capability = trial.capability;
    options.seed = trial.seed;
    emulator::Configure(options);
    num_layers_ = trial.shape.num_layers - trial.first_layer;
    has_embedding_ = trial.first_layer == 0;
    desc_ = DescribeSegment(model_, trial.first_layer, num_layers_,
                            SKEIN_SEGMENT_HEAD | (has_embedding_ ? SKEIN_SEGMENT_EMBEDDING : 0));
    desc_.compute_type = trial.compute_type;
    desc_.weight_type = trial.type;
    desc_.state_type = trial.state_type;
    place_ = {.device = 0, .capability = static_cast<uint32_t>(trial.capability), .switches = switches};
    segment_ = MakeSegment(*host_.table(), place_, desc_);
    for (const skein_tensor& tensor : TensorsOf(model_, desc_)) segment_->Put(tensor);
    segment_->Seal();
  }

  skein_segment_cost Cost() const { return SegmentCost(place_, desc_); }
  uint32_t num_slots() const { return desc_.num_slots; }

  Found Run() {
    Step({{SKEIN_SLOT_INITIAL, 0, 3}}, 0);
    Step({{SKEIN_SLOT_INITIAL, 1}}, 5);
    Step({{0, 0}}, 11);
    Step({{0, 2}}, 12);
    Step({{1, SKEIN_SLOT_NONE}}, 13);
    Step({{2, 2}, {1, 1}}, 20);  // a stream goes from the one way to the other and back
    Step({{2, 2}}, 30);
    Step({{1, 1}}, 31);
    for (const uint32_t slot : {0u, 1u, 2u}) {
      std::vector<float> state(conformance::StateFloats(model_.model(), num_layers_));
      segment_->ExportState(slot, state.data(), state.size());
      found_.numbers.insert(found_.numbers.end(), state.begin(), state.end());
    }
    return found_;
  }

 private:
  void Step(const std::vector<Part>& parts, uint32_t first_token) {
    HostStep step(parts, first_token);
    skein_step described = step.Describe();
    std::vector<float> x(size_t{described.num_tokens} * model_.model().d_model), v_first(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = static_cast<float>(i % 11) - 5;
      v_first[i] = static_cast<float>(i % 7) - 3;
    }
    if (!has_embedding_) {
      described.carries_in[0] = x.data();
      described.carries_in[1] = v_first.data();
    }
    const uint64_t before = emulator::CurrentCounters().num_launches;
    EXPECT_EQ(segment_->Step(described).fence->Wait(-1), "");
    found_.num_launches = emulator::CurrentCounters().num_launches - before;
    found_.numbers.insert(found_.numbers.end(), step.logits().begin(), step.logits().end());
  }

  const TestHost host_{2};
  const SyntheticModel model_;
  skein_segment_desc desc_ = {};
  SegmentPlace place_ = {};
  uint32_t num_layers_ = 0;
  bool has_embedding_ = true;
  std::unique_ptr<Segment> segment_;
  Found found_;
};

Found Converse(const Trial& trial, const Switches& switches) { return Conversation(trial, switches).Run(); }

// The bits of the plain way, in one launch for all layers.
void ExpectSame(const Trial& trial) {
  const Found plain = Converse(trial, {});
  const Found found = Converse(trial, {.persistent = true});
  EXPECT_EQ(found.numbers, plain.numbers);
  EXPECT_EQ(found.num_launches + 8 * (trial.shape.num_layers - trial.first_layer), plain.num_launches + 1);
}

TEST(PersistentStepTest, HasTheBitsOfTheLayersOneByOne) {
  for (const uint64_t seed : {1u, 2u}) ExpectSame({.seed = seed});
}

TEST(PersistentStepTest, TakesEachTypeOfWeightsInputsAndStates) {
  SyntheticShape shape = Wide();
  ExpectSame({.state_type = SKEIN_DTYPE_F16});
  ExpectSame({.compute_type = SKEIN_DTYPE_F32});
  shape.matrix_types = {SKEIN_DTYPE_BF16};
  ExpectSame({.shape = shape, .type = SKEIN_DTYPE_BF16, .compute_type = SKEIN_DTYPE_BF16});
}

TEST(PersistentStepTest, TakesAnyNumberOfBlocks) {
  SyntheticShape shape = Wide();
  shape.d_ffn = 20;
  ExpectSame({.shape = shape});  // two blocks have work for each warp
  shape.d_model = 320;
  shape.d_ffn = 600;
  ExpectSame({.shape = shape, .num_multiprocessors = 2});  // three heads to one, two to the other
  shape.d_model = 64;
  shape.num_layers = 1;
  ExpectSame({.shape = shape, .num_multiprocessors = 40});  // no part in some matrices
}

TEST(PersistentStepTest, GoesOnFromALayerThatIsNotTheFirst) { ExpectSame({.first_layer = 1}); }

TEST(PersistentStepTest, IsReplayedInGraphs) {
  const Trial trial;
  const std::vector<float> plain = Converse(trial, {}).numbers;
  EXPECT_EQ(Converse(trial, {.graphs = true, .persistent = true}).numbers, plain);
  EXPECT_EQ(Converse(trial, {.graphs = true, .dependent_launch = true, .persistent = true}).numbers, plain);
  EXPECT_EQ(Converse(trial, {.dependent_launch = true, .persistent = true}).numbers, plain);
}

TEST(PersistentStepTest, LeavesWhatItDoesNotTakeToTheOtherWay) {
  SyntheticShape narrow = Wide(), odd = Wide(), five = Wide();
  narrow.head_size = 32;
  odd.d_ffn = 302;
  five.d_model = 320;
  const std::vector<Trial> trials = {{.shape = narrow},
                                     {.shape = odd},
                                     {.shape = five, .num_multiprocessors = 1},  // five heads
                                     {.type = SKEIN_DTYPE_Q8, .compute_type = SKEIN_DTYPE_Q8},
                                     {.capability = 75}};
  for (const Trial& trial : trials) {
    const Found plain = Converse(trial, {}), found = Converse(trial, {.persistent = true});
    EXPECT_EQ(found.numbers, plain.numbers);
    EXPECT_EQ(found.num_launches, plain.num_launches) << &trial - trials.data();
  }
}

TEST(PersistentStepTest, TheCostIsWhatIsAllocated) {
  const Conversation conversation({}, {.persistent = true});
  const emulator::Counters counters = emulator::CurrentCounters();
  const skein_segment_cost cost = conversation.Cost();
  const uint64_t expected = cost.weights_bytes + conversation.num_slots() * cost.slot_bytes + cost.scratch_bytes;
  EXPECT_GE(counters.allocated_bytes, expected);
  // CUDA gives memory in blocks.
  EXPECT_LT(counters.allocated_bytes, expected + 256 * counters.num_allocations);
}

TEST(PersistentStepTest, OtherGenerationsAreAsTheyWere) {
  Trial trial = {.shape = Shape(6)};
  EXPECT_EQ(Converse(trial, {.persistent = true}).numbers, Converse(trial, {}).numbers);
}

}  // namespace
}  // namespace skein::cuda
