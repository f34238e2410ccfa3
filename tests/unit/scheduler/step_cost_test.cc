#include "scheduler/step_cost.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

namespace skein {
namespace {

constexpr uint32_t kMaxRows = 512;

// A device whose step takes this time.
double DeviceTime(uint64_t rows, uint64_t entries) {
  return 8000 + 900 * static_cast<double>(rows) + 100 * static_cast<double>(entries);
}

StepCost Calibrated() {
  StepCost cost(kMaxRows);
  for (uint64_t rows = 1; rows <= kMaxRows; rows *= 2) cost.Observe(rows, 1, DeviceTime(rows, 1));
  cost.ObserveEntries(16, DeviceTime(16, 16), DeviceTime(16, 1));
  return cost;
}

TEST(StepCostTest, NothingIsKnownAtFirst) {
  const StepCost cost(kMaxRows);
  EXPECT_FALSE(cost.is_known());
  EXPECT_EQ(cost.Time(8, 8), 0);
  EXPECT_EQ(cost.RowsThatFit(8, 8, 1, 100), 100u);
}

TEST(StepCostTest, AStepWithoutRowsSaysNothing) {
  StepCost cost(64);
  cost.Observe(0, 0, 8000);
  EXPECT_FALSE(cost.is_known());
  EXPECT_EQ(cost.Time(1, 1), 0);
  cost.Observe(1, 1, 1000);
  cost.Observe(0, 0, 8000);
  EXPECT_EQ(cost.PromptTime(64), 64'000);
}

TEST(StepCostTest, OneObservationIsAWordOnAllSizes) {
  StepCost cost(kMaxRows);
  cost.Observe(8, 8, 16000);
  EXPECT_NEAR(cost.Time(8, 8), 16000, 1);
  EXPECT_NEAR(cost.Time(1, 1), 16000, 1);
  EXPECT_NEAR(cost.Time(16, 16), 32000, 1);
}

TEST(StepCostTest, CalibratedTableMatchesTheDevice) {
  const StepCost cost = Calibrated();
  for (uint64_t rows : {1, 2, 3, 8, 24, 100, 512}) {
    EXPECT_NEAR(cost.Time(rows, 1) / DeviceTime(rows, 1), 1, 0.05) << rows;
    if (rows <= 64) {
      EXPECT_NEAR(cost.Time(rows, rows) / DeviceTime(rows, rows), 1, 0.1) << rows;
    }
  }
  EXPECT_NEAR(cost.PromptTime(1100), 2 * DeviceTime(512, 1) + DeviceTime(76, 1), 5000);
}

TEST(StepCostTest, RowsThatFitAreTheMostThatFit) {
  const StepCost cost = Calibrated();
  for (double us : {9000., 20000., 50000., 100000.}) {
    const uint64_t rows = cost.RowsThatFit(8, 8, us, 300);
    if (rows > 0) {
      EXPECT_LE(cost.Time(8 + rows, 9), us);
    }
    if (rows < 300) {
      EXPECT_GT(cost.Time(8 + rows + 1, 9), us);
    }
  }
}

TEST(StepCostTest, OneSlowStepMovesTheTableByATwentiethAtMost) {
  StepCost cost = Calibrated();
  for (int i = 0; i < 10; ++i) cost.Observe(8, 8, DeviceTime(8, 8));
  const double before = cost.Time(8, 8);
  cost.Observe(8, 8, 1000 * before);
  EXPECT_LE(cost.Time(8, 8), 1.051 * before);
  EXPECT_GT(cost.Time(8, 8), before);
}

TEST(StepCostTest, FollowsAMachineThatIsSuddenlySlowerWithinTwentyStepsAtAllSizes) {
  for (const double factor : {1.5, 2.0, 4.0}) {
    StepCost cost = Calibrated();
    for (int i = 0; i < 10; ++i) cost.Observe(8, 8, DeviceTime(8, 8));
    for (int i = 0; i < 20; ++i) cost.Observe(8, 8, factor * DeviceTime(8, 8));
    EXPECT_NEAR(cost.Time(8, 8) / DeviceTime(8, 8), factor, 0.1 * factor);
    EXPECT_GE(cost.Time(512, 8) / DeviceTime(512, 8), 1 + 0.4 * (factor - 1));
  }
}

TEST(StepCostTest, LongStepsNowAndThenMakeTheMeanLongerAndNotTheUsualTime) {
  StepCost cost = Calibrated();
  const double usual = DeviceTime(8, 8);
  EXPECT_EQ(cost.Overrun(), 1);
  for (int i = 0; i < 1000; ++i) cost.Observe(8, 8, i % 10 == 0 ? 5 * usual : usual);
  EXPECT_LE(cost.Time(8, 8), 1.15 * usual);
  EXPECT_NEAR(cost.Time(8, 8) * cost.Overrun(), 1.4 * usual, 0.07 * usual);
}

TEST(StepCostTest, OneStalledStepAddsATenthToTheMean) {
  StepCost cost = Calibrated();
  for (int i = 0; i < 200; ++i) cost.Observe(8, 8, DeviceTime(8, 8));
  cost.Observe(8, 8, 1e7);
  EXPECT_GT(cost.Overrun(), 1);
  EXPECT_LE(cost.Overrun(), 1.1);
}

TEST(StepCostTest, SlowFirstStepIsForgottenAtTheNext) {
  StepCost cost(kMaxRows);
  cost.Observe(8, 8, 50 * DeviceTime(8, 8));
  cost.Observe(8, 8, DeviceTime(8, 8));
  EXPECT_NEAR(cost.Time(8, 8), DeviceTime(8, 8), 0.05 * DeviceTime(8, 8));
}

TEST(StepCostTest, FollowsADeviceThatBecomesSlowerAndFaster) {
  StepCost cost = Calibrated();
  for (const double factor : {2.0, 0.5, 1.0}) {
    for (int i = 0; i < 100; ++i) {
      for (const uint64_t rows : {8, 24}) cost.Observe(rows, 8, factor * DeviceTime(rows, 8));
    }
    EXPECT_NEAR(cost.Time(8, 8) / DeviceTime(8, 8), factor, 0.05 * factor);
    EXPECT_NEAR(cost.Time(24, 8) / DeviceTime(24, 8), factor, 0.05 * factor);
  }
}

TEST(StepCostTest, NoObservationMakesTheTableFall) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    StepCost cost(1 + static_cast<uint32_t>(random() % 600));
    for (int i = 0; i < 50; ++i) {
      const uint64_t rows = 1 + random() % cost.max_rows();
      cost.Observe(rows, 1 + random() % rows, static_cast<double>(1 + random() % 100000));
    }
    for (uint64_t rows = 1; rows < 700; ++rows) {
      EXPECT_LE(cost.Time(rows, 1), cost.Time(rows + 1, 1) + 1e-6);
      EXPECT_LE(cost.Time(rows, 1), cost.Time(rows, 2));
      EXPECT_GT(cost.Time(rows, 1), 0);
    }
  }
}

}  // namespace
}  // namespace skein
