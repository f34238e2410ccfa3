// The forms that adapters have: names of other schemes, PEFT's folders, products that are stored transposed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/files/adapter/adapter_fixture.h"

namespace skein::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kConfig = R"({"peft_type": "LORA", "r": 2, "lora_alpha": 3})";  // scale 1.5

// Factors A [2, in] and B [out, 2] under `a` and `b`.
std::vector<FakeTensor> Factors(const std::string& a, const std::string& b, size_t in, size_t out) {
  return {Tensor(a, {2, in}, Ramp(2 * in, 0.5f)), Tensor(b, {out, 2}, Ramp(out * 2, 0.25f))};
}

// (B A)[o][i] of Factors.
float Product(size_t o, size_t i, size_t in) {
  const std::vector<float> a = Ramp(2 * in, 0.5f);
  return static_cast<float>(2 * o + 1) * 0.25f * a[i] + static_cast<float>(2 * o + 2) * 0.25f * a[in + i];
}

// Expects the values of `original` [out, in], changed by `scale` times Factors.
void ExpectProduct(const std::vector<float>& values, const std::string& original, size_t in, float scale) {
  const std::vector<float> before = Original(original);
  ASSERT_EQ(values.size(), before.size());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_NEAR(values[i], before[i] + scale * Product(i / in, i % in, in), 1e-4f) << i;
  }
}

using AdapterFormsTest = AdapterTest;

TEST_F(AdapterFormsTest, PeftsFolderHasItsScaleInItsConfig) {
  const auto model = AdaptByConfig(Factors("base_model.model.blocks.1.ffn.key.lora_A.weight",
                                           "base_model.model.blocks.1.ffn.key.lora_B.weight", kC, kF),
                                   kConfig);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectProduct(Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1), "blocks.1.ffn.key.weight", kC, 1.5f);
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("scale 1.5 (lora_alpha 3 / r 2 in adapter_config.json)")));
}

TEST_F(AdapterFormsTest, AGivenScaleCountsInPlaceOfTheConfigs) {
  const auto model =
      AdaptByConfig(Factors("blocks.1.ffn.key.lora_A", "blocks.1.ffn.key.lora_B", kC, kF), kConfig, 0.25);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectProduct(Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1), "blocks.1.ffn.key.weight", kC, 0.25f);
}

TEST_F(AdapterFormsTest, WrappersAndTheNameOfTheAdapterMakeNoDifference) {
  for (const char* wrapper : {"module.", "_forward_module.module.base_model.model.", "model.", "base_model.model."}) {
    const std::string module = std::string(wrapper) + "blocks.1.ffn.key";
    const auto model =
        AdaptByConfig(Factors(module + ".lora_A.default.weight", module + ".lora_B.default.weight", kC, kF), kConfig);
    ASSERT_TRUE(model.ok()) << model.status();
    ExpectProduct(Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1), "blocks.1.ffn.key.weight", kC, 1.5f);
  }
}

TEST_F(AdapterFormsTest, OtherSchemesNameTheSameWeights) {
  for (const char* module : {"base_model.model.model.layers.1.ffn.key", "base_model.model.layers.1.ffn.key",
                             "base_model.model.model.layers.1.feed_forward.key"}) {
    const auto model = AdaptByConfig(
        Factors(std::string(module) + ".lora_A.weight", std::string(module) + ".lora_B.weight", kC, kF), kConfig);
    ASSERT_TRUE(model.ok()) << model.status();
    ExpectProduct(Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1), "blocks.1.ffn.key.weight", kC, 1.5f);
  }
}

// w1 is [C, 3] with the author and [3, C] with fla, where it is a linear layer; the role is as fla has it.
TEST_F(AdapterFormsTest, LowRankFactorsOfTheModelAreChangedInEitherOrientation) {
  const std::vector<float> stored = Original("blocks.1.att.w1");  // [C, 3]
  const auto expect = [&](const std::vector<float>& values, const auto& product) {
    for (size_t o = 0; o < 3; ++o) {
      for (size_t i = 0; i < kC; ++i) {
        ASSERT_NEAR(values[o * kC + i], stored[i * 3 + o] + product(o, i), 1e-4f) << o << " " << i;
      }
    }
  };
  auto fla = Adapt(Factors("model.layers.1.attn.w_lora.lora.0.lora_A.weight",
                           "model.layers.1.attn.w_lora.lora.0.lora_B.weight", kC, 3));
  ASSERT_TRUE(fla.ok()) << fla.status();
  expect(Values(**fla, SKEIN_ROLE_V7_DECAY_DOWN, 1), [](size_t o, size_t i) { return Product(o, i, kC); });
  fla->reset();
  const auto author = Adapt(Factors("blocks.1.att.w1.lora_A", "blocks.1.att.w1.lora_B", 3, kC));
  ASSERT_TRUE(author.ok()) << author.status();
  expect(Values(**author, SKEIN_ROLE_V7_DECAY_DOWN, 1), [](size_t o, size_t i) { return Product(i, o, 3); });
}

