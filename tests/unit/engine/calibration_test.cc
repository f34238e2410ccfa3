#include "engine/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/fake_step_runner.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;

constexpr uint32_t kMaxRows = 24;
constexpr uint32_t kMaxEntries = 10;

class CalibrationTest : public ::testing::Test {
 protected:
  absl::Status Run() {
    return Calibrate(runner_, *pool_, kMaxEntries, cost_, [this] { return runner_.steps().size() >= num_steps_; });
  }
  // Rows and entries of each step.
  std::vector<std::pair<size_t, size_t>> Shapes() const {
    std::vector<std::pair<size_t, size_t>> shapes;
    for (const FakeStep& step : runner_.steps()) shapes.emplace_back(step.tokens.size(), step.entries.size());
    return shapes;
  }

  FakeStepRunner runner_;
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(2 * kMaxEntries);
  StepCost cost_{kMaxRows};
  size_t num_steps_ = 1000;
};

using Shape = std::pair<size_t, size_t>;

TEST_F(CalibrationTest, StepsGrowFromOneRowAndOneHasManyStreams) {
  ASSERT_TRUE(Run().ok());
  EXPECT_THAT(Shapes(),
              testing::ElementsAre(Shape(1, 1), Shape(1, 1), Shape(2, 1), Shape(2, 1), Shape(4, 1), Shape(4, 1),
                                   Shape(8, 1), Shape(8, 1), Shape(8, 8), Shape(8, 8), Shape(16, 1), Shape(16, 1)));
  EXPECT_TRUE(cost_.is_known());
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(CalibrationTest, EndsWhenThereIsWork) {
  num_steps_ = 3;
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(runner_.steps().size(), 4u);
}

TEST_F(CalibrationTest, EndsBeforeAStepThatTakesLong) {
  cost_.Observe(1, 1, 30'000);  // two rows may take twice that
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(runner_.steps().empty());
}

TEST_F(CalibrationTest, ErrorOfTheRunnerEndsIt) {
  runner_.set_hook([](FakeStep&) { return absl::UnavailableError("lost"); });
  EXPECT_TRUE(absl::IsUnavailable(Run()));
  EXPECT_EQ(runner_.steps().size(), 1u);
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(CalibrationTest, WithoutSlotsItEnds) {
  std::vector<StateRef> others;
  for (uint32_t i = 0; i < pool_->num_slots(); ++i) others.push_back(pool_->Acquire());
  EXPECT_TRUE(absl::IsResourceExhausted(Run()));
  EXPECT_TRUE(runner_.steps().empty());
}

}  // namespace
}  // namespace skein
