// The contract of exports that are begun: each gives the state that the steps before it left, whatever steps come
// behind it. Skipped where a backend does not offer them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/backend_contract.h"
#include "tests/conformance/one_step.h"

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

// The state behind a number of steps of OneStep from the initial state on.
std::vector<float> StateBehind(const Device& device, const SyntheticModel& model, size_t num_steps) {
  Pipeline pipeline(device, model);
  if (num_steps == 0) {
    pipeline.Init(0);
  } else {
    pipeline.Feed(0, std::vector<uint32_t>(2 * num_steps, 1), 2);
  }
  return pipeline.Export(0);
}

bool BeginsExports(const Device& device) { return SKEIN_HAS(skein_backend_table, &device.table(), state_export_begin); }
constexpr const char* kReason = "the backend exports states between steps";

TEST_P(BackendContract, AnExportBehindAnUnfinishedStepGivesWhatThatLeaves) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep first(plugin_, segment, kInitial, 0);
  const OneStep second(plugin_, segment, 0, 1);
  OneExport of_second(plugin_, segment, 1);
  OneExport of_first(plugin_, segment, 0);
  EXPECT_EQ(of_second.Finish(), StateBehind(device_, model_, 2));
  EXPECT_EQ(of_first.Finish(), StateBehind(device_, model_, 1));
}

TEST_P(BackendContract, LaterStepsReadTheSlotAndWriteOthersMeanwhile) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep first(plugin_, segment, kInitial, 0);
  OneExport exported(plugin_, segment, 0);
  const OneStep second(plugin_, segment, 0, 1);
  const OneStep third(plugin_, segment, 1, 2);
  const OneStep fourth(plugin_, segment, 0, 3);
  EXPECT_EQ(fourth.Wait(), SKEIN_OK);
  EXPECT_EQ(exported.Finish(), StateBehind(device_, model_, 1));
  std::vector<float> state(segment.StateFloats());
  ASSERT_TRUE(segment.Export(2, state));
  EXPECT_EQ(state, StateBehind(device_, model_, 3));
  ASSERT_TRUE(segment.Export(0, state));
  EXPECT_EQ(state, StateBehind(device_, model_, 1));
}

TEST_P(BackendContract, ManyAreUnderWayAtOnce) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  std::vector<std::unique_ptr<OneStep>> steps;
  std::vector<OneExport> exports;
  for (uint32_t slot = 0; slot < 8; ++slot) {
    steps.push_back(std::make_unique<OneStep>(plugin_, segment, slot == 0 ? kInitial : slot - 1, slot));
    exports.emplace_back(plugin_, segment, slot);
  }
  for (uint32_t slot = 8; slot-- > 0;)
    EXPECT_EQ(exports[slot].Finish(), StateBehind(device_, model_, slot + 1)) << "slot " << slot;
}

TEST_P(BackendContract, OneSlotIsExportedTwiceAtOnce) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep step(plugin_, segment, kInitial, 5);
  OneExport one(plugin_, segment, 5);
  OneExport other(plugin_, segment, 5);
  std::vector<float> at_once(segment.StateFloats());
  ASSERT_TRUE(segment.Export(5, at_once)) << segment.message();
  EXPECT_EQ(at_once, StateBehind(device_, model_, 1));
  EXPECT_EQ(one.Finish(), at_once);
  EXPECT_EQ(other.Finish(), at_once);
}

TEST_P(BackendContract, ASlotIsWrittenAgainBehindItsExport) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  for (size_t i = 0; i < 6; ++i) {
    // Round and round through three slots.
    const OneStep step(plugin_, segment, i == 0 ? kInitial : static_cast<uint32_t>(i - 1) % 3, i % 3);
    OneExport exported(plugin_, segment, i % 3);
    EXPECT_EQ(exported.Finish(), StateBehind(device_, model_, i + 1)) << "round " << i;
  }
}

TEST_P(BackendContract, AnExportGivesWhatCallsOnStatesLeft) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  const OneStep step(plugin_, segment, kInitial, 0);
  ASSERT_TRUE(segment.Copy(0, 1));
  OneExport copied(plugin_, segment, 1);
  ASSERT_TRUE(segment.Init(2));
  OneExport fresh(plugin_, segment, 2);
  ASSERT_TRUE(segment.Import(3, StateBehind(device_, model_, 2)));
  OneExport imported(plugin_, segment, 3);
  const OneStep behind(plugin_, segment, 3, 4);
  OneExport unwritten(plugin_, segment, 6);
  EXPECT_EQ(copied.Finish(), StateBehind(device_, model_, 1));
  EXPECT_EQ(fresh.Finish(), StateBehind(device_, model_, 0));
  EXPECT_EQ(imported.Finish(), StateBehind(device_, model_, 2));
  EXPECT_EQ(unwritten.Finish(), StateBehind(device_, model_, 0));
}

TEST_P(BackendContract, WrongSlotsAndSizesAreRefusedWithoutAFence) {
  if (!BeginsExports(device_)) GTEST_SKIP() << kReason;
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  std::vector<float> state(segment.StateFloats());
  void* fence = nullptr;
  EXPECT_FALSE(segment.BeginExport(8, state, &fence));
  EXPECT_EQ(segment.status(), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(fence, nullptr);
  state.pop_back();
  EXPECT_FALSE(segment.BeginExport(0, state, &fence));
  EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(fence, nullptr);
}

}  // namespace
}  // namespace skein::conformance
