// Exports and imports of states beside the steps of a segment, on an emulated device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <utility>
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

class SegmentMovesTest : public testing::Test {
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
TEST_F(SegmentMovesTest, ExportsBesideStepsGiveWhatExportsBetweenThemDo) {
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
      const std::unique_ptr<Segment> segment = Make({.graphs = seed % 2 == 1, .async_states = true}, desc);
      EXPECT_EQ(ExportAll(*segment, state_floats, Begun::kBesideSteps), expected) << "seed " << seed;
      EXPECT_EQ(ExportAll(*segment, state_floats, Begun::kBesideEachOther), expected) << "seed " << seed;
    }
  }
}

TEST_F(SegmentMovesTest, AnExportWaitsForNoStepThatDoesNotWriteItsSlot) {
  emulator::Options options;
  options.delay_us = 500;
  emulator::Configure(options);
  const std::unique_ptr<Segment> segment = Make({.async_states = true}, Desc());
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

TEST_F(SegmentMovesTest, AnExportThatFindsItsDeviceLostSaysSo) {
  emulator::Options options;
  options.lose_at_launch = 5;
  emulator::Configure(options);
  std::vector<float> state(conformance::StateFloats(model_.model(), 2));
  const std::unique_ptr<Segment> lost = Make({.async_states = true}, Desc());
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

// A state that comes into a slot, from memory that is spoilt as soon as the fence is done.
class Import {
 public:
  Import(Segment& segment, uint32_t slot, std::vector<float> state)
      : state_(std::move(state)), fence_(segment.BeginImport(slot, state_.data(), state_.size())) {}
  bool IsDone() const { return fence_ == nullptr || fence_->IsDone(); }
  void Finish() {
    if (fence_ != nullptr) fence_->Wait(-1);
    std::fill(state_.begin(), state_.end(), std::numeric_limits<float>::quiet_NaN());
  }

 private:
  std::vector<float> state_;
  const std::unique_ptr<Fence> fence_;
};

std::vector<float> Exported(Segment& segment, uint32_t slot, uint64_t state_floats) {
  std::vector<float> state(state_floats, -1);
  segment.ExportState(slot, state.data(), state.size());
  return state;
}

class SegmentImportsTest : public SegmentMovesTest {
 protected:
  // States of streams that have read a token each, as `desc` keeps them.
  std::vector<std::vector<float>> MakeStates(const skein_segment_desc& desc, uint32_t count) const {
    emulator::Configure({});
    const std::unique_ptr<Segment> segment = Make({}, desc);
    std::vector<std::vector<float>> states;
    for (uint32_t i = 0; i < count; ++i) {
      HostStep step({{SKEIN_SLOT_INITIAL, 0}}, i);
      EXPECT_EQ(segment->Step(step.Describe()).fence->Wait(-1), "");
      states.push_back(Exported(*segment, 0, state_floats_));
    }
    return states;
  }
  // Every piece of work waits in its stream for a while, so that what is not waited for is not there.
  static void Delay(uint64_t seed, uint32_t delay_us) {
    emulator::Options options;
    options.seed = seed;
    options.delay_us = delay_us;
    emulator::Configure(options);
  }

  const uint64_t state_floats_ = conformance::StateFloats(model_.model(), 2);
};

// Six states come at once, are read by a step each, and are replaced while those steps run.
std::vector<std::vector<float>> ComeAndGo(Segment& segment, const std::vector<std::vector<float>>& states) {
  const auto count = static_cast<uint32_t>(states.size()) / 2;
  std::deque<Import> imports;
  std::deque<HostStep> steps;
  std::vector<kit::StepEnd<Fence>> ends;
  for (uint32_t i = 0; i < count; ++i) imports.emplace_back(segment, i, states[i]);
  for (uint32_t i = count; i-- > 0;) {
    steps.emplace_back(std::vector<Part>{{i, count + i}}, 20 + i);
    ends.push_back(segment.Step(steps.back().Describe()));
  }
  for (Import& import : imports) import.Finish();
  for (uint32_t i = 0; i < count; ++i) imports.emplace_back(segment, i, states[count + i]);
  for (const auto& end : ends) EXPECT_EQ(end.fence->Wait(-1), "");
  std::vector<std::vector<float>> found;
  for (uint32_t slot = 0; slot < 2 * count; ++slot) found.push_back(Exported(segment, slot, states[0].size()));
  for (Import& import : imports) import.Finish();
  for (const HostStep& step : steps) found.push_back(step.logits());
  return found;
}

TEST_F(SegmentImportsTest, ImportsBesideStepsGiveWhatImportsBetweenThemDo) {
  for (const uint32_t state_type : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16}) {
    skein_segment_desc desc = Desc();
    desc.state_type = state_type;
    const std::vector<std::vector<float>> states = MakeStates(desc, 8);
    const auto expected = ComeAndGo(*Make({}, desc), states);
    for (uint64_t seed = 0; seed < 4; ++seed) {
      Delay(seed, 200);
      const std::unique_ptr<Segment> segment = Make({.graphs = seed % 2 == 1, .async_states = true}, desc);
      EXPECT_EQ(ComeAndGo(*segment, states), expected) << "seed " << seed;
    }
  }
}

TEST_F(SegmentImportsTest, AnImportComesBehindTheStepThatReadsItsSlot) {
  const std::vector<std::vector<float>> states = MakeStates(Desc(), 2);
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Delay(seed, 200);
    const std::unique_ptr<Segment> segment = Make({.async_states = true}, Desc());
    segment->ImportState(0, states[0].data(), states[0].size());
    HostStep step({{0, 1, 2}}, 5);
    const auto end = segment->Step(step.Describe());
    Import import(*segment, 0, states[1]);
    import.Finish();
    EXPECT_EQ(end.fence->Wait(-1), "");
    segment->ImportState(2, states[0].data(), states[0].size());
    HostStep again({{2, 3, 2}}, 5);
    EXPECT_EQ(segment->Step(again.Describe()).fence->Wait(-1), "");
    EXPECT_EQ(step.logits(), again.logits()) << "seed " << seed;
    EXPECT_EQ(Exported(*segment, 0, state_floats_), states[1]) << "seed " << seed;
  }
}

