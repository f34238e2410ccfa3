#include "numbers/half.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// IEEE 754: sign, five bits of exponent with bias 15, ten of mantissa.
double HalfByDefinition(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  const double magnitude = exponent == 31  ? (mantissa == 0 ? INFINITY : NAN)
                           : exponent == 0 ? std::ldexp(mantissa, -24)
                                           : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }
float FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

TEST(HalfTest, EveryHalfHasTheValueOfItsDefinition) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float value = F16ToF32(static_cast<uint16_t>(half));
    const double expected = HalfByDefinition(static_cast<uint16_t>(half));
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << half;
    } else {
      EXPECT_EQ(value, expected) << half;
    }
    EXPECT_EQ(std::signbit(value), (half & 0x8000) != 0) << half;
  }
}

TEST(HalfTest, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const bool is_nan = (half & 0x7fff) > 0x7c00;
    const uint16_t back = F32ToF16(F16ToF32(static_cast<uint16_t>(half)));
    EXPECT_EQ(back, is_nan ? half | 0x0200 : half) << half;
  }
}

// Between any two neighbours: what is nearer to one goes there, and the middle to the one with an even mantissa. That
// covers every float32, because rounding is monotonic.
TEST(HalfTest, RoundsToTheNearestHalfAndTiesToEven) {
  for (uint32_t half = 0; half < 0x7bff; ++half) {
    const auto below = static_cast<uint16_t>(half);
    const auto above = static_cast<uint16_t>(half + 1);
    const float middle =
        static_cast<float>((HalfByDefinition(below) + HalfByDefinition(above)) / 2);  // exact in float32
    for (const uint32_t sign : {0x0000u, 0x8000u}) {
      const float s = sign == 0 ? 1.0f : -1.0f;
      EXPECT_EQ(F32ToF16(s * middle), sign | (half % 2 == 0 ? below : above)) << half;
      EXPECT_EQ(F32ToF16(s * std::nextafter(middle, 0.0f)), sign | below) << half;
      EXPECT_EQ(F32ToF16(s * std::nextafter(middle, INFINITY)), sign | above) << half;
    }
  }
}

TEST(HalfTest, WhatIsTooLargeForAHalfBecomesInfinite) {
  EXPECT_EQ(F32ToF16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(F32ToF16(-std::numeric_limits<float>::max()), 0xfc00);
  EXPECT_EQ(F32ToF16(std::numeric_limits<float>::denorm_min()), 0);
}

TEST(HalfTest, EveryBrainFloatIsTheUpperHalfOfItsFloat) {
  for (uint32_t brain = 0; brain < 0x10000; ++brain) {
    EXPECT_EQ(Bits(Bf16ToF32(static_cast<uint16_t>(brain))), brain << 16) << brain;
    const bool is_nan = (brain & 0x7fff) > 0x7f80;
    EXPECT_EQ(F32ToBf16(Bf16ToF32(static_cast<uint16_t>(brain))), is_nan ? brain | 0x0040 : brain) << brain;
  }
}

TEST(HalfTest, RoundsToTheNearestBrainFloatAndTiesToEven) {
  for (uint32_t brain = 0; brain < 0x7f80; ++brain) {
    for (const uint32_t sign : {0x0000u, 0x8000u}) {
      const uint32_t below = sign | brain;
      EXPECT_EQ(F32ToBf16(FromBits(below << 16 | 0x8000)), brain % 2 == 0 ? below : below + 1) << brain;
      EXPECT_EQ(F32ToBf16(FromBits(below << 16 | 0x7fff)), below) << brain;
      EXPECT_EQ(F32ToBf16(FromBits(below << 16 | 0x8001)), below + 1) << brain;
    }
  }
}

TEST(HalfTest, ANaNStaysOneEvenIfItsUpperBitsAreThoseOfInfinity) {
  EXPECT_EQ(F32ToBf16(FromBits(0x7f800001)), 0x7fc0);
  EXPECT_EQ(F32ToBf16(FromBits(0xffffffff)), 0xffff);
  EXPECT_EQ(F32ToF16(FromBits(0x7f800001)), 0x7e00);
  EXPECT_EQ(F32ToF16(FromBits(0xff802000)), 0xfe01);
}

TEST(HalfTest, ArraysMayStartAnywhere) {
  std::vector<uint8_t> bytes(1 + 3 * 2);
  const float values[3] = {1.5f, -2.0f, 0.25f};
  for (const uint32_t dtype : {SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    RoundFloats(values, 3, dtype, bytes.data() + 1);
    float back[2];
    ExpandFloats(dtype, bytes.data() + 1 + 2, 2, back);
    EXPECT_EQ(back[0], -2.0f);
    EXPECT_EQ(back[1], 0.25f);
  }
}

TEST(HalfTest, PlainTypesHaveASizeAndOthersNone) {
  EXPECT_EQ(FloatBytes(SKEIN_DTYPE_F32), 4u);
  EXPECT_EQ(FloatBytes(SKEIN_DTYPE_F16), 2u);
  EXPECT_EQ(FloatBytes(SKEIN_DTYPE_BF16), 2u);
  EXPECT_EQ(FloatBytes(SKEIN_DTYPE_F64), 0u);
  EXPECT_EQ(FloatBytes(SKEIN_DTYPE_Q8), 0u);
}

}  // namespace
}  // namespace skein
