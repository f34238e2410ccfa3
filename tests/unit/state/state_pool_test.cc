#include "state/state_pool.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace skein {
namespace {

TEST(StatePoolTest, AcquireGivesEverySlotOnce) {
  const auto pool = StatePool::Create(3);
  std::set<uint32_t> slots;
  std::vector<StateRef> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(pool->Acquire());
    ASSERT_FALSE(held.back().empty());
    slots.insert(held.back().slot());
  }
  EXPECT_EQ(slots, (std::set<uint32_t>{0, 1, 2}));
}

TEST(StatePoolTest, AcquireFailsWhenEverySlotIsHeld) {
  const auto pool = StatePool::Create(1);
  const StateRef held = pool->Acquire();
  EXPECT_TRUE(pool->Acquire().empty());
}

TEST(StatePoolTest, SharedSlotIsFreedWithItsLastReference) {
  const auto pool = StatePool::Create(1);
  StateRef first = pool->Acquire();
  StateRef second = first;
  EXPECT_EQ(first.slot(), second.slot());
  first = StateRef();
  EXPECT_EQ(pool->num_free(), 0u);
  second = StateRef();
  EXPECT_EQ(pool->num_free(), 1u);
}

TEST(StatePoolTest, SlotReleasedLastComesFirst) {
  const auto pool = StatePool::Create(4);
  StateRef a = pool->Acquire();
  StateRef b = pool->Acquire();
  const uint32_t slot = a.slot();
  b = StateRef();
  a = StateRef();
  EXPECT_EQ(pool->Acquire().slot(), slot);
}

TEST(StatePoolTest, ReferenceOutlivesThePoolsOwner) {
  auto pool = StatePool::Create(1);
  StateRef held = pool->Acquire();
  pool.reset();
  EXPECT_EQ(held.slot(), 0u);
}

TEST(StatePoolTest, ReferencesMoveAndAreAssigned) {
  const auto pool = StatePool::Create(2);
  StateRef a = pool->Acquire();
  StateRef b = pool->Acquire();
  const uint32_t slot = b.slot();
  a = std::move(b);
  EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move): a moved reference is empty
  EXPECT_EQ(a.slot(), slot);
  EXPECT_EQ(pool->num_free(), 1u);
  const StateRef& same = a;
  a = same;
  EXPECT_EQ(pool->num_free(), 1u);
  a = StateRef();
  EXPECT_EQ(pool->num_free(), 2u);
}

TEST(StatePoolTest, WhoFoundNoSlotHearsOfTheFirstThatIsFree) {
  int calls = 0;
  const auto pool = StatePool::Create(1, [&calls] { ++calls; });
  StateRef held = pool->Acquire();
  held = StateRef();
  EXPECT_EQ(calls, 0) << "nobody had asked";
  held = pool->Acquire();
  EXPECT_TRUE(pool->Acquire().empty());
  held = StateRef();
  EXPECT_EQ(calls, 1);
  held = pool->Acquire();
  held = StateRef();
  EXPECT_EQ(calls, 1);
}

std::shared_ptr<HostState> Values(const std::shared_ptr<HostStates>& host, float first) {
  std::shared_ptr<HostState> values = host->Take(HostStates::Use::kStay);
  values->values()[0] = first;
  return values;
}

TEST(StatePoolTest, ParkedStateFreesItsSlotAndComesBackToAnother) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(2);
  const StateRef state = pool->Acquire();
  const StateRef fork = state;
  const uint32_t slot = state.slot();
  pool->Park(state, Values(host, 7));
  EXPECT_EQ(pool->num_free(), 2u);
  EXPECT_EQ(pool->num_parked(), 1u);
  EXPECT_TRUE(pool->Pin(state).empty());
  ASSERT_NE(pool->ValuesOf(fork), nullptr);
  EXPECT_EQ(pool->ValuesOf(fork)->values()[0], 7.0f);
  const StateRef other = pool->Acquire();
  EXPECT_EQ(other.slot(), slot);
  pool->Wake(state, pool->Acquire());
  EXPECT_NE(fork.slot(), slot);
  EXPECT_EQ(pool->ValuesOf(state), nullptr);
  EXPECT_EQ(pool->num_free(), 0u);
  EXPECT_EQ(pool->num_parked(), 0u);
  EXPECT_EQ(host->num_held(), 0u);
}

TEST(StatePoolTest, ParkedStateGoesWithItsLastReference) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(1);
  StateRef parked = pool->Acquire();
  pool->Park(parked, Values(host, 1));
  StateRef added = pool->Add(Values(host, 2));
  const std::shared_ptr<const HostState> reader = pool->ValuesOf(added);
  parked = StateRef();
  added = StateRef();
  EXPECT_EQ(pool->num_parked(), 0u);
  EXPECT_EQ(host->num_held(), 1u) << "somebody still reads it";
  EXPECT_EQ(reader->values()[0], 2.0f);
}