TEST_F(AdapterFormsTest, ProductOfAnEmbeddingIsTransposed) {
  const auto model = AdaptByConfig(
      Factors("base_model.model.emb.lora_embedding_A", "base_model.model.emb.lora_embedding_B", kV, kC), kConfig);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> before = Original("emb.weight");
  const std::vector<float> values = Values(**model, SKEIN_ROLE_EMBEDDING, 0);
  for (size_t v = 0; v < kV; ++v) {
    for (size_t c = 0; c < kC; ++c) {
      ASSERT_NEAR(values[v * kC + c], before[v * kC + c] + 1.5f * Product(c, v, kV), 1e-4f) << v << " " << c;
    }
  }
}

TEST_F(AdapterFormsTest, GgufHasItsOwnNamesAndScale) {
  const std::vector<ContainerText> texts = {{"general.type", "adapter"},
                                            {"general.architecture", "rwkv7"},
                                            {"adapter.type", "lora"},
                                            {"adapter.lora.alpha", "3"}};
  const std::string name = "blk.1.channel_mix_key.weight";
  const auto model = Adapt(Factors(name + ".lora_a", name + ".lora_b", kC, kF), std::nullopt, texts);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectProduct(Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1), "blocks.1.ffn.key.weight", kC, 1.5f);
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("scale 1.5 (lora_alpha 3 / r 2 in metadata)")));
}

// llama.cpp turns A alone, so that it may look up a row for a token.
TEST_F(AdapterFormsTest, EmbeddingOfGgufIsHalfTurned) {
  std::vector<FakeTensor> factors = Factors("token_embd.weight.lora_a", "token_embd.weight.lora_b", kV, kC);
  Turn(factors.data());
  const auto model = Adapt(std::move(factors), 2);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> before = Original("emb.weight");
  const std::vector<float> values = Values(**model, SKEIN_ROLE_EMBEDDING, 0);
  for (size_t v = 0; v < kV; ++v) {
    for (size_t c = 0; c < kC; ++c) ASSERT_NEAR(values[v * kC + c], before[v * kC + c] + 2 * Product(c, v, kV), 1e-4f);
  }
}

TEST_F(AdapterFormsTest, RankOfOneMayBeLeftOutOfTheShape) {
  const auto model = Adapt({Tensor("blk.0.time_mix_key.weight.lora_a", {kC}, Ramp(kC, 1)),
                            Tensor("blk.0.time_mix_key.weight.lora_b", {kC, 1}, Ramp(kC, 1))});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FLOAT_EQ(Values(**model, SKEIN_ROLE_TIME_KEY, 0)[kC + 2], Original("blocks.0.att.key.weight")[kC + 2] + 6);
}

TEST_F(AdapterFormsTest, DoraGivesEachOutputItsLength) {
  std::vector<FakeTensor> tensors = Factors("blocks.0.ffn.key.lora_A.weight", "blocks.0.ffn.key.lora_B.weight", kC, kF);
  tensors.push_back(Tensor("blocks.0.ffn.key.lora_magnitude_vector", {kF}, Ramp(kF, 0.5f)));
  const auto model = AdaptByConfig(std::move(tensors), R"({"peft_type": "LORA", "r": 2, "lora_alpha": 3,
                                                           "use_dora": true})");
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> before = Original("blocks.0.ffn.key.weight");
  const std::vector<float> values = Values(**model, SKEIN_ROLE_CHANNEL_KEY, 0);
  for (size_t o = 0; o < kF; ++o) {
    double squares = 0;
    for (size_t i = 0; i < kC; ++i) squares += std::pow(before[o * kC + i] + 1.5 * Product(o, i, kC), 2);
    for (size_t i = 0; i < kC; ++i) {
      const double sum = before[o * kC + i] + 1.5 * Product(o, i, kC);
      ASSERT_NEAR(values[o * kC + i], sum * static_cast<double>(o + 1) * 0.5 / std::sqrt(squares), 1e-4)
          << o << " " << i;
    }
  }
}

