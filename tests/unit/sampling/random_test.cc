#include "sampling/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace skein {
namespace {

// The known answers that the authors of Philox publish with their implementation, Random123.
TEST(Philox4x32Test, GivesThePublishedAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(UniformAtTest, IsTheTop53BitsOfTheFirstTwoWords) {
  // From the published answer for counter and key 0.
  EXPECT_EQ(UniformAt(0, 0, 0), static_cast<double>(0x6627e8d5e169c58dULL >> 11) / 9007199254740992.0);
}

TEST(UniformAtTest, DiffersInEverythingItIsAFunctionOf) {
  std::set<double> numbers;
  for (const uint64_t step : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0}}) {
    numbers.insert(UniformAt(step, 0, 0));
    numbers.insert(UniformAt(0, step, 0));
    numbers.insert(UniformAt(0, 0, step));
  }
  EXPECT_EQ(numbers.size(), 10u);  // (0, 0, 0) thrice
}

TEST(UniformAtTest, FillsTheUnitIntervalEvenly) {
  constexpr int kNumDraws = 64000;
  constexpr int kNumBins = 64;
  std::array<int, kNumBins> counts = {};
  for (int i = 0; i < kNumDraws; ++i) {
    const double number = UniformAt(7, 3, static_cast<uint64_t>(i));
    ASSERT_GE(number, 0.0);
    ASSERT_LT(number, 1.0);
    ++counts[static_cast<size_t>(number * kNumBins)];
  }
  double chi_square = 0;
  for (const int count : counts) chi_square += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 103.4);  // 63 degrees of freedom, 0.1 %
}

}  // namespace
}  // namespace skein
