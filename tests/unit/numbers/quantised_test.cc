#include "numbers/quantised.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "model/convert_dtype.h"
#include "skein/dtype.h"

namespace skein {
namespace {

size_t GroupElements(uint32_t dtype) { return dtype == SKEIN_DTYPE_Q8 ? kQ8GroupElements : kQ4GroupElements; }
size_t GroupBytes(uint32_t dtype) { return dtype == SKEIN_DTYPE_Q8 ? kQ8GroupBytes : kQ4GroupBytes; }

std::vector<uint8_t> Quantised(uint32_t dtype, const std::vector<float>& row) {
  const size_t num_groups = (row.size() + GroupElements(dtype) - 1) / GroupElements(dtype);
  std::vector<uint8_t> groups(num_groups * GroupBytes(dtype), 0xEE);
  EXPECT_TRUE(QuantiseRow(dtype, row, groups.data()));
  return groups;
}

std::vector<float> RoundTrip(uint32_t dtype, const std::vector<float>& row) {
  const std::vector<uint8_t> groups = Quantised(dtype, row);
  std::vector<float> values(row.size());
  DequantiseGroups(dtype, groups.data(), values.size(), values.data());
  return values;
}

std::vector<float> Normal(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 0.03f);
  std::vector<float> values(count);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

double SquaredError(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

class QuantiseTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(QuantiseTest, CodesTimesAScaleComeBackExactly) {
  const bool is_q8 = GetParam() == SKEIN_DTYPE_Q8;
  std::vector<float> row(GroupElements(GetParam()));
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] = 0.125f * static_cast<float>(is_q8 ? static_cast<int>(i * 2) - 127 : static_cast<int>(i % 16) - 8);
  }
  EXPECT_EQ(RoundTrip(GetParam(), row), row);
}

TEST_P(QuantiseTest, ARowOfZerosIsCodesOfZero) {
  const std::vector<float> row(GroupElements(GetParam()) + 1);
  EXPECT_EQ(RoundTrip(GetParam(), row), row);
}

TEST_P(QuantiseTest, TheRestOfTheLastGroupIsCodesOfZero) {
  const std::vector<uint8_t> groups = Quantised(GetParam(), {1, -2, 3});
  const uint8_t zero = GetParam() == SKEIN_DTYPE_Q8 ? 0 : 0x88;
  for (size_t i = 2 + 4; i < groups.size(); ++i) EXPECT_EQ(groups[i], zero) << "byte " << i;
}

TEST_P(QuantiseTest, GroupsKnowNothingOfEachOther) {
  std::vector<float> row = Normal(GroupElements(GetParam()), 1);
  const std::vector<uint8_t> alone = Quantised(GetParam(), row);
  row.resize(3 * row.size() - 5, 1e3f);
  const std::vector<uint8_t> before_others = Quantised(GetParam(), row);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), before_others.begin()));
}

// What the grid of codes allows: normal numbers in groups of this size and a scale from the largest magnitude lose
// 4.2e-5 of their square in 8 bits, and 9.0e-3 in 4; the search must do better.
TEST_P(QuantiseTest, LosesLittleOfNormalNumbers) {
  const std::vector<float> row = Normal(1 << 16, 2);
  const double error =
      SquaredError(row, RoundTrip(GetParam(), row)) / SquaredError(row, std::vector<float>(row.size()));
  EXPECT_LT(error, GetParam() == SKEIN_DTYPE_Q8 ? 4.3e-5 : 8.2e-3);
  EXPECT_GT(error, GetParam() == SKEIN_DTYPE_Q8 ? 3.5e-5 : 7.5e-3) << "better than the codes allow";
}

