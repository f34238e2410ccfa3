#include "sampling/scratch_pool.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace skein {
namespace {

TEST(ScratchPoolTest, WhatWasGivenBackLastIsTakenFirst) {
  ScratchPool pool;
  const SamplingScratch* last = nullptr;
  {
    const ScratchPool::Lease a = pool.Take();
    last = &*a;
    const ScratchPool::Lease b = pool.Take();
    EXPECT_NE(&*a, &*b);
  }
  EXPECT_EQ(pool.num_free(), 2u);
  const ScratchPool::Lease again = pool.Take();
  EXPECT_EQ(&*again, last);
  EXPECT_EQ(pool.num_free(), 1u);
}

TEST(ScratchPoolTest, ThereIsNoMoreThanIsUsedAtATime) {
  constexpr int kNumThreads = 4;
  ScratchPool pool;
  std::vector<std::thread> threads;
  for (int i = 0; i < kNumThreads; ++i) {
    threads.emplace_back([&pool] {
      for (int j = 0; j < 1000; ++j) {
        const ScratchPool::Lease lease = pool.Take();
        (*lease).candidates.Reset(1);  // a race if two threads had the same
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(pool.num_free(), 1u);
  EXPECT_LE(pool.num_free(), size_t{kNumThreads});
}

}  // namespace
}  // namespace skein
