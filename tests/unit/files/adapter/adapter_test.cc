#include "files/adapter/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "skein/backend.h"
#include "tests/unit/files/adapter/adapter_fixture.h"

namespace skein::testing {
namespace {

using ::testing::HasSubstr;

TEST_F(AdapterTest, LowRankProductIsAddedTimesTheScale) {
  const std::vector<float> a = Ramp(2 * kC, 0.5f);
  const std::vector<float> b = Ramp(kF * 2, 0.25f);
  const auto model =
      Adapt({Tensor("blocks.1.ffn.key.lora_A", {2, kC}, a), Tensor("blocks.1.ffn.key.lora_B", {kF, 2}, b)}, 0.5);
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<float> expected = Original("blocks.1.ffn.key.weight");
  for (size_t o = 0; o < kF; ++o) {
    for (size_t i = 0; i < kC; ++i) {
      expected[o * kC + i] += 0.5f * (b[o * 2] * a[i] + b[o * 2 + 1] * a[kC + i]);
    }
  }
  const std::vector<float> values = Values(**model, SKEIN_ROLE_CHANNEL_KEY, 1);
  for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-4f) << i;
}

TEST_F(AdapterTest, SpellingWithWeightBehindMeansTheSame) {
  const std::vector<FakeTensor> plain = {Tensor("blocks.0.att.key.lora_A", {1, kC}, Ramp(kC, 1)),
                                         Tensor("blocks.0.att.key.lora_B", {kC, 1}, Ramp(kC, 1))};
  std::vector<FakeTensor> spelled = plain;
  for (FakeTensor& tensor : spelled) tensor.name += ".weight";
  std::vector<float> expected;
  {
    const auto model = Adapt(plain);
    ASSERT_TRUE(model.ok()) << model.status();
    expected = Values(**model, SKEIN_ROLE_TIME_KEY, 0);
  }
  EXPECT_NE(expected, Original("blocks.0.att.key.weight"));
  const auto model = Adapt(spelled);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Values(**model, SKEIN_ROLE_TIME_KEY, 0), expected);
}

TEST_F(AdapterTest, InitialFactorsAreSubtracted) {
  const auto model = Adapt({Tensor("blocks.0.att.value.init_lora_A", {1, kC}, Ramp(kC, 1)),
                            Tensor("blocks.0.att.value.init_lora_B", {kC, 1}, Ramp(kC, 1))});
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> original = Original("blocks.0.att.value.weight");
  const std::vector<float> values = Values(**model, SKEIN_ROLE_TIME_VALUE, 0);
  EXPECT_FLOAT_EQ(values[0], original[0] - 1);
  EXPECT_FLOAT_EQ(values[2 * kC + 3], original[2 * kC + 3] - 12);
}

TEST_F(AdapterTest, TensorOfTheModelReplacesItInItsOrientation) {
  const auto model =
      Adapt({Tensor("blocks.1.att.w1", {kC, 3}, Ramp(kC * 3, 1)), Tensor("blocks.0.ln1.bias", {kC}, Ramp(kC, 2)),
             Tensor("blocks.0.att.x_r", {1, 1, kC}, Ramp(kC, 3))});
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> down = Values(**model, SKEIN_ROLE_V7_DECAY_DOWN, 1);
  EXPECT_EQ(down[1], 4);   // row 1, column 0 of the stored tensor
  EXPECT_EQ(down[kC], 2);  // row 0, column 1
  EXPECT_EQ(Values(**model, SKEIN_ROLE_TIME_NORM_B, 0), Ramp(kC, 2));
  EXPECT_EQ(Values(**model, SKEIN_ROLE_V7_MIX_R, 0), Ramp(kC, 3));
}

