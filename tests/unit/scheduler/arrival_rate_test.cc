#include "scheduler/arrival_rate.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

TEST(ArrivalRateTest, RateIsKnownAfterATenthOfASecond) {
  ArrivalRate rate;
  for (int64_t us = 0; us < 100'000; us += 5000) rate.Add(48, us);
  EXPECT_NEAR(rate.PerUs(100'000), 48.0 / 5000, 0.05 * 48 / 5000);
}

TEST(ArrivalRateTest, OneArrivalIsNoEndlessRate) {
  ArrivalRate rate;
  rate.Add(1000, 0);
  EXPECT_LE(rate.PerUs(0), 1000.0 / 100'000 * 1.05);
  EXPECT_LE(rate.PerUs(1'000'000), 1000.0 / 1'000'000);
}

TEST(ArrivalRateTest, RateThatEndsIsForgotten) {
  ArrivalRate rate;
  for (int64_t us = 0; us < 4'000'000; us += 1000) rate.Add(1, us);
  EXPECT_NEAR(rate.PerUs(4'000'000), 1e-3, 1e-4);
  EXPECT_LE(rate.PerUs(14'000'000), 1e-5);
}

}  // namespace
}  // namespace skein
