#include "engine/arriving_states.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fake_step_runner.h"

namespace skein {
namespace {

using test::FakeStepRunner;
using Arrival = ArrivingStates::Arrival;
using Steps = ArrivingStates::Steps;

constexpr uint64_t kStateFloats = 8;

class ArrivingStatesTest : public ::testing::Test {
 protected:
  ArrivingStatesTest() {
    runner_.set_pipeline({.depth = 2, .num_stages = 1, .feeds_drawn = false, .imports_beside_steps = true});
    runner_.set_import_looks(2);
  }

  // A state in host memory that has read a token.
  StateRef MakeState(uint32_t token) {
    const std::shared_ptr<HostState> place = host_->Take(HostStates::Use::kStay);
    place->values()[0] = 1;
    place->values()[1] = static_cast<float>(token);
    return pool_->Add(place);
  }
  // The token that a state in a slot has read.
  float TokenInSlot(const StateRef& state) {
    std::vector<float> values(kStateFloats);
    EXPECT_TRUE(runner_.ExportState(pool_->Pin(state).slot(), absl::MakeSpan(values)).ok());
    return values[1];
  }
  absl::Status Begin(const StateRef& state) { return arriving_.Begin(state, pool_->Acquire()); }
  // Fails imports at `moment`.
  void FailImports(FakeStepRunner::MoveMoment moment) {
    runner_.set_import_hook([moment](FakeStepRunner::MoveMoment now) {
      return now == moment ? absl::InternalError("as ordered") : absl::OkStatus();
    });
  }
  uint64_t NumWoken() const {
    uint64_t count = 0;
    for (size_t i = 0; i < observer_.wake_time().num_buckets(); ++i) count += observer_.wake_time().Count(i);
    return count;
  }

