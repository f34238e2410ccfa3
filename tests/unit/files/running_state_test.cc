#include "files/running_state.h"

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

// All numbers are different: 1, 2, ... through the whole list.
std::vector<FakeTensor> List(const std::vector<std::vector<uint64_t>>& shapes_of_layer) {
  std::vector<FakeTensor> tensors;
  float next = 1;
  for (uint32_t layer = 0; layer < kLayers; ++layer) {
    for (const std::vector<uint64_t>& shape : shapes_of_layer) {
      uint64_t size = 1;
      for (const uint64_t dim : shape) size *= dim;
      std::vector<float> values(size);
      for (float& value : values) value = next++;
      tensors.push_back({std::to_string(tensors.size()), SKEIN_DTYPE_F32, shape, FloatBytes(values), {}, false});
    }
  }
  return tensors;
}

std::vector<FakeTensor> ListOfHeads() { return List({{kWidth}, {kHeads, kSize, kSize}, {kWidth}}); }
std::vector<FakeTensor> ListOf4() { return List({{kWidth}, {kWidth}, {kWidth}, {kWidth}, {kWidth}}); }

absl::StatusOr<std::vector<float>> ReadState(std::vector<FakeTensor> tensors, const ModelConfig& config) {
  const FakeFormat format(std::move(tensors));
  return ReadStateFile(format.plugins(), SerialHost(), format.path(), config);
}

// `size` numbers from `first` on.
std::vector<float> Numbers(size_t first, size_t size) {
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = static_cast<float>(first + i);
  return values;
}

std::vector<float> Joined(const std::vector<std::vector<float>>& parts) {
  std::vector<float> values;
  for (const std::vector<float>& part : parts) values.insert(values.end(), part.begin(), part.end());
  return values;
}

// Canonical: both shifts in front. Of a layer the list has numbers 1 to 6, 7 to 18, 19 to 24.
TEST(RunningStateTest, ShiftsComeInFrontOfTheMatricesWhichStayAsTheyAre) {
  for (const ModelConfig& config : {ConfigOf(7), ConfigOf(6), ConfigOf(5, 2), ConfigOf(5, 0)}) {
    const auto state = ReadState(ListOfHeads(), config);
    ASSERT_TRUE(state.ok()) << config.VersionName() << ": " << state.status();
    EXPECT_EQ(*state,
              Joined({Numbers(1, 6), Numbers(19, 6), Numbers(7, 12), Numbers(25, 6), Numbers(43, 6), Numbers(31, 12)}))
        << config.VersionName();
  }
}

TEST(RunningStateTest, Rwkv4HasThreeSumsInTheMiddle) {
  const auto state = ReadState(ListOf4(), ConfigOf(4));
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state,
            Joined({Numbers(1, 6), Numbers(25, 6), Numbers(7, 18), Numbers(31, 6), Numbers(55, 6), Numbers(37, 18)}));
}

TEST(RunningStateTest, AnotherNumberOfTensorsSaysBoth) {
  std::vector<FakeTensor> tensors = ListOfHeads();
  tensors.pop_back();
  const auto state = ReadState(std::move(tensors), ConfigOf(7));
  EXPECT_TRUE(absl::IsInvalidArgument(state.status())) << state.status();
  EXPECT_THAT(std::string(state.status().message()), HasSubstr("a list of 5 tensors; expected 3 for each of the 2"));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadState(ListOf4(), ConfigOf(7)).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadState(ListOfHeads(), ConfigOf(4)).status()));
}

TEST(RunningStateTest, AnotherShapeNamesTheTensorAndItsMeaning) {
  std::vector<FakeTensor> tensors = ListOfHeads();
  tensors[4].shape = {kSize, kHeads, kSize};
  const std::string message(ReadState(std::move(tensors), ConfigOf(7)).status().message());
  EXPECT_THAT(message, HasSubstr("tensor 4 of the list [2, 3, 2]: expected [3, 2, 2], the wkv of layer 1"));
}

TEST(RunningStateTest, NanIsDataLoss) {
  std::vector<FakeTensor> tensors = ListOfHeads();
  std::vector<float> values(kWidth, 1);
  values[3] = NAN;
  tensors[2].bytes = FloatBytes(values);
  EXPECT_TRUE(absl::IsDataLoss(ReadState(std::move(tensors), ConfigOf(7)).status()));
}

std::vector<CheckpointTensor> Tensors(const std::vector<std::vector<uint64_t>>& shapes) {
  std::vector<CheckpointTensor> tensors(shapes.size());
  for (size_t i = 0; i < shapes.size(); ++i) {
    tensors[i].name = std::to_string(i);
    tensors[i].shape = shapes[i];
  }
  return tensors;
}

TEST(RunningStateTest, TheShapesTellWhatItIs) {
  const auto heads = FindRunningState(Tensors({{6}, {3, 2, 2}, {6}, {6}, {3, 2, 2}, {6}}));
  ASSERT_TRUE(heads.has_value());
  EXPECT_EQ(heads->num_layers, 2u);
  EXPECT_EQ(heads->num_heads, 3u);
  EXPECT_EQ(heads->head_size, 2u);
  const auto sums = FindRunningState(Tensors({{6}, {6}, {6}, {6}, {6}}));
  ASSERT_TRUE(sums.has_value());
  EXPECT_EQ(sums->num_layers, 1u);
  EXPECT_EQ(sums->num_heads, 0u);
  EXPECT_FALSE(FindRunningState(Tensors({{6}, {6}, {6}, {6}})).has_value());
  EXPECT_FALSE(FindRunningState(Tensors({{6}, {3, 2, 2}, {6, 1}})).has_value());
  EXPECT_FALSE(FindRunningState({}).has_value());
}

TEST(RunningStateTest, OnlyPlacesInOrderAreAList) {
  std::vector<CheckpointTensor> tensors = Tensors({{6}, {3, 2, 2}, {6}});
  EXPECT_TRUE(IsTensorList(tensors));
  tensors[2].name = "3";
  EXPECT_FALSE(IsTensorList(tensors));
  EXPECT_FALSE(IsTensorList({}));
}

}  // namespace
}  // namespace skein
