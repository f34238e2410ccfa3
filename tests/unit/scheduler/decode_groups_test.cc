#include "scheduler/decode_groups.h"

#include <gtest/gtest.h>

namespace skein {
namespace {

TEST(DecodeGroupsTest, OneDeviceHasAllStreams) { EXPECT_EQ(DecodesOfStep(9, 1), 9u); }

TEST(DecodeGroupsTest, EachDeviceHasItsShareRoundedUp) {
  EXPECT_EQ(DecodesOfStep(8, 2), 4u);
  EXPECT_EQ(DecodesOfStep(9, 2), 5u);
  EXPECT_EQ(DecodesOfStep(2, 3), 1u);
}

TEST(DecodeGroupsTest, AStepIsNeverWithoutRoomForAStream) { EXPECT_EQ(DecodesOfStep(0, 2), 1u); }

}  // namespace
}  // namespace skein