// The smallest scale is 2^-24, and half of it is rounded to none.
TEST_P(QuantiseTest, TinyValuesAreNoFurtherOffThanTheSmallestScalesAllow) {
  const float smallest = GetParam() == SKEIN_DTYPE_Q8 ? 0x1p-24f : 9 * 0x1p-25f;
  for (const float size : {1e-4f, 1e-6f, 1e-7f, 1e-8f, 1e-12f, 1e-30f, 1e-42f}) {
    std::vector<float> row = Normal(256, 3);
    for (float& value : row) value *= size / 0.03f;
    const std::vector<float> back = RoundTrip(GetParam(), row);
    for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(back[i], row[i], std::max(0.6f * size, smallest)) << size;
  }
}

TEST_P(QuantiseTest, LargeValuesKeepTheirSize) {
  const float largest = GetParam() == SKEIN_DTYPE_Q8 ? 127 * 65504.0f : 8 * 65504.0f;
  std::vector<float> row(GroupElements(GetParam()), 0.25f * largest);
  row[7] = -largest;
  const std::vector<float> back = RoundTrip(GetParam(), row);
  for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(back[i], row[i], 0.07f * largest);
}

TEST_P(QuantiseTest, RefusesWhatNoScaleReaches) {
  const float too_large = GetParam() == SKEIN_DTYPE_Q8 ? 127 * 65536.0f : 8 * 65536.0f;
  std::vector<uint8_t> group(GroupBytes(GetParam()));
  for (const float value : {too_large, -too_large, 3e38f}) {
    EXPECT_FALSE(QuantiseRow(GetParam(), {&value, 1}, group.data())) << value;
  }
}

TEST_P(QuantiseTest, QuantisingTwiceChangesNothingMore) {
  const std::vector<float> once = RoundTrip(GetParam(), Normal(1 << 12, 4));
  const std::vector<float> twice = RoundTrip(GetParam(), once);
  EXPECT_LT(SquaredError(once, twice), 1e-9 * SquaredError(once, std::vector<float>(once.size())));
}

INSTANTIATE_TEST_SUITE_P(Types, QuantiseTest, ::testing::Values(SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4),
                         [](const auto& test) { return test.param == SKEIN_DTYPE_Q8 ? "Q8" : "Q4"; });

TEST(QuantiseQ8Test, EveryValueIsWithinHalfAStep) {
  const std::vector<float> row = Normal(kQ8GroupElements, 5);
  const std::vector<uint8_t> group = Quantised(SKEIN_DTYPE_Q8, row);
  const std::vector<float> back = RoundTrip(SKEIN_DTYPE_Q8, row);
  const float scale = F16ToF32(static_cast<uint16_t>(group[0] | group[1] << 8));
  for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(back[i], row[i], 0.57f * scale);
}

// A backend may multiply bytes in pairs and add them in 16 bits, with no room for the 128th magnitude.
TEST(QuantiseQ8Test, NoCodeIsMinus128) {
  const std::vector<uint8_t> groups = Quantised(SKEIN_DTYPE_Q8, Normal(1 << 14, 6));
  for (size_t i = 0; i < groups.size(); ++i) {
    if (i % kQ8GroupBytes < 2) continue;  // the scale
    EXPECT_NE(groups[i], 0x80);
  }
}

// dtype.h: byte j holds code 2j in its low and 2j + 1 in its high nibble.
TEST(QuantiseQ4Test, NibblesAreInOrder) {
  std::vector<float> row(kQ4GroupElements);
  row[0] = -8;
  row[1] = 7;
  row[2] = 1;
  const std::vector<uint8_t> group = Quantised(SKEIN_DTYPE_Q4, row);
  EXPECT_EQ(F16ToF32(static_cast<uint16_t>(group[0] | group[1] << 8)), 1.0f);
  EXPECT_EQ(group[2], 0xF0);
  EXPECT_EQ(group[3], 0x89);
}

TEST(QuantiseQ4Test, TheLargestMagnitudeMayHaveEitherSign) {
  std::vector<float> row(kQ4GroupElements);
  row[0] = 8;
  row[1] = -7;
  row[2] = 3;
  EXPECT_EQ(RoundTrip(SKEIN_DTYPE_Q4, row), row);
}

}  // namespace
}  // namespace skein