  FakeStepRunner runner_;
  ModelObserver observer_{{}, nullptr};
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(3);
  const std::shared_ptr<HostStates> host_ = HostStates::Create(kStateFloats, 4);
  ArrivingStates arriving_{runner_, pool_, observer_};
};

TEST_F(ArrivingStatesTest, AStateLiesInItsSlotAtOnceAndKeepsItsValuesUntilItIsThere) {
  const StateRef state = MakeState(7);
  ASSERT_TRUE(Begin(state).ok());
  EXPECT_EQ(arriving_.size(), 1u);
  EXPECT_FALSE(pool_->Pin(state).empty());
  EXPECT_EQ(pool_->ValuesOf(state), nullptr);
  EXPECT_TRUE(arriving_.Collect().ok());
  EXPECT_EQ(host_->num_held(), 1u) << "it is under way";
  EXPECT_EQ(NumWoken(), 0u);
  EXPECT_TRUE(arriving_.Collect().ok());
  EXPECT_TRUE(arriving_.empty());
  EXPECT_EQ(host_->num_held(), 0u);
  EXPECT_EQ(NumWoken(), 1u);
  EXPECT_EQ(pool_->moves().to_slot, 1u);
  EXPECT_EQ(TokenInSlot(state), 7.0f);
}

TEST_F(ArrivingStatesTest, AStateIsPinnedWhileItComes) {
  const StateRef state = MakeState(7);
  ASSERT_TRUE(Begin(state).ok());
  EXPECT_TRUE(pool_->LeastRecent().empty());
  EXPECT_TRUE(arriving_.WaitFor(state).ok());
  EXPECT_EQ(pool_->LeastRecent(), state);
}

TEST_F(ArrivingStatesTest, TheSlotOfAStateThatNobodyWantsIsKeptUntilItIsThere) {
  StateRef state = MakeState(7);
  ASSERT_TRUE(Begin(state).ok());
  state = StateRef();
  EXPECT_EQ(pool_->num_free(), 2u);
  EXPECT_EQ(runner_.num_imports_open(), 1u);
  EXPECT_TRUE(arriving_.WaitForAll().ok());
  EXPECT_EQ(pool_->num_free(), 3u);
  EXPECT_EQ(host_->num_held(), 0u);
}

TEST_F(ArrivingStatesTest, OneIsWaitedForAndNoOther) {
  const StateRef first = MakeState(1), second = MakeState(2), elsewhere = MakeState(3);
  ASSERT_TRUE(Begin(first).ok() && Begin(second).ok());
  EXPECT_TRUE(arriving_.WaitFor(second).ok());
  EXPECT_TRUE(arriving_.WaitFor(elsewhere).ok());
  EXPECT_EQ(arriving_.size(), 1u);
  EXPECT_EQ(runner_.num_imports_open(), 1u);
  EXPECT_EQ(TokenInSlot(second), 2.0f);
}

TEST_F(ArrivingStatesTest, TheFirstIsWaitedForAndThoseThatEndedAreCounted) {
  const StateRef first = MakeState(7);
  const StateRef second = MakeState(8);
  ASSERT_TRUE(Begin(first).ok());
  ASSERT_TRUE(Begin(second).ok());
  EXPECT_EQ(arriving_.num_ended(), 0u);
  EXPECT_TRUE(arriving_.WaitForOne().ok());
  EXPECT_EQ(arriving_.num_ended(), 1u);
  EXPECT_EQ(arriving_.Look(second), ArrivingStates::Arrival::kComing);
  EXPECT_EQ(arriving_.size(), 1u);
  EXPECT_TRUE(arriving_.WaitForOne().ok());
  EXPECT_TRUE(arriving_.WaitForOne().ok()) << "there is none";
  EXPECT_EQ(arriving_.num_ended(), 2u);
}

TEST_F(ArrivingStatesTest, AnImportThatDoesNotBeginLeavesTheStateInHostMemory) {
  const StateRef state = MakeState(7);
  FailImports(FakeStepRunner::MoveMoment::kBegin);
  EXPECT_EQ(Begin(state), absl::InternalError("as ordered"));
  EXPECT_TRUE(arriving_.empty());
  EXPECT_EQ(pool_->num_free(), 3u);
  ASSERT_NE(pool_->ValuesOf(state), nullptr);
  runner_.set_import_hook({});
  EXPECT_TRUE(Begin(state).ok()) << "it may come later";
}

TEST_F(ArrivingStatesTest, AStateWhoseImportFailsIsGivenBackToHostMemory) {
  const StateRef state = MakeState(7), other = MakeState(8);
  FailImports(FakeStepRunner::MoveMoment::kEnd);
  ASSERT_TRUE(Begin(state).ok());
  EXPECT_EQ(arriving_.Look(state), Arrival::kComing);
  EXPECT_EQ(arriving_.Collect(), absl::InternalError("as ordered"));
  EXPECT_EQ(arriving_.Look(state), Arrival::kFailed);
  EXPECT_EQ(arriving_.Look(other), Arrival::kThere);
  EXPECT_TRUE(arriving_.Collect().ok()) << "told once";
  {
    const StatePin of_step = pool_->Pin(state);
    arriving_.GiveBackFailed(Steps::kPerhaps);
    EXPECT_EQ(pool_->num_free(), 2u) << "a step uses its slot";
  }
  arriving_.GiveBackFailed(Steps::kPerhaps);
  EXPECT_TRUE(arriving_.empty());
  EXPECT_EQ(pool_->num_free(), 3u);
  ASSERT_NE(pool_->ValuesOf(state), nullptr);
  EXPECT_EQ(pool_->ValuesOf(state)->values()[1], 7.0f);
  EXPECT_EQ(pool_->num_parked(), 2u);
  EXPECT_EQ(pool_->moves().to_host + pool_->moves().to_slot, 0u);
  EXPECT_EQ(NumWoken(), 0u);
  EXPECT_EQ(pool_->TakeFailure(state), absl::InternalError("as ordered"));
  runner_.set_import_hook({});
  ASSERT_TRUE(Begin(state).ok());
  EXPECT_TRUE(arriving_.WaitFor(state).ok());
  EXPECT_EQ(TokenInSlot(state), 7.0f);
}

TEST_F(ArrivingStatesTest, AFailureThatAStepHasHeardOfIsNotToldAgain) {
  const StateRef state = MakeState(7);
  FailImports(FakeStepRunner::MoveMoment::kEnd);
  ASSERT_TRUE(Begin(state).ok());
  EXPECT_EQ(arriving_.WaitFor(state), absl::InternalError("as ordered"));
  EXPECT_EQ(arriving_.WaitFor(state), absl::InternalError("as ordered")) << "also of the next step that has read it";
  arriving_.GiveBackFailed(Steps::kNone);
  EXPECT_TRUE(pool_->TakeFailure(state).ok());
}

TEST_F(ArrivingStatesTest, AStateThatIsHeldIsGivenBackWithoutSteps) {
  const StateRef state = MakeState(7);
  FailImports(FakeStepRunner::MoveMoment::kEnd);
  ASSERT_TRUE(Begin(state).ok());
  const StatePin held = pool_->Hold(state);
  EXPECT_FALSE(arriving_.WaitForAll().ok());
  arriving_.GiveBackFailed(Steps::kNone);
  EXPECT_NE(pool_->ValuesOf(state), nullptr);
}

// The node that gave its slot to one that came is needed for the slot that is free again.
TEST_F(ArrivingStatesTest, SlotsAreFoundAfterManyImportsHaveFailed) {
  FailImports(FakeStepRunner::MoveMoment::kEnd);
  const std::vector<StateRef> states = {MakeState(1), MakeState(2), MakeState(3)};
  for (int round = 0; round < 5; ++round) {
    for (const StateRef& state : states) ASSERT_TRUE(Begin(state).ok());
    EXPECT_FALSE(arriving_.WaitForAll().ok());
    arriving_.GiveBackFailed(Steps::kNone);
    std::vector<StateRef> others;
    for (int i = 0; i < 3; ++i) others.push_back(pool_->Acquire());
    EXPECT_FALSE(others.back().empty());
  }
}

TEST_F(ArrivingStatesTest, TheEndWaitsForAll) {
  const StateRef well = MakeState(1), ill = MakeState(2);
  {
    ArrivingStates arriving(runner_, pool_, observer_);
    ASSERT_TRUE(arriving.Begin(well, pool_->Acquire()).ok());
    EXPECT_TRUE(arriving.Collect().ok());
    runner_.set_import_hook([count = 0](FakeStepRunner::MoveMoment) mutable {
      return ++count > 1 ? absl::InternalError("") : absl::OkStatus();
    });
    ASSERT_TRUE(arriving.Begin(ill, pool_->Acquire()).ok());
    EXPECT_EQ(runner_.num_imports_open(), 2u);
  }
  EXPECT_EQ(runner_.num_imports_open(), 0u);
  EXPECT_EQ(host_->num_held(), 2u) << "neither could be imported";
  EXPECT_EQ(pool_->num_free(), 3u);
}

}  // namespace
}  // namespace skein
