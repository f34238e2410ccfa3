// Exports of states beside the steps of a segment, on an emulated device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cuda/segment.h"
#include "cuda_emulator/control.h"
#include "skein/status.h"
#include "support/boundary.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"
#include "tests/unit/backends/cuda/host_step.h"
#include "tests/unit/backends/cuda/small_shape.h"

namespace skein::cuda {
namespace {

using testing::HasSubstr;

class SegmentExportsTest : public testing::Test {
 protected:
  void SetUp() override { emulator::Configure({}); }

  skein_segment_desc Desc() const {
    skein_segment_desc desc = conformance::DescribeSegment(model_, 0, 2, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
    desc.compute_type = SKEIN_DTYPE_F16;
    desc.weight_type = SKEIN_DTYPE_F16;
    return desc;
  }
  std::unique_ptr<Segment> Make(const Switches& switches, const skein_segment_desc& desc) const {
    std::unique_ptr<Segment> segment =
        MakeSegment(*host_.table(), {.device = 0, .capability = 90, .switches = switches}, desc);
    for (const skein_tensor& tensor : TensorsOf(model_, desc)) segment->Put(tensor);
    segment->Seal();
    return segment;
  }

  const conformance::TestHost host_{2};
  const conformance::SyntheticModel model_{Shape()};
};

// Exports that have begun, in order. Their states are taken when their fences are done.
class Exports {
 public:
  Exports(Segment& segment, uint64_t state_floats) : segment_(segment), state_floats_(state_floats) {}

  void Begin(uint32_t slot) {
    states_.emplace_back(state_floats_, -1);
    fences_.push_back(segment_.BeginExport(slot, states_.back().data(), state_floats_));
  }
  // Those that began last are waited for first.
  std::vector<std::vector<float>> Finish() {
    std::vector<std::vector<float>> taken(states_.size());
    for (size_t i = states_.size(); i-- > 0;) {
      if (fences_[i] != nullptr) fences_[i]->Wait(-1);
      taken[i] = states_[i];
    }
    return taken;
  }

 private:
  Segment& segment_;
  const uint64_t state_floats_;
  std::deque<std::vector<float>> states_;
  std::vector<std::unique_ptr<Fence>> fences_;
};

enum class Begun { kBesideSteps, kBesideEachOther };

// Steps through slots 0 to 5, each behind the one before, and an export of each slot; the exported states.
std::vector<std::vector<float>> ExportAll(Segment& segment, uint64_t state_floats, Begun begun) {
  Exports exports(segment, state_floats);
  std::deque<HostStep> steps;
  std::vector<kit::StepEnd<Fence>> ends;
  for (uint32_t slot = 0; slot < 6; ++slot) {
    steps.emplace_back(std::vector<Part>{{slot == 0 ? SKEIN_SLOT_INITIAL : slot - 1, slot}}, slot);
    ends.push_back(segment.Step(steps.back().Describe()));
    if (begun == Begun::kBesideSteps) exports.Begin(slot);
  }
  std::vector<std::vector<float>> states;
  if (begun == Begun::kBesideSteps) states = exports.Finish();
  for (const auto& end : ends) EXPECT_EQ(end.fence->Wait(-1), "");
  if (begun == Begun::kBesideSteps) return states;
  for (uint32_t slot = 0; slot < 6; ++slot) exports.Begin(slot);
  return exports.Finish();
}

// Every piece of work waits in its stream for a while, so that what is not waited for is not there.
TEST_F(SegmentExportsTest, ExportsBesideStepsGiveWhatExportsBetweenThemDo) {
  for (const uint32_t state_type : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16}) {
    skein_segment_desc desc = Desc();
    desc.state_type = state_type;
    const uint64_t state_floats = conformance::StateFloats(model_.model(), 2);
    const auto expected = ExportAll(*Make({}, desc), state_floats, Begun::kBesideSteps);
    for (uint64_t seed = 0; seed < 4; ++seed) {
      emulator::Options options;
      options.seed = seed;
      options.delay_us = 200;
      emulator::Configure(options);
      const std::unique_ptr<Segment> segment = Make({.graphs = seed % 2 == 1, .async_export = true}, desc);
      EXPECT_EQ(ExportAll(*segment, state_floats, Begun::kBesideSteps), expected) << "seed " << seed;
      EXPECT_EQ(ExportAll(*segment, state_floats, Begun::kBesideEachOther), expected) << "seed " << seed;
    }
  }
}

TEST_F(SegmentExportsTest, AnExportWaitsForNoStepThatDoesNotWriteItsSlot) {
  emulator::Options options;
  options.delay_us = 500;
  emulator::Configure(options);
  const std::unique_ptr<Segment> segment = Make({.async_export = true}, Desc());
  HostStep writer({{SKEIN_SLOT_INITIAL, 0, 2}}, 1);
  EXPECT_EQ(segment->Step(writer.Describe()).fence->Wait(-1), "");
  std::vector<float> expected(conformance::StateFloats(model_.model(), 2)), state(expected.size());
  segment->ExportState(0, expected.data(), expected.size());
  // The step does not write the slot, and takes many times as long as the export.
  HostStep step({{SKEIN_SLOT_INITIAL, 1, 2}}, 3);
  const auto end = segment->Step(step.Describe());
  const std::unique_ptr<Fence> fence = segment->BeginExport(0, state.data(), state.size());
  ASSERT_NE(fence, nullptr);
  EXPECT_EQ(fence->Wait(-1), "");
  EXPECT_FALSE(end.fence->IsDone()) << "the export waited for the step";
  EXPECT_EQ(state, expected);
  EXPECT_EQ(end.fence->Wait(-1), "");
}

TEST_F(SegmentExportsTest, AnExportThatFindsItsDeviceLostSaysSo) {
  emulator::Options options;
  options.lose_at_launch = 5;
  emulator::Configure(options);
  std::vector<float> state(conformance::StateFloats(model_.model(), 2));
  const std::unique_ptr<Segment> lost = Make({.async_export = true}, Desc());
  HostStep step({{SKEIN_SLOT_INITIAL, 0, 2}}, 1);
  try {
    const auto end = lost->Step(step.Describe());
    const std::unique_ptr<Fence> fence = lost->BeginExport(0, state.data(), state.size());
    ASSERT_NE(fence, nullptr);
    fence->Wait(-1);
    ADD_FAILURE() << "the device is not lost";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_UNAVAILABLE) << error.what();
    EXPECT_THAT(std::string(error.what()), HasSubstr("device cuda:0 is lost"));
  }
}

}  // namespace
}  // namespace skein::cuda
