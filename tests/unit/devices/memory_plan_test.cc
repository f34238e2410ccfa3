#include "devices/memory_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace skein {
namespace {

constexpr uint64_t kLayer = 10, kEmbedding = 25, kHead = 40, kScratch = 3;
constexpr uint64_t kAny = uint64_t{1} << 57;

uint64_t BytesOf(const SegmentPlacement& segment) {
  return segment.num_layers * kLayer + (segment.embedding ? kEmbedding : 0) + (segment.head ? kHead : 0) + kScratch;
}

const std::vector<std::string> kNames = {"a", "b", "c"};

struct PlanDevice {
  size_t device_index = 0;
  uint64_t bytes = 0;
};

// Ten layers on devices with these bytes, as text. `num_asked`: the devices that were asked for their bytes.
std::string Plan(const std::vector<PlanDevice>& devices, uint32_t num_layers = 10, size_t* num_asked = nullptr) {
  std::vector<size_t> indices;
  for (const PlanDevice& device : devices) indices.push_back(device.device_index);
  std::set<size_t> asked;
  const auto room_of = [&](size_t index) -> absl::StatusOr<uint64_t> {
    asked.insert(index);
    return std::find_if(devices.begin(), devices.end(), [&](const PlanDevice& d) { return d.device_index == index; })
        ->bytes;
  };
  const auto segments = PlaceByMemory(indices, num_layers, room_of, BytesOf);
  if (num_asked != nullptr) *num_asked = asked.size();
  EXPECT_TRUE(segments.ok()) << segments.status();
  // A host may paste the text that FormatPlacement writes.
  std::string text = FormatPlacement(*segments, kNames);
  const auto read = ParsePlacement(text, kNames, num_layers);
  EXPECT_TRUE(read.ok()) << read.status();
  for (size_t i = 0; i < segments->size(); ++i) {
    const SegmentPlacement& planned = (*segments)[i];
    EXPECT_EQ((*read)[i].num_layers, planned.num_layers) << text;
    EXPECT_EQ((*read)[i].embedding, planned.embedding) << text;
    EXPECT_EQ((*read)[i].head, planned.head) << text;
  }
  return text;
}

TEST(PlaceByMemoryTest, AModelThatFitsOnTheFirstIsThereAlone) {
  constexpr uint64_t kWhole = 10 * kLayer + kEmbedding + kHead + kScratch;
  EXPECT_EQ(Plan({{0, kWhole}, {1, kAny}}), "a");
  EXPECT_EQ(Plan({{2, kWhole}, {1, kAny}}), "c");
}

// To ask may cost a device memory.
TEST(PlaceByMemoryTest, DevicesThatAreNotReachedAreNotAsked) {
  constexpr uint64_t kWhole = 10 * kLayer + kEmbedding + kHead + kScratch;
  size_t num_asked = 0;
  Plan({{0, kWhole}, {1, kAny}, {2, kAny}}, 10, &num_asked);
  EXPECT_EQ(num_asked, 1u);
  Plan({{0, kWhole - 1}, {1, kWhole}, {2, kAny}}, 10, &num_asked);
  EXPECT_EQ(num_asked, 2u);
}

TEST(PlaceByMemoryTest, OneByteTooFewForTheHeadLeavesTheLastLayerToTheNext) {
  constexpr uint64_t kWhole = 10 * kLayer + kEmbedding + kHead + kScratch;
  EXPECT_EQ(Plan({{0, kWhole - 1}, {1, kAny}}), "a=0-8,b=9-9");
}

TEST(PlaceByMemoryTest, TheFirstIsFilledToTheByte) {
  constexpr uint64_t kFour = 4 * kLayer + kEmbedding + kScratch;
  EXPECT_EQ(Plan({{0, kFour}, {1, kAny}}), "a=0-3,b=4-9");
  EXPECT_EQ(Plan({{0, kFour - 1}, {1, kAny}}), "a=0-2,b=3-9");
  EXPECT_EQ(Plan({{0, kFour + kLayer}, {1, kAny}}), "a=0-4,b=5-9");
}

TEST(PlaceByMemoryTest, OnlyTheFirstPaysForTheEmbeddingAndTheLastForTheHead) {
  constexpr uint64_t kTwo = 2 * kLayer + kScratch;
  EXPECT_EQ(Plan({{0, kTwo + kEmbedding}, {1, kTwo}, {2, kAny}}), "a=0-1,b=2-3,c=4-9");
  // The second would have room for all six layers that are left, and has none for the head beside them.
  EXPECT_EQ(Plan({{0, 4 * kLayer + kEmbedding + kScratch}, {1, 6 * kLayer + kScratch}, {2, kAny}}),
            "a=0-3,b=4-8,c=9-9");
  EXPECT_EQ(Plan({{0, 4 * kLayer + kEmbedding + kScratch}, {1, 6 * kLayer + kScratch + kHead}, {2, kAny}}),
            "a=0-3,b=4-9");
}

TEST(PlaceByMemoryTest, ADeviceWithoutRoomForALayerIsLeftOut) {
  EXPECT_EQ(Plan({{0, kEmbedding + kScratch}, {1, kAny}}), "b");
  EXPECT_EQ(Plan({{0, 0}, {1, 3 * kLayer + kEmbedding + kScratch}, {2, kAny}}), "b=0-2,c=3-9");
  EXPECT_EQ(Plan({{0, 3 * kLayer + kEmbedding + kScratch}, {1, kScratch}, {2, kAny}}), "a=0-2,c=3-9");
}

TEST(PlaceByMemoryTest, TheLastTakesWhatIsLeftAlthoughItDoesNotFit) {
  EXPECT_EQ(Plan({{0, 5}, {1, 5}, {2, 5}}), "c");
  EXPECT_EQ(Plan({{0, 4 * kLayer + kEmbedding + kScratch}, {1, 5}}), "a=0-3,b=4-9");
  EXPECT_EQ(Plan({{1, 1}}), "b");
}

TEST(PlaceByMemoryTest, OneLayerIsNotCut) {
  EXPECT_EQ(Plan({{0, kLayer + kEmbedding + kScratch}, {1, kAny}}, 1), "b");
  EXPECT_EQ(Plan({{0, kLayer + kEmbedding + kHead + kScratch}, {1, kAny}}, 1), "a");
}

TEST(PlaceByMemoryTest, ManyLayersNeedFewQuestions) {
  uint32_t num_questions = 0;
  const size_t devices[] = {0, 1};
  const auto segments = PlaceByMemory(
      devices, 4096, [](size_t) { return 1000 * kLayer + kEmbedding + kScratch; },
      [&](const SegmentPlacement& segment) {
        ++num_questions;
        return BytesOf(segment);
      });
  EXPECT_EQ((*segments)[0].num_layers, 1000u);
  EXPECT_LE(num_questions, 14u);
}

TEST(PlaceByMemoryTest, AnErrorOfADeviceIsPassedOn) {
  const size_t devices[] = {0, 1};
  const absl::Status failure = absl::UnimplementedError("no such generation");
  const auto fails = [&](const auto&) -> absl::StatusOr<uint64_t> { return failure; };
  EXPECT_EQ(PlaceByMemory(
                devices, 10, [](size_t) { return uint64_t{100}; }, fails)
                .status(),
            failure);
  EXPECT_EQ(PlaceByMemory(devices, 10, fails, BytesOf).status(), failure);
}

}  // namespace
}  // namespace skein
