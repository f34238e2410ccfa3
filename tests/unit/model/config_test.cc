#include "model/config.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::TinyConfig;
using ::testing::HasSubstr;

std::string MessageOf(const ModelConfig& config) { return absl::StrCat(config.Validate().message()); }

TEST(ModelConfigTest, AcceptsAConsistentModel) { EXPECT_TRUE(TinyConfig().Validate().ok()); }

TEST(ModelConfigTest, NamesAHeadSizeThatDoesNotDivideTheWidth) {
  ModelConfig config = TinyConfig();
  config.head_size = 0;
  EXPECT_THAT(MessageOf(config), HasSubstr("head_size 0; expected a divisor of d_att 8"));
  config.head_size = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("head_size 3; expected a divisor of d_att 8"));
}

TEST(ModelConfigTest, NamesANumberOfHeadsThatDoesNotFillTheWidth) {
  ModelConfig config = TinyConfig();
  config.num_heads = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("num_heads 3; expected d_att 8 / head_size 4 = 2"));
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

TEST(ModelConfigTest, AcceptsEveryVersion) {
  for (const VersionSet version : ::skein::testing::kEveryVersion) {
    EXPECT_TRUE(TinyConfig(version).Validate().ok()) << TinyConfig(version).Validate();
  }
}

TEST(ModelConfigTest, RefusesOtherGenerationsAsUnimplemented) {
  const std::pair<uint32_t, uint32_t> others[] = {{3, 0}, {8, 0}, {5, 3}, {4, 1}, {6, 1}, {7, 1}};
  for (const auto& [generation, variant] : others) {
    ModelConfig config = TinyConfig();
    config.generation = generation;
    config.variant = variant;
    EXPECT_EQ(config.Validate().code(), absl::StatusCode::kUnimplemented);
    EXPECT_THAT(MessageOf(config), HasSubstr(absl::StrCat("generation ", generation, " variant ", variant)));
  }
}

TEST(ModelConfigTest, RefusesWhatAVersionDoesNotHave) {
  ModelConfig config = TinyConfig(kV4);
  config.num_heads = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("num_heads 3"));
  config = TinyConfig(kV52);
  config.rank_decay = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("rank_decay 3; expected 0 in RWKV-5.2"));
  config = TinyConfig(kV6);
  config.rank_gate = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("rank_gate 3"));
  config = TinyConfig(kV7);
  config.rank_mix = 3;
  EXPECT_THAT(MessageOf(config), HasSubstr("rank_mix 3"));
}

TEST(ModelConfigTest, HasTheNameThatPeopleSay) {
  EXPECT_EQ(TinyConfig(kV4).VersionName(), "RWKV-4");
  EXPECT_EQ(TinyConfig(kV51).VersionName(), "RWKV-5.1");
  EXPECT_EQ(TinyConfig(kV7).VersionName(), "RWKV-7");
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

// Backends see a config as it is.
TEST(ModelConfigTest, IsAModelOfThePluginBoundary) {
  const skein_backend_model model = TinyConfig();
  EXPECT_EQ(model.struct_size, sizeof(skein_backend_model));
  EXPECT_EQ(model.generation, 7u);
  EXPECT_EQ(model.d_model, 8u);
}

}  // namespace
}  // namespace skein