TEST_F(SegmentImportsTest, NeitherWaitsForTheOtherUnlessASlotIsShared) {
  const std::vector<std::vector<float>> states = MakeStates(Desc(), 1);
  Delay(0, 500);
  const std::unique_ptr<Segment> segment = Make({.async_states = true}, Desc());
  // The step takes many times as long as the import.
  HostStep step({{SKEIN_SLOT_INITIAL, 1, 2}}, 3);
  const auto end = segment->Step(step.Describe());
  Import import(*segment, 0, states[0]);
  import.Finish();
  EXPECT_FALSE(end.fence->IsDone()) << "the import waited for the step";
  EXPECT_EQ(end.fence->Wait(-1), "");
  EXPECT_EQ(Exported(*segment, 0, state_floats_), states[0]);

  // Behind a step that uses its slot an import waits for long. One behind that import, in another slot, does not use
  // it.
  HostStep slow({{0, 2, 2}}, 4);
  const auto slow_end = segment->Step(slow.Describe());
  Import held(*segment, 0, states[0]);
  Import free(*segment, 3, states[0]);
  free.Finish();
  EXPECT_FALSE(held.IsDone());
  EXPECT_FALSE(slow_end.fence->IsDone());
  EXPECT_EQ(slow_end.fence->Wait(-1), "");
  held.Finish();
}

TEST_F(SegmentImportsTest, AnExportComesBehindTheImportOfItsSlotAndTheStepsBehindThat) {
  const std::vector<std::vector<float>> states = MakeStates(Desc(), 2);
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Delay(seed, 200);
    const std::unique_ptr<Segment> segment = Make({.async_states = true}, Desc());
    Exports exports(*segment, state_floats_);
    for (uint32_t slot = 0; slot < 6; ++slot) {
      Import import(*segment, slot, states[0]);
      exports.Begin(slot);
      import.Finish();
    }
    for (const std::vector<float>& state : exports.Finish()) EXPECT_EQ(state, states[0]) << "seed " << seed;
    // The slot that nobody has read is written by a step.
    HostStep step({{SKEIN_SLOT_INITIAL, 0}}, 1);
    const auto end = segment->Step(step.Describe());
    exports.Begin(0);
    EXPECT_EQ(exports.Finish().back(), states[1]) << "seed " << seed;
    EXPECT_EQ(end.fence->Wait(-1), "");
  }
}

TEST_F(SegmentImportsTest, AnImportThatFindsItsDeviceLostSaysSo) {
  const std::vector<std::vector<float>> states = MakeStates(Desc(), 1);
  emulator::Options options;
  options.lose_at_launch = 5;
  emulator::Configure(options);
  const std::unique_ptr<Segment> lost = Make({.async_states = true}, Desc());
  HostStep step({{SKEIN_SLOT_INITIAL, 0, 2}}, 1);
  try {
    const auto end = lost->Step(step.Describe());
    const std::unique_ptr<Fence> fence = lost->BeginImport(0, states[0].data(), states[0].size());
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
