// What the bits of a number of 16 bits mean.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_SIXTEEN_BITS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_SIXTEEN_BITS_H_

#include <cmath>
#include <cstdint>

namespace skein::emulator {

// By its definition: sign, exponent, significand. `exponent_bits`: 5 of binary16, 8 of bfloat16.
inline double ValueOf16(uint32_t bits, int exponent_bits) {
  const int mantissa_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const double mantissa = bits & ((1u << mantissa_bits) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, 1 - bias - mantissa_bits);
  return sign * std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_SIXTEEN_BITS_H_