TEST_F(AdapterTest, ReplacementComesBeforeTheProduct) {
  const auto model = Adapt({Tensor("blocks.0.att.key.lora_A", {1, kC}, std::vector<float>(kC, 1)),
                            Tensor("blocks.0.att.key.lora_B", {kC, 1}, std::vector<float>(kC, 1)),
                            Tensor("blocks.0.att.key.weight", {kC, kC}, Ramp(kC * kC, 1))});
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<float> expected = Ramp(kC * kC, 1);
  for (float& value : expected) value += 1;
  EXPECT_EQ(Values(**model, SKEIN_ROLE_TIME_KEY, 0), expected);
}

TEST_F(AdapterTest, VectorCountsAsAMatrixOfOneRow) {
  const auto model =
      Adapt({Tensor("blocks.0.att.x_k.lora_A", {1, kC}, Ramp(kC, 1)), Tensor("blocks.0.att.x_k.lora_B", {1, 1}, {2})});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FLOAT_EQ(Values(**model, SKEIN_ROLE_V7_MIX_K, 0)[3], Original("blocks.0.att.x_k")[3] + 8);
}

TEST_F(AdapterTest, SharedBlockIsAddedToEachBlockOfInputsAndInPartToTheLast) {
  const std::vector<float> d = Ramp(3 * kF, 1);  // 8 inputs are two blocks of 3 and 2 of a third
  const auto model = Adapt({Tensor("blocks.0.ffn.key.disha", {3, kF}, d)});
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> original = Original("blocks.0.ffn.key.weight");
  const std::vector<float> values = Values(**model, SKEIN_ROLE_CHANNEL_KEY, 0);
  for (size_t o = 0; o < kF; ++o) {
    for (size_t i = 0; i < kC; ++i) EXPECT_FLOAT_EQ(values[o * kC + i], original[o * kC + i] + d[i % 3 * kF + o]);
  }
}

TEST_F(AdapterTest, OwnBlocksMultiplyAndAdd) {
  const size_t r = 4;
  const std::vector<float> d = Ramp(kC / r * r * r, 0.125f);
  for (const char* name : {"blocks.0.ffn.key.bone", "blocks.0.ffn.key.disha"}) {
    const auto model = Adapt({Tensor(name, {kC / r, r, r}, d)});
    ASSERT_TRUE(model.ok()) << model.status();
    const std::vector<float> original = Original("blocks.0.ffn.key.weight");
    const std::vector<float> values = Values(**model, SKEIN_ROLE_CHANNEL_KEY, 0);
    for (size_t o = 0; o < kF; ++o) {
      for (size_t i = 0; i < kC; ++i) {
        const float* block = &d[i / r * r * r];
        double expected = original[o * kC + i] + block[o % r * r + i % r];
        for (size_t z = 0; z < r; ++z) expected += double{original[o * kC + i / r * r + z]} * block[z * r + i % r];
        EXPECT_NEAR(values[o * kC + i], expected, 1e-3) << name << " " << o << " " << i;
      }
    }
  }
}

TEST_F(AdapterTest, SeveralAdaptersAreMergedInTheirOrder) {
  adapter_ = std::make_unique<FakeFormat>(
      std::vector<FakeTensor>{Tensor("blocks.0.att.key.lora_A", {1, kC}, std::vector<float>(kC, 1)),
                              Tensor("blocks.0.att.key.lora_B", {kC, 1}, std::vector<float>(kC, 1))});
  const std::vector<AdapterSource> sources = {{adapter_->path(), 1}, {adapter_->path(), 2}};
  const auto model = Merge(sources);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_FLOAT_EQ(Values(**model, SKEIN_ROLE_TIME_KEY, 0)[5], Original("blocks.0.att.key.weight")[5] + 3);
}

TEST_F(AdapterTest, WhatIsNotChangedIsReadFromTheBaseAsItIs) {
  const auto model = Adapt({Tensor("blocks.0.ln1.bias", {kC}, Ramp(kC, 1))});
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->path(), package_.path());
  EXPECT_EQ((*model)->tensors().size(), OpenBase()->tensors().size());
  std::vector<uint8_t> buffer;
  // The package has the matrix in panels.
  const auto data = (*model)->ReadPanels(IndexOf(**model, SKEIN_ROLE_TIME_KEY, 1), SKEIN_DTYPE_F32, buffer);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(data->mapped);
}

