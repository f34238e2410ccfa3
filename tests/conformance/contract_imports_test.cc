// The contract of imports that are begun: what reads the slot behind one finds the state, and what read or wrote it
// before was there first. Skipped where a backend does not offer them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/backend_contract.h"
#include "tests/conformance/one_step.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

// An import that has begun. Plugin and segment outlive it.
class OneImport {
 public:
  OneImport(const BackendPlugin& plugin, SegmentHandle& segment, uint32_t slot, std::vector<float> state)
      : plugin_(plugin), state_(std::move(state)) {
    EXPECT_TRUE(segment.BeginImport(slot, state_, &fence_)) << segment.message();
  }
  OneImport(OneImport&& other) noexcept
      : plugin_(other.plugin_), state_(std::move(other.state_)), fence_(std::exchange(other.fence_, nullptr)) {}
  ~OneImport() { Finish(); }

  // Waits for its end. The memory that it came from is the caller's again, who spoils it.
  void Finish() {
    skein_message message = {};
    if (fence_ != nullptr) {
      EXPECT_EQ(plugin_.table().fence_wait(fence_, -1, &message), SKEIN_OK) << message.text;
      EXPECT_NE(plugin_.table().fence_done(fence_), 0u);
      plugin_.table().fence_release(std::exchange(fence_, nullptr));
    }
    std::fill(state_.begin(), state_.end(), std::numeric_limits<float>::quiet_NaN());
  }

 private:
  const BackendPlugin& plugin_;
  std::vector<float> state_;
  void* fence_ = nullptr;
};

// Has a segment on a device that imports states beside steps; others import them between steps.
class ImportsContract : public BackendContract {
 protected:
  void SetUp() override {
    BackendContract::SetUp();
    if (!SKEIN_HAS(skein_backend_table, &device_.table(), state_import_begin)) {
      GTEST_SKIP() << "the backend imports states between steps";
    }
    segment_.emplace(device_, Desc());
    ASSERT_TRUE(segment_->Load(TensorsOf(model_, Desc()))) << segment_->message();
    for (size_t num_steps = 0; num_steps < 4; ++num_steps) {
      states_.push_back(StateBehind(device_, model_, num_steps));
    }
  }

  std::vector<float> Exported(uint32_t slot) {
    std::vector<float> state(segment_->StateFloats(), -1);
    EXPECT_TRUE(segment_->Export(slot, state)) << segment_->message();
    return state;
  }

  std::optional<SegmentHandle> segment_;
  std::vector<std::vector<float>> states_;  // by number of steps
};

TEST_P(ImportsContract, AStepBehindAnUnfinishedImportFindsTheState) {
  OneImport imported(plugin_, *segment_, 0, states_[2]);
  const OneStep step(plugin_, *segment_, 0, 1);
  EXPECT_EQ(step.Wait(), SKEIN_OK);
  imported.Finish();
  EXPECT_EQ(Exported(1), states_[3]);
  EXPECT_EQ(Exported(0), states_[2]);
}

TEST_P(ImportsContract, AnImportComesBehindTheStepsThatReadOrWriteTheSlot) {
  for (int round = 0; round < 3; ++round) {
    const OneStep first(plugin_, *segment_, kInitial, 0);
    const OneStep reads(plugin_, *segment_, 0, 1);
    const OneStep writes(plugin_, *segment_, 1, 2);
    OneImport over_read(plugin_, *segment_, 0, states_[3]);
    OneImport over_written(plugin_, *segment_, 2, states_[1]);
    over_written.Finish();
    over_read.Finish();
    EXPECT_EQ(Exported(0), states_[3]);
    EXPECT_EQ(Exported(1), states_[2]) << "what was read before the import";
    EXPECT_EQ(Exported(2), states_[1]);
  }
}