TEST_F(AdapterFormsTest, ModulesToSaveReplaceTheModels) {
  const auto model = AdaptByConfig({Tensor("base_model.model.head.modules_to_save.weight", {kV, kC}, Ramp(kV * kC, 1)),
                                    Tensor("base_model.model.head.original_module.weight", {kV, kC}, Ramp(kV * kC, 2)),
                                    Tensor("base_model.model.blocks.0.ln1.bias", {kC}, Ramp(kC, 3))},
                                   kConfig);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Values(**model, SKEIN_ROLE_HEAD, 0), Ramp(kV * kC, 1));
  EXPECT_EQ(Values(**model, SKEIN_ROLE_TIME_NORM_B, 0), Ramp(kC, 3));
}

TEST_F(AdapterFormsTest, MissOfPeftRepeatsABlockThatIsNarrow) {
  const auto model = AdaptByConfig({Tensor("base_model.model.blocks.0.ffn.key.miss_block", {3, 4}, Ramp(12, 1))},
                                   R"({"peft_type": "MISS", "r": 3, "init_weights": "mini", "mini_r": 4})");
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> before = Original("blocks.0.ffn.key.weight");
  const std::vector<float> values = Values(**model, SKEIN_ROLE_CHANNEL_KEY, 0);
  for (size_t o = 0; o < kF; ++o) {
    for (size_t i = 0; i < kC; ++i) {
      EXPECT_FLOAT_EQ(values[o * kC + i], before[o * kC + i] + static_cast<float>(i % 3 * 4 + o % 4 + 1));
    }
  }
}

// RWKV-PEFT has a block for each run of inputs, PEFT for each run of outputs.
TEST_F(AdapterFormsTest, OwnBlocksOfPeftBelongToOutputs) {
  const size_t r = 4;
  const std::vector<float> d = Ramp(kF / r * r * r, 0.125f);
  for (const char* name : {"blocks.0.ffn.key.miss_block", "blocks.0.ffn.key.bone_block"}) {
    const auto model = AdaptByConfig({Tensor(name, {kF / r, r, r}, d)}, R"({"peft_type": "MISS", "r": 4})");
    ASSERT_TRUE(model.ok()) << model.status();
    const std::vector<float> before = Original("blocks.0.ffn.key.weight");
    const std::vector<float> values = Values(**model, SKEIN_ROLE_CHANNEL_KEY, 0);
    for (size_t o = 0; o < kF; ++o) {
      for (size_t i = 0; i < kC; ++i) {
        const float* block = &d[o / r * r * r];
        double expected = before[o * kC + i] + block[o % r * r + i % r];
        for (size_t z = 0; z < r; ++z) expected += double{before[o * kC + i / r * r + z]} * block[z * r + i % r];
        EXPECT_NEAR(values[o * kC + i], expected, 1e-3) << name << " " << o << " " << i;
      }
    }
  }
}

// --- warnings ---

TEST_F(AdapterFormsTest, ScaleThatNothingSaysIsAWarning) {
  const auto model = Adapt(Factors("blocks.1.ffn.key.lora_A", "blocks.1.ffn.key.lora_B", kC, kF), std::nullopt);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectProduct(Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1), "blocks.1.ffn.key.weight", kC, 1);
  ASSERT_EQ(log_.lines().size(), 2u);
  EXPECT_THAT(log_.lines()[1], HasSubstr("2 " + adapter_->path()));
  EXPECT_THAT(log_.lines()[1], HasSubstr("scale 1 is taken"));
  EXPECT_THAT(log_.lines()[1], HasSubstr("the rank is 2"));
}

