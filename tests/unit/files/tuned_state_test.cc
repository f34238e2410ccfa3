#include "files/tuned_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "files/state_file.h"
#include "numbers/state_layout.h"
#include "tests/support/fake_format.h"
#include "tests/unit/files/small_config.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::FloatBytes;
using ::skein::testing::SerialHost;
using ::testing::HasSubstr;

// All numbers are different.
std::vector<FakeTensor> StateTensors(uint32_t num_layers = kLayers) {
  std::vector<FakeTensor> tensors;
  for (uint32_t layer = 0; layer < num_layers; ++layer) {
    std::vector<float> values(kHeads * kSize * kSize);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(100 * layer + i + 1);
    tensors.push_back({"blocks." + std::to_string(layer) + ".att.time_state",
                       SKEIN_DTYPE_F32,
                       {kHeads, kSize, kSize},
                       FloatBytes(values),
                       {},
                       false});
  }
  return tensors;
}

absl::StatusOr<std::vector<float>> ReadState(std::vector<FakeTensor> tensors, const ModelConfig& config) {
  const FakeFormat format(std::move(tensors));
  return ReadStateFile(format.plugins(), SerialHost(), format.path(), config);
}

// The floats of one layer in canonical layout.
constexpr size_t kShifts = 2 * kWidth;
constexpr size_t kLayerFloats = kShifts + kWidth * kSize;

TEST(TunedStateTest, Rwkv7KeepsTheOrderOfTheFile) {
  const auto state = ReadState(StateTensors(), ConfigOf(7));
  ASSERT_TRUE(state.ok()) << state.status();
  ASSERT_EQ(state->size(), kLayers * kLayerFloats);
  for (size_t layer = 0; layer < kLayers; ++layer) {
    const float* floats = &(*state)[layer * kLayerFloats];
    for (size_t i = 0; i < kShifts; ++i) EXPECT_EQ(floats[i], 0.0f);
    for (size_t i = 0; i < kWidth * kSize; ++i) EXPECT_EQ(floats[kShifts + i], static_cast<float>(100 * layer + i + 1));
  }
}

TEST(TunedStateTest, WrappersAndTheNamesOfOthersMakeNoDifference) {
  const auto plain = ReadState(StateTensors(), ConfigOf(7));
  ASSERT_TRUE(plain.ok()) << plain.status();
  const std::string middle = ".att.time_state";
  for (const char* prefix : {"base_model.model.blocks.", "_forward_module.module.model.blocks.", "module.blocks."}) {
    std::vector<FakeTensor> tensors = StateTensors();
    for (size_t i = 0; i < tensors.size(); ++i) tensors[i].name = prefix + std::to_string(i) + middle;
    const auto wrapped = ReadState(std::move(tensors), ConfigOf(7));
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_EQ(*wrapped, *plain) << prefix;
  }
  std::vector<FakeTensor> tensors = StateTensors();
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors[i].name = "model.layers." + std::to_string(i) + ".attention.time_state";
  }
  const auto named = ReadState(std::move(tensors), ConfigOf(7));
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(*named, *plain);
}

TEST(TunedStateTest, Rwkv6And52HaveKeysInFrontOfValues) {
  for (const ModelConfig& config : {ConfigOf(6), ConfigOf(5, 2)}) {
    const auto state = ReadState(StateTensors(), config);
    ASSERT_TRUE(state.ok()) << state.status();
    const float* wkv = state->data() + kShifts;
    // The file has 1 2 / 3 4 in the first head.
    EXPECT_EQ(std::vector<float>(wkv, wkv + 4), (std::vector<float>{1, 3, 2, 4})) << config.VersionName();
  }
}

TEST(TunedStateTest, StridedTensorsAreRead) {
  std::vector<FakeTensor> tensors = StateTensors();
  for (FakeTensor& tensor : tensors) tensor.strides = {4, 1, 2};  // each matrix column by column
  const auto state = ReadState(std::move(tensors), ConfigOf(7));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ((*state)[kShifts + 1], 3.0f);
}

