#include "engine/heap_trim.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace skein {
namespace {

constexpr uint32_t kMany = 10'000;

// Streams go until `end` are left; the number of times that a trim became due.
int TimesDue(HeapTrim& trim, uint32_t begin, uint32_t end) {
  int times = 0;
  for (uint32_t left = begin; left > end; --left) times += trim.OnRemoved(left - 1) ? 1 : 0;
  return times;
}

TEST(HeapTrimTest, IsDueWhenHalfOfManyStreamsHaveGone) {
  HeapTrim trim;
  trim.OnAdded(kMany);
  EXPECT_EQ(TimesDue(trim, kMany, kMany / 2 + 1), 0);
  EXPECT_FALSE(trim.TakeDue());
  EXPECT_TRUE(trim.OnRemoved(kMany / 2));
  EXPECT_TRUE(trim.TakeDue());
  EXPECT_FALSE(trim.TakeDue());
}

TEST(HeapTrimTest, IsSeldomDueWhileAllStreamsGo) {
  HeapTrim trim;
  trim.OnAdded(kMany);
  EXPECT_EQ(TimesDue(trim, kMany, 0), 6);  // at 5000, 2500, 1250, 625, 312 and 56 streams
}

TEST(HeapTrimTest, IsNotDueWhileFewStreamsComeAndGo) {
  HeapTrim trim;
  for (int i = 0; i < 1000; ++i) {
    trim.OnAdded(HeapTrim::kFewestGone - 1);
    EXPECT_EQ(TimesDue(trim, HeapTrim::kFewestGone - 1, 0), 0);
  }
}

TEST(HeapTrimTest, IsDueAgainAfterStreamsHaveComeBack) {
  HeapTrim trim;
  for (int i = 0; i < 2; ++i) {
    trim.OnAdded(HeapTrim::kFewestGone);
    EXPECT_TRUE(trim.OnRemoved(0));
  }
}

}  // namespace
}  // namespace skein
