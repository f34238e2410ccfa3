// Numbers of 16 bits: to and from float and double, rounded to the nearest, ties to even.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_ROUNDING_H_
#define SKEIN_TESTS_CUDA_EMULATOR_ROUNDING_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cuda_emulator/math.h"

namespace skein::emulator {

inline constexpr int kHalfMantissaBits = 10;
inline constexpr int kBfloat16MantissaBits = 7;

// The bits of a number with one sign bit, 15 - kMantissaBits exponent bits and kMantissaBits mantissa bits. NaN is
// CUDA's: 0x7FFF.
template <int kMantissaBits>
inline uint16_t RoundTo16Bits(double x) {
  constexpr int kBias = (1 << (14 - kMantissaBits)) - 1;
  constexpr uint16_t kInfinity = ((1 << (15 - kMantissaBits)) - 1) << kMantissaBits;
  if (x != x) return 0x7FFF;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::fabs(x);
  if (magnitude == 0) return sign;
  if (std::isinf(magnitude)) return sign | kInfinity;
  int exponent;
  std::frexp(magnitude, &exponent);  // magnitude in [2^(exponent - 1), 2^exponent)
  exponent = std::max(exponent - 1, 1 - kBias);
  // In units of the last place. The rounding mode of the host is to the nearest, ties to even.
  const double units = std::nearbyint(std::ldexp(magnitude, kMantissaBits - exponent));
  const auto significand = static_cast<uint32_t>(units);
  // A significand that has reached the next power of two carries into the exponent by itself.
  const uint32_t bits = (static_cast<uint32_t>(exponent + kBias - 1) << kMantissaBits) + significand;
  return sign | static_cast<uint16_t>(bits < kInfinity ? bits : kInfinity);
}

inline float HalfBitsToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7FFF) << 13;
  if (magnitude >= 0x0F800000u) return BitsAs<float>(sign | 0x70000000u | magnitude);  // infinities and NaNs
  return BitsAs<float>(sign | BitsAs<uint32_t>(BitsAs<float>(magnitude) * 0x1p112f));
}

inline float Bfloat16BitsToFloat(uint16_t bits) { return BitsAs<float>(static_cast<uint32_t>(bits) << 16); }

// x·y + z for numbers of 16 bits, such that rounding the result once more gives the correctly rounded sum: the last bit
// of the double is set if the exact sum lies beside it (rounding to odd).
inline double MultiplyAddToOdd(double x, double y, double z) {
  const double product = x * y;  // exact: at most 22 bits
  const double sum = product + z;
  if (!std::isfinite(sum)) return sum;
  const double product_part = sum - z;
  const double error = (product - product_part) + (z - (sum - product_part));
  if (error == 0 || (BitsAs<uint64_t>(sum) & 1) != 0) return sum;
  return std::nextafter(sum, error > 0 ? HUGE_VAL : -HUGE_VAL);
}

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_ROUNDING_H_