TEST(TunedStateTest, TensorsWithoutMappedDataAreRead) {
  std::vector<FakeTensor> tensors = StateTensors();
  for (FakeTensor& tensor : tensors) tensor.by_reader = true;
  const auto state = ReadState(std::move(tensors), ConfigOf(7));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ((*state)[kLayerFloats + kShifts], 101.0f);
}

TEST(TunedStateTest, VersionsWithoutStatesAreRefusedByName) {
  for (const ModelConfig& config : {ConfigOf(4), ConfigOf(5, 0), ConfigOf(5, 1)}) {
    const auto state = ReadState(StateTensors(), config);
    EXPECT_TRUE(absl::IsInvalidArgument(state.status())) << state.status();
    EXPECT_THAT(std::string(state.status().message()), HasSubstr(config.VersionName() + " models have none"));
  }
}

TEST(TunedStateTest, StateOfAnotherShapeSaysBoth) {
  const auto deeper = ReadState(StateTensors(3), ConfigOf(7));
  EXPECT_TRUE(absl::IsInvalidArgument(deeper.status()));
  EXPECT_THAT(std::string(deeper.status().message()), HasSubstr("3 layers with 3 heads of size 2; expected 2 layers"));
  ModelConfig wider = ConfigOf(7);
  wider.num_heads = 6;
  wider.d_model = wider.d_att = 12;
  EXPECT_THAT(std::string(ReadState(StateTensors(), wider).status().message()), HasSubstr("expected 2 layers with 6"));
}

TEST(TunedStateTest, OtherTensorsAreRefusedByName) {
  std::vector<FakeTensor> tensors = StateTensors();
  tensors.push_back({"blocks.0.att.key.weight", SKEIN_DTYPE_F32, {1}, FloatBytes({1}), {}, false});
  const auto state = ReadState(std::move(tensors), ConfigOf(7));
  EXPECT_TRUE(absl::IsInvalidArgument(state.status()));
  EXPECT_THAT(std::string(state.status().message()), HasSubstr("\"blocks.0.att.key.weight\""));
}

TEST(TunedStateTest, MissingAndRepeatedLayersAreRefused) {
  for (const char* name : {"blocks.0.att.time_state", "blocks.7.att.time_state", "blocks.-1.att.time_state"}) {
    std::vector<FakeTensor> tensors = StateTensors();
    tensors[1].name = name;
    EXPECT_TRUE(absl::IsInvalidArgument(ReadState(std::move(tensors), ConfigOf(7)).status())) << name;
  }
}

TEST(TunedStateTest, MatricesThatAreNotSquareAreRefused) {
  std::vector<FakeTensor> tensors = StateTensors();
  tensors[0].shape = {kHeads, kSize * kSize, 1};
  const auto state = ReadState(std::move(tensors), ConfigOf(7));
  EXPECT_THAT(std::string(state.status().message()), HasSubstr("expected [heads, head_size, head_size]"));
}

TEST(TunedStateTest, NanIsDataLossWithItsPlace) {
  std::vector<FakeTensor> tensors = StateTensors();
  std::vector<float> values(kHeads * kSize * kSize, 1.0f);
  values[5] = NAN;
  tensors[1].bytes = FloatBytes(values);
  const auto state = ReadState(std::move(tensors), ConfigOf(7));
  EXPECT_TRUE(absl::IsDataLoss(state.status()));
  EXPECT_THAT(std::string(state.status().message()), HasSubstr("blocks.1.att.time_state[1]"));
}

TEST(TunedStateTest, EmptyFileIsRefused) { EXPECT_TRUE(absl::IsInvalidArgument(ReadState({}, ConfigOf(7)).status())); }

TEST(TunedStateTest, FileThatMayBeTransposedIsRefused) {
  const FakeFormat format(StateTensors());
  const auto state = ReadStateFile(format.plugins(), SerialHost(), "/nonexistent/chef.st", ConfigOf(7));
  EXPECT_TRUE(absl::IsUnimplemented(state.status())) << state.status();
}

}  // namespace
}  // namespace skein
