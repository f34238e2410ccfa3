#include "numbers/quantised.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "numbers/half.h"
#include "skein/dtype.h"

namespace skein {
namespace {

std::vector<uint8_t> Quantised(uint32_t dtype, const std::vector<float>& row) {
  const uint64_t num_groups = LayoutOf(dtype).NumGroups(row.size());
  std::vector<uint8_t> groups(num_groups * LayoutOf(dtype).group_bytes, 0xEE);
  EXPECT_TRUE(QuantiseRow(dtype, row, groups.data()));
  return groups;
}

std::vector<float> RoundTrip(uint32_t dtype, const std::vector<float>& row) {
  const std::vector<uint8_t> groups = Quantised(dtype, row);
  std::vector<float> values(row.size());
  ExpandQuantised(dtype, groups.data(), 0, values.size(), values.data());
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

class QuantisedTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(QuantisedTest, CodesTimesAScaleComeBackExactly) {
  const bool is_q8 = GetParam() == SKEIN_DTYPE_Q8;
  std::vector<float> row(LayoutOf(GetParam()).group_size);
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] = 0.125f * static_cast<float>(is_q8 ? static_cast<int>(i * 2) - 127 : static_cast<int>(i % 16) - 8);
  }
  EXPECT_EQ(RoundTrip(GetParam(), row), row);
}

TEST_P(QuantisedTest, ARowOfZerosIsCodesOfZero) {
  const std::vector<float> row(LayoutOf(GetParam()).group_size + 1);
  EXPECT_EQ(RoundTrip(GetParam(), row), row);
}

TEST_P(QuantisedTest, TheRestOfTheLastGroupIsCodesOfZero) {
  const std::vector<uint8_t> groups = Quantised(GetParam(), {1, -2, 3});
  const uint8_t zero = GetParam() == SKEIN_DTYPE_Q8 ? 0 : 0x88;
  for (size_t i = 2 + 4; i < groups.size(); ++i) EXPECT_EQ(groups[i], zero) << "byte " << i;
}

TEST_P(QuantisedTest, GroupsKnowNothingOfEachOther) {
  std::vector<float> row = Normal(LayoutOf(GetParam()).group_size, 1);
  const std::vector<uint8_t> alone = Quantised(GetParam(), row);
  row.resize(3 * row.size() - 5, 1e3f);
  const std::vector<uint8_t> before_others = Quantised(GetParam(), row);
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(), before_others.begin()));
}

// The error that the grid of codes allows: normal numbers in groups of this size and a scale from the largest magnitude
// lose 4.2e-5 of their square in 8 bits, and 9.0e-3 in 4; the search must do better.
TEST_P(QuantisedTest, LosesLittleOfNormalNumbers) {
  const std::vector<float> row = Normal(1 << 16, 2);
  const double error =
      SquaredError(row, RoundTrip(GetParam(), row)) / SquaredError(row, std::vector<float>(row.size()));
  EXPECT_LT(error, GetParam() == SKEIN_DTYPE_Q8 ? 4.3e-5 : 8.2e-3);
  EXPECT_GT(error, GetParam() == SKEIN_DTYPE_Q8 ? 3.5e-5 : 7.5e-3) << "better than the codes allow";
}

// The smallest scale is 2^-24, and half of it is rounded to 0.
TEST_P(QuantisedTest, TinyValuesAreNoFurtherOffThanTheSmallestScalesAllow) {
  const float smallest = GetParam() == SKEIN_DTYPE_Q8 ? 0x1p-24f : 9 * 0x1p-25f;
  for (const float size : {1e-4f, 1e-6f, 1e-7f, 1e-8f, 1e-12f, 1e-30f, 1e-42f}) {
    std::vector<float> row = Normal(256, 3);
    for (float& value : row) value *= size / 0.03f;
    const std::vector<float> back = RoundTrip(GetParam(), row);
    for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(back[i], row[i], std::max(0.6f * size, smallest)) << size;
  }
}

TEST_P(QuantisedTest, LargeValuesKeepTheirSize) {
  const float largest = GetParam() == SKEIN_DTYPE_Q8 ? 127 * 65504.0f : 8 * 65504.0f;
  std::vector<float> row(LayoutOf(GetParam()).group_size, 0.25f * largest);
  row[7] = -largest;
  const std::vector<float> back = RoundTrip(GetParam(), row);
  for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(back[i], row[i], 0.07f * largest);
}