TEST_F(AdapterFormsTest, NoWarningWhereTheScaleIsGivenOrThereIsNone) {
  const std::vector<FakeTensor> lora = Factors("blocks.1.ffn.key.lora_A", "blocks.1.ffn.key.lora_B", kC, kF);
  std::vector<FakeTensor> pissa = Factors("blocks.1.ffn.key.init_lora_A", "blocks.1.ffn.key.init_lora_B", kC, kF);
  pissa.insert(pissa.end(), lora.begin(), lora.end());
  EXPECT_TRUE(Adapt(lora, 1).ok());
  EXPECT_TRUE(Adapt({Tensor("blocks.0.ffn.key.disha", {3, kF}, Ramp(3 * kF, 1))}, std::nullopt).ok());
  EXPECT_TRUE(Adapt(pissa, std::nullopt).ok());
  EXPECT_THAT(log_.lines(), ElementsAre(StartsWith("1 "), StartsWith("1 "), StartsWith("1 ")));
}

// --- refusals ---

TEST_F(AdapterFormsTest, AnAdapterOfAnotherModelIsRefusedWithWhatWasFoundAndExpected) {
  const std::string message = Refusal(Factors("base_model.model.layers.0.self_attn.q_proj.lora_A.weight",
                                              "base_model.model.layers.0.self_attn.q_proj.lora_B.weight", kC, kC));
  EXPECT_THAT(message, HasSubstr("none of its 2 tensors belong to the model, which is RWKV-7 with 2 layers"));
  EXPECT_THAT(message, HasSubstr("found \"base_model.model.layers.0.self_attn.q_proj.lora_A.weight\""));
  EXPECT_THAT(message, HasSubstr("such as \"blocks.0.att.key.lora_A\""));
}

TEST_F(AdapterFormsTest, AnAdapterThatFitsInPartIsRefused) {
  std::vector<FakeTensor> tensors = Factors("blocks.0.att.key.lora_A", "blocks.0.att.key.lora_B", kC, kC);
  tensors.push_back(Tensor("blocks.0.att.key.alpha", {1}, {4}));
  const std::string message = Refusal(std::move(tensors));
  EXPECT_THAT(message, HasSubstr("2 of its 3 tensors belong to the model"));
  EXPECT_THAT(message, HasSubstr("found \"blocks.0.att.key.alpha\""));
}

TEST_F(AdapterFormsTest, AnAdapterThatChangesNothingIsRefused) {
  EXPECT_THAT(Refusal({Tensor("blocks.0.att.v0", {1, 1, kC}, Ramp(kC, 1))}), HasSubstr("changes nothing"));
  EXPECT_THAT(Refusal({Tensor("head.original_module.weight", {kV, kC}, Ramp(kV * kC, 1))}),
              HasSubstr("changes nothing"));
}

TEST_F(AdapterFormsTest, ARankThatTheConfigDoesNotSayIsRefused) {
  const auto model = AdaptByConfig(Factors("blocks.1.ffn.key.lora_A", "blocks.1.ffn.key.lora_B", kC, kF),
                                   R"({"peft_type": "LORA", "r": 16, "lora_alpha": 16})");
  EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("its rank is 2, but adapter_config.json says 16"));
}

TEST_F(AdapterFormsTest, AFileOfTwoAdaptersIsRefused) {
  std::vector<FakeTensor> tensors =
      Factors("blocks.0.att.key.lora_A.one.weight", "blocks.0.att.key.lora_B.two.weight", kC, kC);
  EXPECT_THAT(Refusal(std::move(tensors)), HasSubstr("adapter \"two\""));
}

TEST_F(AdapterFormsTest, AnotherArchitectureIsRefused) {
  const std::string name = "blk.0.time_mix_key.weight";
  const auto model = Adapt(Factors(name + ".lora_a", name + ".lora_b", kC, kC), 1, {{"general.architecture", "rwkv6"}});
  EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("\"rwkv6\"; expected \"rwkv7\""));
}

TEST_F(AdapterFormsTest, DoraNeedsItsMagnitudes) {
  const auto model = AdaptByConfig(Factors("blocks.1.ffn.key.lora_A", "blocks.1.ffn.key.lora_B", kC, kF),
                                   R"({"peft_type": "LORA", "r": 2, "lora_alpha": 2, "use_dora": true})");
  EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("lora_magnitude_vector"));
}

TEST_F(AdapterFormsTest, MagnitudesNeedTheirProduct) {
  EXPECT_THAT(Refusal({Tensor("blocks.0.ffn.key.lora_magnitude_vector", {kF}, Ramp(kF, 1))}), HasSubstr("lora_A"));
}

}  // namespace
}  // namespace skein::testing
