#include "runtime/histogram.h"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

namespace skein {
namespace {

using std::chrono::nanoseconds;

TEST(HistogramTest, BucketHoldsTheValuesUpToItsBound) {
  Histogram histogram(10, 4);  // bounds 10, 20, 40, none
  for (const uint64_t value : {0u, 1u, 10u, 11u, 20u, 21u, 40u, 41u}) histogram.Observe(value);
  EXPECT_EQ(histogram.Bound(2), 40u);
  EXPECT_EQ(histogram.Count(0), 3u);
  EXPECT_EQ(histogram.Count(1), 2u);
  EXPECT_EQ(histogram.Count(2), 2u);
  EXPECT_EQ(histogram.Count(3), 1u);
  EXPECT_EQ(histogram.sum(), 144u);
}

TEST(HistogramTest, LastBucketHasNoBound) {
  Histogram histogram(1, 3);
  histogram.Observe(std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(histogram.Count(2), 1u);
}

TEST(HistogramTest, TimesAreCountedByTheMicrosecond) {
  TimeHistogram histogram;
  histogram.Observe(nanoseconds(1000));
  histogram.Observe(nanoseconds(1001));
  histogram.Observe(nanoseconds(-5));  // no clock does that; it counts as 0
  EXPECT_EQ(histogram.Count(0), 2u);
  EXPECT_EQ(histogram.Count(1), 1u);
  EXPECT_EQ(histogram.sum(), 2001u);
}

}  // namespace
}  // namespace skein
