// The exponential function for whole distributions, one for libskein and for devices that draw tokens. Compilers turn
// it into vector code, since it is plain arithmetic without branches or calls. Without fused multiply-add it gives the
// same bits on every machine.
#ifndef SKEIN_NUMBERS_EXP_H_
#define SKEIN_NUMBERS_EXP_H_

#include <bit>
#include <cstdint>

namespace skein {

// e^x for x <= 0, minus infinity included. Relative error below 2e-7; 0 where x < -87.
inline float ExpNonPositive(float x) {
  constexpr float kLog2E = 1.44269504f;
  // ln 2 in two parts: the product of the first with a number below 2^8 is exact.
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  // Adding this rounds to an integer, which then sits in the lowest bits.
  constexpr float kRound = 12582912.0f;
  constexpr float kSmallest = -87.0f;

  const float rounded = x * kLog2E + kRound;
  const float exponent = rounded - kRound;
  const float r = (x - exponent * kLn2High) - exponent * kLn2Low;  // in [-ln 2 / 2, ln 2 / 2]
  // Taylor's series to the 7th power; the rest is below 6e-9 of the result.
  const float series =
      1.0f +
      r * (1.0f +
           r * (1.0f / 2 + r * (1.0f / 6 + r * (1.0f / 24 + r * (1.0f / 120 + r * (1.0f / 720 + r * (1.0f / 5040)))))));
  const uint32_t power = (std::bit_cast<uint32_t>(rounded) << 23) + 0x3F800000u;
  // Below the range the result so far is meaningless. A mask clears it, because compilers would turn a choice of floats
  // into a branch.
  const uint32_t mask = x < kSmallest ? 0u : ~0u;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(series * std::bit_cast<float>(power)) & mask);
}

}  // namespace skein

#endif  // SKEIN_NUMBERS_EXP_H_