TEST(StatePoolTest, StateThatWasPinnedLongestAgoIsParkedFirst) {
  const auto pool = StatePool::Create(3);
  const StateRef a = pool->Acquire();
  const StateRef b = pool->Acquire();
  StateRef c = pool->Acquire();
  EXPECT_EQ(pool->LeastRecent(), a);
  const StatePin pin = pool->Pin(a);
  EXPECT_EQ(pool->LeastRecent(), b);
  static_cast<void>(pool->Pin(b));
  EXPECT_EQ(pool->LeastRecent(), c);
  EXPECT_EQ(pool->num_movable(), 2u);
  c = StateRef();
  EXPECT_EQ(pool->LeastRecent(), b);
  const StatePin other = pool->Pin(b);
  EXPECT_TRUE(pool->LeastRecent().empty()) << "all are pinned";
}

TEST(StatePoolTest, LeavingStateKeepsItsSlotUntilItHasArrived) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(2);
  const StateRef a = pool->Acquire();
  const StateRef b = pool->Acquire();
  {
    const StateRef leaving = pool->BeginLeave();
    EXPECT_EQ(leaving, a);
    EXPECT_EQ(pool->LeastRecent(), b) << "it leaves once";
    EXPECT_EQ(pool->num_movable(), 1u);
    EXPECT_TRUE(pool->Acquire().empty());
    EXPECT_EQ(pool->ValuesOf(a), nullptr);
    pool->EndLeave(leaving, Values(host, 7));
  }
  EXPECT_EQ(pool->num_free(), 1u);
  EXPECT_EQ(pool->num_parked(), 1u);
  EXPECT_EQ(pool->moves().to_host, 1u);
  EXPECT_EQ(pool->ValuesOf(a)->values()[0], 7.0f);
  EXPECT_TRUE(pool->Pin(a).empty());
}

TEST(StatePoolTest, LeavingStateThatIsPinnedMeanwhileStays) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(1);
  const StateRef state = pool->Acquire();
  {
    const StateRef leaving = pool->BeginLeave();
    const StatePin pin = pool->Pin(state);
    EXPECT_EQ(pin.slot(), 0u);
    pool->EndLeave(leaving, Values(host, 7));
  }
  EXPECT_EQ(pool->num_free(), 0u);
  EXPECT_EQ(host->num_held(), 0u);
  EXPECT_EQ(pool->BeginLeave(), state) << "it may leave later";
}

TEST(StatePoolTest, LeavingStateThatNobodyWantsGivesBackItsSlotAlone) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(1);
  StateRef state = pool->Acquire();
  StateRef leaving = pool->BeginLeave();
  state = StateRef();
  EXPECT_EQ(pool->num_free(), 0u) << "its slot is being read";
  pool->EndLeave(leaving, Values(host, 7));
  EXPECT_EQ(host->num_held(), 0u);
  EXPECT_EQ(pool->moves().to_host, 0u);
  leaving = StateRef();
  EXPECT_EQ(pool->num_free(), 1u);
}

TEST(StatePoolTest, LeavingStateThatDoesNotArriveStays) {
  const auto pool = StatePool::Create(1);
  const StateRef state = pool->Acquire();
  pool->EndLeave(pool->BeginLeave(), nullptr);
  EXPECT_FALSE(pool->Pin(state).empty());
  EXPECT_EQ(pool->num_parked(), 0u);
}

// A state that has left has its node still, and its slot needs another.
TEST(StatePoolTest, SlotsAreFoundAfterAllStatesHaveLeft) {
  const auto host = HostStates::Create(1, 100);
  const auto pool = StatePool::Create(3);
  std::vector<StateRef> states;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 3; ++i) states.push_back(pool->Acquire());
    std::vector<StateRef> leaving;
    for (int i = 0; i < 3; ++i) leaving.push_back(pool->BeginLeave());
    EXPECT_TRUE(pool->BeginLeave().empty());
    for (const StateRef& state : leaving) pool->EndLeave(state, Values(host, 1));
    EXPECT_EQ(pool->num_free(), 3u);
  }
  EXPECT_EQ(pool->num_parked(), 15u);
}

TEST(StatePoolTest, ArrivingStateLiesInItsSlotAndIsPinnedThere) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(2);
  const StateRef state = pool->Add(Values(host, 7));
  StatePin pin = pool->BeginArrive(state, pool->Acquire());
  EXPECT_EQ(pin.state(), state);
  EXPECT_EQ(pool->num_free(), 1u);
  EXPECT_EQ(pool->num_parked(), 0u);
  EXPECT_TRUE(pool->LeastRecent().empty());
  EXPECT_EQ(pool->moves().to_slot, 0u) << "it is under way";
  pool->EndArrive(std::move(pin));
  EXPECT_EQ(pool->moves().to_slot, 1u);
  EXPECT_EQ(pool->LeastRecent(), state);
}

TEST(StatePoolTest, StateThatHasArrivedIsNotTheNextToLeave) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(2);
  const StateRef state = pool->Add(Values(host, 7));
  StatePin pin = pool->BeginArrive(state, pool->Acquire());
  const StateRef other = pool->Acquire();
  EXPECT_EQ(pool->LeastRecent(), other);
  pool->EndArrive(std::move(pin));
  EXPECT_EQ(pool->LeastRecent(), other);
}