TEST_P(QuantisedTest, RefusesWhatNoScaleReaches) {
  const float too_large = GetParam() == SKEIN_DTYPE_Q8 ? 127 * 65536.0f : 8 * 65536.0f;
  std::vector<uint8_t> group(LayoutOf(GetParam()).group_bytes);
  for (const float value : {too_large, -too_large, 3e38f}) {
    EXPECT_FALSE(QuantiseRow(GetParam(), {&value, 1}, group.data())) << value;
  }
}

TEST_P(QuantisedTest, QuantisingTwiceChangesNothingMore) {
  const std::vector<float> once = RoundTrip(GetParam(), Normal(1 << 12, 4));
  const std::vector<float> twice = RoundTrip(GetParam(), once);
  EXPECT_LT(SquaredError(once, twice), 1e-9 * SquaredError(once, std::vector<float>(once.size())));
}

TEST_P(QuantisedTest, AnyStretchOfARowIsTheSameValues) {
  const std::vector<uint8_t> groups = Quantised(GetParam(), Normal(300, 7));
  std::vector<float> whole(300);
  ExpandQuantised(GetParam(), groups.data(), 0, whole.size(), whole.data());
  for (const auto& [first, count] :
       {std::pair<size_t, size_t>{0, 1}, {63, 2}, {64, 64}, {1, 299}, {130, 129}, {5, 0}}) {
    std::vector<float> part(count);
    ExpandQuantised(GetParam(), groups.data(), first, count, part.data());
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<ptrdiff_t>(first))) << first;
  }
}

TEST_P(QuantisedTest, AValueIsTheScaleTimesItsCode) {
  const QuantisedLayout& layout = LayoutOf(GetParam());
  const std::vector<float> row = Normal(layout.group_size, 8);
  const std::vector<uint8_t> group = Quantised(GetParam(), row);
  const std::vector<float> back = RoundTrip(GetParam(), row);
  const float scale = F16ToF32(ScaleBits(group.data()));
  for (uint32_t i = 0; i < layout.group_size; ++i) {
    EXPECT_EQ(back[i], scale * static_cast<float>(SignedCode(layout, group.data(), i))) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, QuantisedTest, ::testing::Values(SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4),
                         [](const auto& test) { return test.param == SKEIN_DTYPE_Q8 ? "Q8" : "Q4"; });

TEST(QuantisedQ8Test, EveryValueIsWithinHalfAStep) {
  const std::vector<float> row = Normal(kQ8.group_size, 5);
  const std::vector<uint8_t> group = Quantised(SKEIN_DTYPE_Q8, row);
  const std::vector<float> back = RoundTrip(SKEIN_DTYPE_Q8, row);
  const float scale = F16ToF32(ScaleBits(group.data()));
  for (size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(back[i], row[i], 0.57f * scale);
}

// A backend may multiply bytes in pairs and add them in 16 bits, with no room for the 128th magnitude.
TEST(QuantisedQ8Test, NoCodeIsMinus128) {
  const std::vector<uint8_t> groups = Quantised(SKEIN_DTYPE_Q8, Normal(1 << 14, 6));
  for (size_t i = 0; i < groups.size(); ++i) {
    if (i % kQ8.group_bytes < 2) continue;  // the scale
    EXPECT_NE(groups[i], 0x80);
  }
}

// dtype.h: byte j holds code 2j in its low and 2j + 1 in its high nibble.
TEST(QuantisedQ4Test, NibblesAreInOrder) {
  std::vector<float> row(kQ4.group_size);
  row[0] = -8;
  row[1] = 7;
  row[2] = 1;
  const std::vector<uint8_t> group = Quantised(SKEIN_DTYPE_Q4, row);
  EXPECT_EQ(F16ToF32(ScaleBits(group.data())), 1.0f);
  EXPECT_EQ(group[2], 0xF0);
  EXPECT_EQ(group[3], 0x89);
}

TEST(QuantisedQ4Test, TheLargestMagnitudeMayHaveEitherSign) {
  std::vector<float> row(kQ4.group_size);
  row[0] = 8;
  row[1] = -7;
  row[2] = 3;
  EXPECT_EQ(RoundTrip(SKEIN_DTYPE_Q4, row), row);
}

}  // namespace
}  // namespace skein