TEST_F(AdapterTest, FingerprintIsAnother) {
  const auto model = Adapt({Tensor("blocks.0.ln1.bias", {kC}, Ramp(kC, 1))});
  ASSERT_TRUE(model.ok()) << model.status();
  const auto fingerprint = (*model)->Fingerprint();
  ASSERT_TRUE(fingerprint.ok()) << fingerprint.status();
  EXPECT_NE(*fingerprint, *OpenBase()->Fingerprint());
}

TEST_F(AdapterTest, ValueResidualOfLayer0IsIgnored) {
  const auto model =
      Adapt({Tensor("blocks.0.att.v0", {1, 1, kC}, Ramp(kC, 1)), Tensor("blocks.0.ln1.bias", {kC}, Ramp(kC, 1))});
  EXPECT_TRUE(model.ok()) << model.status();
}

TEST_F(AdapterTest, TensorThatTheModelLacksIsRefusedByName) {
  for (const char* name : {"blocks.2.att.key.lora_A", "blocks.0.att.kex.lora_A", "blocks.0.att.time_decay", "other",
                           "blocks.0.att.w1.lora_A"}) {
    EXPECT_THAT(Refusal({Tensor(name, {1, kC}, Ramp(kC, 1))}), HasSubstr(std::string("\"") + name + "\"")) << name;
  }
}

TEST_F(AdapterTest, TunedStateIsRefusedWithAHint) {
  EXPECT_THAT(Refusal({Tensor("blocks.0.att.time_state", {2, 4, 4}, Ramp(32, 1))}), HasSubstr("option state"));
}

TEST_F(AdapterTest, FactorWithoutItsPartnerIsRefused) {
  EXPECT_THAT(Refusal({Tensor("blocks.0.att.key.lora_A", {1, kC}, Ramp(kC, 1))}), HasSubstr("lora_B"));
  EXPECT_THAT(Refusal({Tensor("blocks.0.att.key.init_lora_B", {kC, 1}, Ramp(kC, 1))}), HasSubstr("lora_A"));
}

TEST_F(AdapterTest, WrongShapesSayWhatWasExpected) {
  const FakeTensor a = Tensor("blocks.0.ffn.key.lora_A", {2, kC}, Ramp(2 * kC, 1));
  EXPECT_THAT(Refusal({a, Tensor("blocks.0.ffn.key.lora_B", {kF, 1}, Ramp(kF, 1))}), HasSubstr("expected [12, 2]"));
  EXPECT_THAT(Refusal({Tensor("blocks.0.ffn.key.lora_A", {2, kF}, Ramp(2 * kF, 1)),
                       Tensor("blocks.0.ffn.key.lora_B", {kF, 2}, Ramp(2 * kF, 1))}),
              HasSubstr("expected [rank, 8]"));
  EXPECT_THAT(Refusal({Tensor("blocks.0.ffn.key.disha", {3, kC}, Ramp(3 * kC, 1))}), HasSubstr("expected [r, 12]"));
  EXPECT_THAT(Refusal({Tensor("blocks.0.ffn.key.bone", {1, 3, 3}, Ramp(9, 1))}), HasSubstr("expected [r, 12]"));
  EXPECT_THAT(Refusal({Tensor("blocks.0.ln1.bias", {kF}, Ramp(kF, 1))}), HasSubstr("expected 8 elements"));
}

TEST_F(AdapterTest, SecondSpellingOfATensorIsRefused) {
  EXPECT_THAT(Refusal({Tensor("blocks.0.att.key.lora_A", {1, kC}, Ramp(kC, 1)),
                       Tensor("blocks.0.att.key.lora_A.weight", {1, kC}, Ramp(kC, 1)),
                       Tensor("blocks.0.att.key.lora_B", {kC, 1}, Ramp(kC, 1))}),
              HasSubstr("twice"));
}