TEST(StatePoolTest, StateThatDoesNotArriveLiesInHostMemoryAgain) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(1);
  const StateRef state = pool->Add(Values(host, 7));
  const std::shared_ptr<const HostState> values = pool->ValuesOf(state);
  {
    StatePin pin = pool->BeginArrive(state, pool->Acquire());
    EXPECT_FALSE(pool->HasOtherPins(pin));
    const StatePin other = pool->Pin(state);
    EXPECT_TRUE(pool->HasOtherPins(pin));
    pool->EndArrive(std::move(pin), values, absl::InternalError("why"));
  }
  EXPECT_EQ(pool->num_free(), 1u);
  EXPECT_EQ(pool->num_parked(), 1u);
  EXPECT_EQ(pool->ValuesOf(state), values);
  EXPECT_EQ(pool->moves().to_host, 0u);
  EXPECT_EQ(pool->TakeFailure(state), absl::InternalError("why"));
  EXPECT_TRUE(pool->TakeFailure(state).ok()) << "told once";
  const StateRef other = pool->Acquire();
  EXPECT_FALSE(other.empty());
}

// While a state goes to the disk, a step may want it.
TEST(StatePoolTest, StateThatComesToASlotIsPinnedAlthoughItsWayToTheDiskEnds) {
  const auto host = HostStates::Create(1, 4);
  const auto pool = StatePool::Create(1);
  const StateRef state = pool->Add(Values(host, 7));
  const StateRef leaving = pool->BeginToDisk();
  StatePin pin = pool->BeginArrive(state, pool->Acquire());
  pool->EndToDisk(leaving, DiskBlock());
  EXPECT_TRUE(pool->LeastRecent().empty());
  pool->EndArrive(std::move(pin));
  EXPECT_EQ(pool->LeastRecent(), state);
  EXPECT_EQ(pool->num_on_disk(), 0u);
}

TEST(StatePoolTest, NextStateThatGoesIsAnnouncedWhereverItLies) {
  int calls = 0;
  const auto pool = StatePool::Create(2, [&calls] { ++calls; });
  const auto host = HostStates::Create(8, 2);
  StateRef in_slot = pool->Acquire();
  StateRef in_host = pool->Add(host->Take(HostStates::Use::kStay));
  StateRef other = pool->Add(host->Take(HostStates::Use::kStay));
  pool->AnnounceNext();
  in_host = StateRef();
  EXPECT_EQ(calls, 1);
  other = StateRef();
  EXPECT_EQ(calls, 1) << "nobody asked for the second";
  pool->AnnounceNext();
  in_slot = StateRef();
  EXPECT_EQ(calls, 2);
}

TEST(StatePoolTest, WhoWaitsForASlotHearsOfNoOtherPlace) {
  int calls = 0;
  const auto pool = StatePool::Create(1, [&calls] { ++calls; });
  const auto host = HostStates::Create(8, 1);
  StateRef in_slot = pool->Acquire();
  StateRef in_host = pool->Add(host->Take(HostStates::Use::kStay));
  EXPECT_TRUE(pool->Acquire().empty());
  in_host = StateRef();
  EXPECT_EQ(calls, 0);
  in_slot = StateRef();
  EXPECT_EQ(calls, 1);
}

TEST(StatePoolTest, FreeSlotsThatWereUsedAreGivenOnce) {
  const auto pool = StatePool::Create(3);
  std::vector<uint32_t> used;
  used.reserve(3);
  pool->TakeUsedFree(used);
  EXPECT_TRUE(used.empty());
  StateRef a = pool->Acquire();
  const StateRef b = pool->Acquire();
  const uint32_t slot = a.slot();
  a = StateRef();
  pool->TakeUsedFree(used);
  EXPECT_EQ(used, std::vector<uint32_t>{slot});
  pool->TakeUsedFree(used);
  EXPECT_TRUE(used.empty());
}

TEST(StatePoolTest, SlotsAreFoundForManyMoreStatesThanThereAre) {
  constexpr size_t kNumStates = 500;
  const auto host = HostStates::Create(1, kNumStates);
  const auto pool = StatePool::Create(2);
  std::vector<StateRef> states;
  for (size_t i = 0; i < kNumStates; ++i) {
    if (pool->num_free() == 0) pool->Park(pool->LeastRecent(), Values(host, 0));
    states.push_back(pool->Acquire());
  }
  EXPECT_EQ(pool->num_parked(), kNumStates - 2);
  states.clear();
  EXPECT_EQ(pool->num_free(), 2u);
  EXPECT_EQ(host->num_held(), 0u);
}

TEST(StatePoolTest, ThreadsNeverHoldOneSlotTwice) {
  constexpr uint32_t kSlots = 4;
  const auto pool = StatePool::Create(kSlots);
  std::atomic<int> holders[kSlots] = {};
  std::atomic<bool> shared{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const StateRef held = pool->Acquire();
        if (held.empty()) continue;
        if (holders[held.slot()].fetch_add(1) != 0) shared = true;
        holders[held.slot()].fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(shared);
  EXPECT_EQ(pool->num_free(), kSlots);
}

}  // namespace
}  // namespace skein
