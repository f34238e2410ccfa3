#include "numbers/exp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace skein {
namespace {

TEST(ExpNonPositiveTest, IsExactAtZero) {
  EXPECT_EQ(ExpNonPositive(0.0f), 1.0f);
  EXPECT_EQ(ExpNonPositive(-0.0f), 1.0f);
}

TEST(ExpNonPositiveTest, StaysWithinItsErrorOverItsRange) {
  constexpr int kSteps = 235000;
  for (int step = 0; step <= kSteps; ++step) {
    const auto argument = static_cast<float>(-87.0 * step / kSteps);
    const double expected = std::exp(static_cast<double>(argument));
    ASSERT_NEAR(ExpNonPositive(argument) / expected, 1.0, 2e-7) << "at " << argument;
  }
}

TEST(ExpNonPositiveTest, IsZeroBelowItsRange) {
  EXPECT_EQ(ExpNonPositive(-87.5f), 0.0f);
  EXPECT_EQ(ExpNonPositive(-1e30f), 0.0f);
  EXPECT_EQ(ExpNonPositive(-std::numeric_limits<float>::infinity()), 0.0f);
}

}  // namespace
}  // namespace skein
