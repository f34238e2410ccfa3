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
