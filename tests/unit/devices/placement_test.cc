#include "devices/placement.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace skein {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kDevices = {"cuda:0", "cpu", "reference"};

std::string MessageOf(absl::string_view text) {
  return std::string(ParsePlacement(text, kDevices, 24).status().message());
}

TEST(PlacementTest, NothingMeansTheBestDevice) {
  const auto segments = ParsePlacement("", kDevices, 24);
  ASSERT_TRUE(segments.ok());
  ASSERT_EQ(segments->size(), 1u);
  EXPECT_EQ((*segments)[0].device_index, 0u);
  EXPECT_EQ((*segments)[0].num_layers, 24u);
  EXPECT_TRUE((*segments)[0].embedding);
  EXPECT_TRUE((*segments)[0].head);
}

TEST(PlacementTest, ANameMeansThatDeviceForEverything) {
  const auto segments = ParsePlacement("reference", kDevices, 24);
  ASSERT_TRUE(segments.ok());
  ASSERT_EQ(segments->size(), 1u);
  EXPECT_EQ((*segments)[0].device_index, 2u);
}

TEST(PlacementTest, ASplitGivesTheEmbeddingToTheFirstAndTheHeadToTheLast) {
  const auto segments = ParsePlacement("cuda:0=0-10,cpu=11,reference=12-23", kDevices, 24);
  ASSERT_TRUE(segments.ok()) << segments.status();
  ASSERT_EQ(segments->size(), 3u);
  EXPECT_EQ((*segments)[0].num_layers, 11u);
  EXPECT_TRUE((*segments)[0].embedding);
  EXPECT_FALSE((*segments)[0].head);
  EXPECT_EQ((*segments)[1].device_index, 1u);
  EXPECT_EQ((*segments)[1].first_layer, 11u);
  EXPECT_EQ((*segments)[1].num_layers, 1u);
  EXPECT_FALSE((*segments)[1].embedding);
  EXPECT_FALSE((*segments)[1].head);
  EXPECT_EQ((*segments)[2].first_layer, 12u);
  EXPECT_EQ((*segments)[2].num_layers, 12u);
  EXPECT_TRUE((*segments)[2].head);
}

TEST(PlacementTest, TheTextOfAPlacementReadsBack) {
  for (const char* text : {"cpu", "cpu=0-3,cpu=4-23", "cuda:0=0-10,cpu=11-11,reference=12-23"}) {
    const auto segments = ParsePlacement(text, kDevices, 24);
    ASSERT_TRUE(segments.ok()) << segments.status();
    EXPECT_EQ(FormatPlacement(*segments, kDevices), text);
  }
}

TEST(PlacementTest, AnUnknownDeviceIsNotFoundAndTheOthersAreListed) {
  EXPECT_EQ(ParsePlacement("gpu", kDevices, 24).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(MessageOf("gpu"), HasSubstr("no device \"gpu\"; there are: cuda:0, cpu, reference"));
  EXPECT_EQ(ParsePlacement("gpu=0-23", kDevices, 24).status().code(), absl::StatusCode::kNotFound);
}

TEST(PlacementTest, AListHasNamesAndNoLayers) {
  for (const char* text : {"cuda:0,cpu", "cpu,", ","}) EXPECT_TRUE(IsDeviceList(text)) << text;
  for (const char* text : {"", "cpu", "cpu=0-23", "cpu=0-3,cuda:0"}) EXPECT_FALSE(IsDeviceList(text)) << text;
  EXPECT_THAT(*ParseDeviceList("reference,cuda:0", kDevices), ElementsAre(2u, 0u));
}

TEST(PlacementTest, AListWithAnUnknownDeviceOrOneTwiceIsRefused) {
  const absl::Status unknown = ParseDeviceList("cuda:0,gpu", kDevices).status();
  EXPECT_TRUE(absl::IsNotFound(unknown));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no device \"gpu\"; there are: cuda:0, cpu, reference"));
  EXPECT_TRUE(absl::IsNotFound(ParseDeviceList("cuda:0,", kDevices).status()));
  const absl::Status twice = ParseDeviceList("cpu,cuda:0,cpu", kDevices).status();
  EXPECT_TRUE(absl::IsInvalidArgument(twice));
  EXPECT_THAT(std::string(twice.message()),
              HasSubstr("expected each device once, found cpu twice; a split such as cpu=0-5,cpu=6-11"));
}

TEST(PlacementTest, NoDeviceAtAllIsNotFound) {
  EXPECT_EQ(ParsePlacement("", {}, 24).status().code(), absl::StatusCode::kNotFound);
}

TEST(PlacementTest, NamesThePieceThatIsNoRange) {
  for (const char* piece : {"cpu", "cpu=", "cpu=a-b", "cpu=0-", "cpu=-1", "cpu=5-3", "cpu=0-11-12", "cpu=+0-11",
                            "cpu= 0-3", "cpu=0-99999999999", ""}) {
    const std::string text = absl::StrCat(piece, ",reference=12-23");
    EXPECT_EQ(ParsePlacement(text, kDevices, 24).status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(MessageOf(text), HasSubstr(absl::StrCat("\"", piece, "\""))) << text;
  }
}

TEST(PlacementTest, NamesThePieceThatLeavesAGapOrOverlaps) {
  EXPECT_THAT(MessageOf("cpu=0-11,reference=13-23"),
              HasSubstr("\"reference=13-23\": expected layer 12 to come next, found 13"));
  EXPECT_THAT(MessageOf("cpu=0-11,reference=11-23"), HasSubstr("expected layer 12 to come next, found 11"));
}

TEST(PlacementTest, RefusesLayersThatTheModelLacksAndLayersLeftOver) {
  EXPECT_THAT(MessageOf("cpu=0-24"), HasSubstr("\"cpu=0-24\": the last layer of the model is 23"));
  EXPECT_THAT(MessageOf("cpu=0-4294967295"), HasSubstr("the last layer of the model is 23"));
  EXPECT_THAT(MessageOf("cpu=0-11"), HasSubstr("found none for 12-23"));
}

}  // namespace
}  // namespace skein