TEST_F(AdapterTest, EmptyFileIsRefused) { EXPECT_THAT(Refusal({}), HasSubstr("no tensors")); }

TEST_F(AdapterTest, NanIsFoundWhenTheTensorIsRead) {
  std::vector<float> a = Ramp(kC, 1);
  a[4] = NAN;
  const auto model =
      Adapt({Tensor("blocks.0.att.key.lora_A", {1, kC}, a), Tensor("blocks.0.att.key.lora_B", {kC, 1}, Ramp(kC, 1))});
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<uint8_t> buffer;
  const auto data = (*model)->ReadTensor(IndexOf(**model, SKEIN_ROLE_TIME_KEY, 0), SKEIN_DTYPE_F32, buffer);
  EXPECT_TRUE(absl::IsDataLoss(data.status())) << data.status();
  EXPECT_THAT(std::string(data.status().message()), HasSubstr("blocks.0.att.key.lora_A"));
}

TEST_F(AdapterTest, MergedValueBeyondFloat32IsFound) {
  const auto model = Adapt({Tensor("blocks.0.att.key.lora_A", {1, kC}, std::vector<float>(kC, 3e38f)),
                            Tensor("blocks.0.att.key.lora_B", {kC, 1}, std::vector<float>(kC, 3e38f))});
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<uint8_t> buffer;
  EXPECT_TRUE(absl::IsDataLoss(
      (*model)->ReadTensor(IndexOf(**model, SKEIN_ROLE_TIME_KEY, 0), SKEIN_DTYPE_F32, buffer).status()));
}

TEST(AdapterListTest, ScaleStandsBehindTheLastColon) {
  const auto adapters = ParseAdapters("a.pth\nb:c.pth:0.5\n\nC:d.pth\ne:-2");
  ASSERT_TRUE(adapters.ok()) << adapters.status();
  ASSERT_EQ(adapters->size(), 4u);
  EXPECT_EQ((*adapters)[0].path, "a.pth");
  EXPECT_EQ((*adapters)[0].scale, std::nullopt);
  EXPECT_EQ((*adapters)[1].path, "b:c.pth");
  EXPECT_EQ((*adapters)[1].scale, 0.5);
  EXPECT_EQ((*adapters)[2].path, "C:d.pth");
  EXPECT_EQ((*adapters)[2].scale, std::nullopt);
  EXPECT_EQ((*adapters)[3].path, "e");
  EXPECT_EQ((*adapters)[3].scale, -2.0);
}

TEST(AdapterListTest, AbsurdScaleIsRefused) {
  for (const char* text : {"a:1e9", "a:nan", "a:-inf", "a:1001"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAdapters(text).status())) << text;
  }
}

TEST(AdapterListTest, NamesTellWhatAFileHolds) {
  const AdapterContents none = CountAdapterTensors({});
  EXPECT_EQ(none.num_products + none.num_initial + none.num_blocks + none.num_others, 0u);
  std::vector<CheckpointTensor> tensors(5);
  tensors[0].name = "blocks.0.att.key.lora_A";
  tensors[0].shape = {16, 64};
  tensors[1].name = "blocks.0.att.key.lora_B";
  tensors[2].name = "blocks.0.att.key.init_lora_A";
  tensors[3].name = "blocks.0.att.key.bone";
  tensors[4].name = "blocks.0.ln1.weight";
  const AdapterContents contents = CountAdapterTensors(tensors);
  EXPECT_EQ(contents.num_products, 1u);
  EXPECT_EQ(contents.max_rank, 16u);
  EXPECT_EQ(contents.num_initial, 1u);
  EXPECT_EQ(contents.num_blocks, 1u);
  EXPECT_EQ(contents.num_others, 1u);
}

}  // namespace
}  // namespace skein::testing
