#include "model/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::TinyConfig;
using ::testing::HasSubstr;

std::string MessageOf(const ModelConfig& config) { return absl::StrCat(config.Validate().message()); }

TEST(ModelConfigTest, AcceptsAConsistentModel) { EXPECT_TRUE(TinyConfig().Validate().ok()); }

TEST(ModelConfigTest, NamesAHeadSizeThatDoesNotDivideTheWidth) {
  ModelConfig config = TinyConfig();
  config.head_size = 0;
  EXPECT_THAT(MessageOf(config), HasSubstr("head_size 0; expected a divisor of d_model 8"));
  config.head_size = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("head_size 3; expected a divisor of d_model 8"));
}

TEST(ModelConfigTest, NamesANumberOfHeadsThatDoesNotFillTheWidth) {
  ModelConfig config = TinyConfig();
  config.num_heads = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("num_heads 3; expected d_model 8 / head_size 4 = 2"));
}

TEST(ModelConfigTest, RefusesZeroOfEveryDimension) {
  for (uint32_t ModelConfig::*field :
       {&ModelConfig::num_layers, &ModelConfig::d_model, &ModelConfig::d_att, &ModelConfig::d_ffn,
        &ModelConfig::vocab_size, &ModelConfig::num_heads, &ModelConfig::head_size, &ModelConfig::rank_decay,
        &ModelConfig::rank_iclr, &ModelConfig::rank_value, &ModelConfig::rank_gate}) {
    ModelConfig config = TinyConfig();
    config.*field = 0;
    EXPECT_EQ(config.Validate().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ModelConfigTest, RefusesSizesThatNoModelHas) {
  for (uint32_t ModelConfig::*field :
       {&ModelConfig::num_layers, &ModelConfig::d_ffn, &ModelConfig::vocab_size, &ModelConfig::rank_decay}) {
    ModelConfig config = TinyConfig();
    config.*field = 0xFFFFFFFFu;
    EXPECT_EQ(config.Validate().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(ModelConfigTest, RefusesOtherGenerationsAsUnimplemented) {
  ModelConfig config = TinyConfig();
  config.generation = 6;
  EXPECT_EQ(config.Validate().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(MessageOf(config), HasSubstr("generation 6"));
}

TEST(ModelConfigTest, RefusesAnEpsilonThatIsNoSmallNumber) {
  for (const float epsilon : {0.0f, -1e-5f, 2.0f, std::nanf("")}) {
    ModelConfig config = TinyConfig();
    config.norm_epsilon = epsilon;
    EXPECT_FALSE(config.Validate().ok()) << epsilon;
  }
}

TEST(ModelConfigTest, AModelOfOneLayerHasNoValueResidual) {
  ModelConfig config = TinyConfig();
  config.num_layers = 1;
  EXPECT_FALSE(config.Validate().ok());
  config.rank_value = 0;
  EXPECT_TRUE(config.Validate().ok());
}

TEST(ModelConfigTest, StateHoldsTwoShiftRowsAndTheWkvMatrixPerLayer) {
  // Two layers of 8 + 8 + 2 * 4 * 4.
  EXPECT_EQ(TinyConfig().StateFloats(), 96u);
}

}  // namespace
}  // namespace skein
