#include "scheduler/decode_groups.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace skein {
namespace {

constexpr uint32_t kMaxRows = 64;

TEST(DecodeGroupsTest, OneDeviceHasAllStreams) { EXPECT_EQ(DecodeGroups(1, kMaxRows).DecodesOfStep(9), 9u); }

TEST(DecodeGroupsTest, EachDeviceHasItsShareRoundedUpWhileNothingIsKnown) {
  EXPECT_EQ(DecodeGroups(2, kMaxRows).DecodesOfStep(8), 4u);
  EXPECT_EQ(DecodeGroups(2, kMaxRows).DecodesOfStep(9), 5u);
  EXPECT_EQ(DecodeGroups(3, kMaxRows).DecodesOfStep(2), 1u);
}

TEST(DecodeGroupsTest, AStepIsNeverWithoutRoomForAStream) {
  EXPECT_EQ(DecodeGroups(1, kMaxRows).DecodesOfStep(0), 1u);
  EXPECT_EQ(DecodeGroups(2, kMaxRows).DecodesOfStep(0), 1u);
}

// Two devices that take these times for `rows` rows: most of it to read their weights.
double StageUs(double rows, double part) { return part * (10000 + 100 * rows); }

void Measure(DecodeGroups& groups, double part_of_first) {
  for (int i = 0; i < 4; ++i) {
    for (uint32_t rows = 1; rows <= kMaxRows; rows *= 2) {
      const double first = StageUs(rows, part_of_first), second = StageUs(rows, 1 - part_of_first);
      groups.ObserveAlone(rows, rows, first + second);
      groups.ObserveBehind(rows, rows, std::max(first, second));
    }
  }
}

TEST(DecodeGroupsTest, DevicesThatAreEquallyFastHaveAGroupEach) {
  DecodeGroups groups(2, kMaxRows);
  Measure(groups, 0.5);
  EXPECT_EQ(groups.DecodesOfStep(32), 16u);
  EXPECT_EQ(groups.DecodesOfStep(2), 1u);
}

TEST(DecodeGroupsTest, WeightsOfADeviceWithNearlyAllLayersAreReadOnceARound) {
  DecodeGroups groups(2, kMaxRows);
  Measure(groups, 0.9);
  EXPECT_EQ(groups.DecodesOfStep(32), 32u);
}

TEST(DecodeGroupsTest, NumberOfGroupsMayBeBetween) {
  DecodeGroups groups(3, kMaxRows);
  for (int i = 0; i < 4; ++i) {
    for (uint32_t rows = 1; rows <= kMaxRows; rows *= 2) {
      groups.ObserveAlone(rows, rows, 10000);
      groups.ObserveBehind(rows, rows, 4500);
    }
  }
  EXPECT_EQ(groups.DecodesOfStep(30), 15u);  // 10 ms in one group or two, and 13.5 ms in three
}

TEST(DecodeGroupsTest, GroupsThatWereSlowerAreTriedAgain) {
  DecodeGroups groups(2, kMaxRows);
  Measure(groups, 0.9);
  uint32_t num_tries = 0;
  for (uint32_t i = 0; i < 2 * DecodeGroups::kExplore; ++i) num_tries += groups.DecodesOfStep(32) == 16 ? 1 : 0;
  EXPECT_EQ(num_tries, 2u);
}

}  // namespace
}  // namespace skein
