// The contract of exports that are begun: each gives the state that the steps before it left, whatever steps come
// behind it. Skipped where a backend does not offer them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

// An export that has begun. Plugin and segment outlive it.
class OneExport {
 public:
  OneExport(const BackendPlugin& plugin, SegmentHandle& segment, uint32_t slot)
      : plugin_(plugin), state_(segment.StateFloats(), -1) {
    EXPECT_TRUE(segment.BeginExport(slot, state_, &fence_)) << segment.message();
  }
  OneExport(OneExport&& other) noexcept
      : plugin_(other.plugin_), state_(std::move(other.state_)), fence_(std::exchange(other.fence_, nullptr)) {}
  ~OneExport() { Finish(); }

  // Waits for its end, and gives what it exported.
  const std::vector<float>& Finish() {
    skein_message message = {};
    if (fence_ != nullptr) {
      EXPECT_EQ(plugin_.table().fence_wait(fence_, -1, &message), SKEIN_OK) << message.text;
      EXPECT_NE(plugin_.table().fence_done(fence_), 0u);
      plugin_.table().fence_release(std::exchange(fence_, nullptr));
    }
    return state_;
  }

 private:
  const BackendPlugin& plugin_;
  std::vector<float> state_;
  void* fence_ = nullptr;
};

// Has a segment on a device that exports states beside steps; others export them between steps.
class ExportsContract : public BackendContract {
 protected:
  void SetUp() override {
    BackendContract::SetUp();
    if (!SKEIN_HAS(skein_backend_table, &device_.table(), state_export_begin)) {
      GTEST_SKIP() << "the backend exports states between steps";
    }
    segment_.emplace(device_, Desc());
    ASSERT_TRUE(segment_->Load(TensorsOf(model_, Desc()))) << segment_->message();
  }

  std::optional<SegmentHandle> segment_;
};

TEST_P(ExportsContract, AnExportBehindAnUnfinishedStepGivesWhatThatLeaves) {
  const OneStep first(plugin_, *segment_, kInitial, 0);
  const OneStep second(plugin_, *segment_, 0, 1);
  OneExport of_second(plugin_, *segment_, 1);
  OneExport of_first(plugin_, *segment_, 0);
  EXPECT_EQ(of_second.Finish(), StateBehind(device_, model_, 2));
  EXPECT_EQ(of_first.Finish(), StateBehind(device_, model_, 1));
}

TEST_P(ExportsContract, LaterStepsReadTheSlotAndWriteOthersMeanwhile) {
  const OneStep first(plugin_, *segment_, kInitial, 0);
  OneExport exported(plugin_, *segment_, 0);
  const OneStep second(plugin_, *segment_, 0, 1);
  const OneStep third(plugin_, *segment_, 1, 2);
  const OneStep fourth(plugin_, *segment_, 0, 3);
  EXPECT_EQ(fourth.Wait(), SKEIN_OK);
  EXPECT_EQ(exported.Finish(), StateBehind(device_, model_, 1));
  std::vector<float> state(segment_->StateFloats());
  ASSERT_TRUE(segment_->Export(2, state));
  EXPECT_EQ(state, StateBehind(device_, model_, 3));
  ASSERT_TRUE(segment_->Export(0, state));
  EXPECT_EQ(state, StateBehind(device_, model_, 1));
}

TEST_P(ExportsContract, ManyAreUnderWayAtOnce) {
  std::vector<std::unique_ptr<OneStep>> steps;
  std::vector<OneExport> exports;
  for (uint32_t slot = 0; slot < 8; ++slot) {
    steps.push_back(std::make_unique<OneStep>(plugin_, *segment_, slot == 0 ? kInitial : slot - 1, slot));
    exports.emplace_back(plugin_, *segment_, slot);
  }
  for (uint32_t slot = 8; slot-- > 0;)
    EXPECT_EQ(exports[slot].Finish(), StateBehind(device_, model_, slot + 1)) << "slot " << slot;
}

TEST_P(ExportsContract, OneSlotIsExportedTwiceAtOnce) {
  const OneStep step(plugin_, *segment_, kInitial, 5);
  OneExport one(plugin_, *segment_, 5);
  OneExport other(plugin_, *segment_, 5);
  std::vector<float> at_once(segment_->StateFloats());
  ASSERT_TRUE(segment_->Export(5, at_once)) << segment_->message();
  EXPECT_EQ(at_once, StateBehind(device_, model_, 1));
  EXPECT_EQ(one.Finish(), at_once);
  EXPECT_EQ(other.Finish(), at_once);
}

TEST_P(ExportsContract, ASlotIsWrittenAgainBehindItsExport) {
  for (size_t i = 0; i < 6; ++i) {
    // Round and round through three slots.
    const OneStep step(plugin_, *segment_, i == 0 ? kInitial : static_cast<uint32_t>(i - 1) % 3, i % 3);
    OneExport exported(plugin_, *segment_, i % 3);
    EXPECT_EQ(exported.Finish(), StateBehind(device_, model_, i + 1)) << "round " << i;
  }
}

TEST_P(ExportsContract, AnExportGivesWhatCallsOnStatesLeft) {
  const OneStep step(plugin_, *segment_, kInitial, 0);
  ASSERT_TRUE(segment_->Copy(0, 1));
  OneExport copied(plugin_, *segment_, 1);
  ASSERT_TRUE(segment_->Init(2));
  OneExport fresh(plugin_, *segment_, 2);
  ASSERT_TRUE(segment_->Import(3, StateBehind(device_, model_, 2)));
  OneExport imported(plugin_, *segment_, 3);
  const OneStep behind(plugin_, *segment_, 3, 4);
  OneExport unwritten(plugin_, *segment_, 6);
  EXPECT_EQ(copied.Finish(), StateBehind(device_, model_, 1));
  EXPECT_EQ(fresh.Finish(), StateBehind(device_, model_, 0));
  EXPECT_EQ(imported.Finish(), StateBehind(device_, model_, 2));
  EXPECT_EQ(unwritten.Finish(), StateBehind(device_, model_, 0));
}

TEST_P(ExportsContract, WrongSlotsAndSizesAreRefusedWithoutAFence) {
  std::vector<float> state(segment_->StateFloats());
  void* fence = nullptr;
  EXPECT_FALSE(segment_->BeginExport(8, state, &fence));
  EXPECT_EQ(segment_->status(), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(fence, nullptr);
  state.pop_back();
  EXPECT_FALSE(segment_->BeginExport(0, state, &fence));
  EXPECT_EQ(segment_->status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(fence, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Backends, ExportsContract,
                         testing::Combine(testing::ValuesIn(ContractPluginPaths()), testing::ValuesIn(SmallShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
