// The launches of a layer, by generation and number of rows.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "cuda/segment.h"
#include "cuda_emulator/control.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::cuda {
namespace {

using conformance::SyntheticModel;
using conformance::SyntheticShape;

SyntheticShape ShapeOf(uint32_t generation, uint32_t num_layers) {
  return {.name = "Launches",
          .generation = generation,
          .variant = generation == 5 ? 2u : 0u,
          .num_layers = num_layers,
          .d_model = 32,
          .head_size = generation == 4 ? 0u : 16u,
          .d_ffn = 40,
          .vocab_size = 7,
          .rank_mix = generation == 6 ? 8u : 0u,
          .rank_decay = generation >= 6 ? 8u : 0u,
          .rank_iclr = generation == 7 ? 8u : 0u,
          .rank_value = generation == 7 ? 8u : 0u,
          .rank_gate = generation == 7 ? 8u : 0u,
          .matrix_types = {SKEIN_DTYPE_F16}};
}

// Launches of a step in which one stream reads `num_rows` tokens.
uint64_t LaunchesOfStep(const SyntheticShape& shape, uint32_t num_rows, const Switches& switches) {
  emulator::Configure({});
  const conformance::TestHost host(1);
  const SyntheticModel model(shape);
  skein_segment_desc desc = DescribeSegment(model, 0, shape.num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
  desc.compute_type = SKEIN_DTYPE_F16;
  desc.weight_type = SKEIN_DTYPE_F16;
  const SegmentPlace place = {.device = 0, .capability = 90, .switches = switches};
  const std::unique_ptr<Segment> segment = MakeSegment(*host.table(), place, desc);
  for (const skein_tensor& tensor : TensorsOf(model, desc)) segment->Put(tensor);
  segment->Seal();

  std::vector<uint32_t> tokens(num_rows);
  for (uint32_t i = 0; i < num_rows; ++i) tokens[i] = i % shape.vocab_size;
  std::vector<float> logits(size_t{num_rows} * shape.vocab_size);
  skein_step_entry entry = {};
  entry.read_slot = SKEIN_SLOT_INITIAL;
  entry.write_slot = 0;
  entry.num_tokens = num_rows;
  entry.output = SKEIN_STEP_LOGITS;
  entry.output_rows = logits.data();
  skein_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = num_rows;
  step.num_entries = 1;
  step.entry_size = sizeof(entry);
  step.tokens = tokens.data();
  step.entries = &entry;
  const uint64_t before = emulator::CurrentCounters().num_launches;
  EXPECT_EQ(segment->Step(step).fence->Wait(-1), "");
  return emulator::CurrentCounters().num_launches - before;
}

uint64_t LaunchesOfLayer(uint32_t generation, uint32_t num_rows, const Switches& switches = {}) {
  return LaunchesOfStep(ShapeOf(generation, 3), num_rows, switches) -
         LaunchesOfStep(ShapeOf(generation, 2), num_rows, switches);
}

constexpr uint32_t kFewRows[] = {1, 3, 9, 64};

TEST(LaunchesTest, ALayerOfRwkv4Or5IsSeven) {
  for (const uint32_t generation : {4u, 5u}) {
    for (const uint32_t num_rows : kFewRows) EXPECT_EQ(LaunchesOfLayer(generation, num_rows), 7u) << num_rows;
    EXPECT_EQ(LaunchesOfLayer(generation, 65), 7u);
  }
}

TEST(LaunchesTest, ALayerOfRwkv6IsEightUpToSixtyFourRows) {
  for (const uint32_t num_rows : kFewRows) EXPECT_EQ(LaunchesOfLayer(6, num_rows), 8u) << num_rows;
  EXPECT_EQ(LaunchesOfLayer(6, 65), 10u);
}

TEST(LaunchesTest, ALayerOfRwkv7IsEight) {
  for (const uint32_t num_rows : kFewRows) EXPECT_EQ(LaunchesOfLayer(7, num_rows), 8u) << num_rows;
  EXPECT_EQ(LaunchesOfLayer(7, 65), 8u);
}

}  // namespace
}  // namespace skein::cuda
