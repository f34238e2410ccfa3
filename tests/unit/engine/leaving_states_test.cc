#include "engine/leaving_states.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fake_step_runner.h"

namespace skein {
namespace {

using test::FakeStepRunner;

constexpr uint64_t kStateFloats = 8;

class LeavingStatesTest : public ::testing::Test {
 protected:
  LeavingStatesTest() {
    runner_.set_pipeline({.depth = 2, .num_stages = 1, .feeds_drawn = false, .exports_beside_steps = true});
    runner_.set_export_looks(2);
  }

  // States that have each read a token, their number.
  std::vector<StateRef> MakeStates(uint32_t count) {
    std::vector<StateRef> states;
    for (uint32_t i = 0; i < count; ++i) {
      states.push_back(pool_->Acquire());
      std::vector<float> values(kStateFloats);
      values[0] = 1;
      values[1] = static_cast<float>(i);
      EXPECT_TRUE(runner_.ImportState(states.back().slot(), values).ok());
    }
    return states;
  }
  bool Send() {
    absl::StatusOr<bool> sent = leaving_.Send(host_->Take(HostStates::Use::kStay));
    EXPECT_TRUE(sent.ok()) << sent.status();
    return sent.value_or(false);
  }
  // Fails exports at `moment`.
  void FailExports(FakeStepRunner::MoveMoment moment) {
    runner_.set_export_hook([moment](FakeStepRunner::MoveMoment now) {
      return now == moment ? absl::InternalError("as ordered") : absl::OkStatus();
    });
  }

  FakeStepRunner runner_;
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(4);
  const std::shared_ptr<HostStates> host_ = HostStates::Create(kStateFloats, 4);
  LeavingStates leaving_{runner_, pool_};
};

TEST_F(LeavingStatesTest, AStateHasLeftWhenItsExportIsDone) {
  const std::vector<StateRef> states = MakeStates(2);
  EXPECT_TRUE(Send());
  EXPECT_EQ(leaving_.size(), 1u);
  EXPECT_TRUE(leaving_.Collect().ok());
  EXPECT_EQ(pool_->num_free(), 2u) << "it is under way";
  EXPECT_TRUE(leaving_.Collect().ok());
  EXPECT_TRUE(leaving_.empty());
  EXPECT_EQ(pool_->num_free(), 3u);
  ASSERT_NE(pool_->ValuesOf(states[0]), nullptr);
  EXPECT_EQ(pool_->ValuesOf(states[0])->values()[1], 0.0f);
}

TEST_F(LeavingStatesTest, TheOldestIsWaitedFor) {
  const std::vector<StateRef> states = MakeStates(3);
  EXPECT_TRUE(Send() && Send());
  EXPECT_TRUE(leaving_.WaitForOne().ok());
  EXPECT_NE(pool_->ValuesOf(states[0]), nullptr);
  EXPECT_EQ(pool_->ValuesOf(states[1]), nullptr);
  EXPECT_EQ(leaving_.size(), 1u);
}

TEST_F(LeavingStatesTest, AStateThatIsPinnedAgainStaysAndItsPlaceIsFree) {
  const std::vector<StateRef> states = MakeStates(1);
  EXPECT_TRUE(Send());
  const StatePin pin = pool_->Pin(states[0]);
  EXPECT_TRUE(leaving_.WaitForOne().ok());
  EXPECT_EQ(pool_->ValuesOf(states[0]), nullptr);
  EXPECT_EQ(host_->num_held(), 0u);
  EXPECT_FALSE(Send()) << "it is pinned";
}

TEST_F(LeavingStatesTest, AnExportThatDoesNotBeginLeavesTheState) {
  const std::vector<StateRef> states = MakeStates(1);
  FailExports(FakeStepRunner::MoveMoment::kBegin);
  EXPECT_EQ(leaving_.Send(host_->Take(HostStates::Use::kStay)).status(), absl::InternalError("as ordered"));
  EXPECT_TRUE(leaving_.empty());
  EXPECT_EQ(host_->num_held(), 0u);
  runner_.set_export_hook({});
  EXPECT_TRUE(Send()) << "it may leave later";
}

TEST_F(LeavingStatesTest, AnExportThatFailsLeavesTheState) {
  const std::vector<StateRef> states = MakeStates(1);
  FailExports(FakeStepRunner::MoveMoment::kEnd);
  EXPECT_TRUE(Send());
  EXPECT_EQ(leaving_.WaitForOne(), absl::InternalError("as ordered"));
  EXPECT_EQ(pool_->ValuesOf(states[0]), nullptr);
  EXPECT_EQ(host_->num_held(), 0u);
  EXPECT_FALSE(pool_->Pin(states[0]).empty());
}

TEST_F(LeavingStatesTest, TheEndWaitsForAll) {
  const std::vector<StateRef> states = MakeStates(2);
  {
    LeavingStates leaving(runner_, pool_);
    EXPECT_TRUE(leaving.Send(host_->Take(HostStates::Use::kStay)).ok());
    EXPECT_EQ(runner_.num_exports_open(), 1u);
  }
  EXPECT_EQ(runner_.num_exports_open(), 0u);
  EXPECT_EQ(host_->num_held(), 0u);
  EXPECT_EQ(pool_->LeastRecent(), states[0]) << "it may leave later";
}

}  // namespace
}  // namespace skein
