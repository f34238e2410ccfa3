#include "model/tuned_state.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace skein {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

ModelConfig ConfigOf(uint32_t generation, uint32_t variant) {
  ModelConfig config;
  config.generation = generation;
  config.variant = variant;
  config.num_layers = 3;
  config.num_heads = 2;
  config.head_size = 8;
  return config;
}

TEST(TunedStateFitTest, OnlyVersionsWithSquareStatesHaveThem) {
  EXPECT_TRUE(CheckHasTunedStates(ConfigOf(7, 0)).ok());
  EXPECT_TRUE(CheckHasTunedStates(ConfigOf(6, 0)).ok());
  EXPECT_TRUE(CheckHasTunedStates(ConfigOf(5, 2)).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(CheckHasTunedStates(ConfigOf(5, 1))));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckHasTunedStates(ConfigOf(4, 0))));
}

TEST(TunedStateFitTest, AnotherShapeIsRefusedWithBoth) {
  EXPECT_TRUE(CheckTunedStateFits({3, 2, 8}, ConfigOf(7, 0)).ok());
  const absl::Status status = CheckTunedStateFits({3, 4, 8}, ConfigOf(7, 0));
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("3 layers with 4 heads of size 8"), HasSubstr("3 layers with 2 heads of size 8")));
}

}  // namespace
}  // namespace skein
