#include "sampling/sampler_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace skein {
namespace {

using testing::HasSubstr;

absl::Status Validate(const std::vector<Occurrence>& occurrences) {
  return ValidateSamplerState({1, 2, occurrences}, 10);
}

TEST(ValidateSamplerStateTest, AcceptsWhatSamplersRemember) {
  EXPECT_TRUE(Validate({}).ok());
  EXPECT_TRUE(Validate({{9, 0.0}, {0, 0x1p-1074}, {4, 0x1p62}}).ok());
}

TEST(ValidateSamplerStateTest, RefusesATokenOutsideTheVocabulary) {
  EXPECT_EQ(Validate({{10, 1.0}}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(Validate({{10, 1.0}}).message()), HasSubstr("token 10; the vocabulary has 10"));
}

TEST(ValidateSamplerStateTest, RefusesATokenThatIsThereTwice) {
  EXPECT_THAT(std::string(Validate({{3, 1.0}, {4, 1.0}, {3, 1.0}}).message()), HasSubstr("token 3: two entries"));
}

TEST(ValidateSamplerStateTest, RefusesAWeightThatNoTokenHas) {
  for (const double weight : {-1e-300, 0x1.1p62, HUGE_VAL, std::nan("")}) {
    EXPECT_EQ(Validate({{3, weight}}).code(), absl::StatusCode::kInvalidArgument) << weight;
  }
}

}  // namespace
}  // namespace skein