TEST_P(ImportsContract, OtherStepsGoOnMeanwhile) {
  const OneStep first(plugin_, *segment_, kInitial, 0);
  OneImport imported(plugin_, *segment_, 5, states_[3]);
  const OneStep second(plugin_, *segment_, 0, 1);
  const OneStep third(plugin_, *segment_, 1, 2);
  EXPECT_EQ(third.Wait(), SKEIN_OK);
  EXPECT_EQ(Exported(2), states_[3]);
  imported.Finish();
  EXPECT_EQ(Exported(5), states_[3]);
}

TEST_P(ImportsContract, ManyAreUnderWayAtOnce) {
  std::vector<OneImport> imports;
  std::vector<std::unique_ptr<OneStep>> steps;
  for (uint32_t slot = 0; slot < 4; ++slot) {
    imports.emplace_back(plugin_, *segment_, slot, states_[slot % 3]);
    steps.push_back(std::make_unique<OneStep>(plugin_, *segment_, slot, slot + 4));
  }
  for (size_t i = imports.size(); i-- > 0;) imports[i].Finish();
  for (uint32_t slot = 0; slot < 4; ++slot) {
    EXPECT_EQ(steps[slot]->Wait(), SKEIN_OK);
    EXPECT_EQ(Exported(slot), states_[slot % 3]) << "slot " << slot;
    EXPECT_EQ(Exported(slot + 4), states_[slot % 3 + 1]) << "slot " << slot + 4;
  }
}

TEST_P(ImportsContract, AStateThatIsImportedAgainAndAgainIsTheLastOne) {
  for (uint32_t i = 0; i < 6; ++i) {
    OneImport imported(plugin_, *segment_, 3, states_[i % 3]);
    const OneStep step(plugin_, *segment_, 3, 4);
    imported.Finish();
    EXPECT_EQ(step.Wait(), SKEIN_OK);
    EXPECT_EQ(Exported(4), states_[i % 3 + 1]) << "round " << i;
  }
}

TEST_P(ImportsContract, CallsOnStatesFindWhatIsOnItsWay) {
  OneImport exported(plugin_, *segment_, 0, states_[2]);
  EXPECT_EQ(Exported(0), states_[2]);
  OneImport copied(plugin_, *segment_, 1, states_[1]);
  ASSERT_TRUE(segment_->Copy(1, 2));
  EXPECT_EQ(Exported(2), states_[1]);
  copied.Finish();
  exported.Finish();
  ASSERT_TRUE(segment_->Init(1));
  EXPECT_EQ(Exported(1), states_[0]);
}

TEST_P(ImportsContract, ASlotIsExportedBesideStepsBehindItsImport) {
  if (!SKEIN_HAS(skein_backend_table, &device_.table(), state_export_begin)) {
    GTEST_SKIP() << "the backend exports states between steps";
  }
  OneImport imported(plugin_, *segment_, 0, states_[3]);
  std::vector<float> state(segment_->StateFloats(), -1);
  void* fence = nullptr;
  ASSERT_TRUE(segment_->BeginExport(0, state, &fence)) << segment_->message();
  if (fence != nullptr) {
    skein_message message = {};
    EXPECT_EQ(plugin_.table().fence_wait(fence, -1, &message), SKEIN_OK) << message.text;
    plugin_.table().fence_release(fence);
  }
  EXPECT_EQ(state, states_[3]);
}

TEST_P(ImportsContract, WrongSlotsAndSizesAreRefusedWithoutAFence) {
  void* fence = nullptr;
  EXPECT_FALSE(segment_->BeginImport(8, states_[0], &fence));
  EXPECT_EQ(segment_->status(), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(fence, nullptr);
  states_[0].pop_back();
  EXPECT_FALSE(segment_->BeginImport(0, states_[0], &fence));
  EXPECT_EQ(segment_->status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(fence, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Backends, ImportsContract,
                         testing::Combine(testing::ValuesIn(ContractPluginPaths()), testing::ValuesIn(SmallShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
