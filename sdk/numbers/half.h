// The plain element types of weights, F32, F16 and BF16 (skein/dtype.h), and the way from one to another.
//
// Narrowing rounds to nearest, ties to even. Denormals, infinities and NaN (kept quiet, sign and upper payload bits
// included) come out exactly, whatever the thread's floating-point environment is.
#ifndef SKEIN_NUMBERS_HALF_H_
#define SKEIN_NUMBERS_HALF_H_

#include <bit>
#include <cstddef>
#include <cstdint>

#include "skein/dtype.h"

namespace skein {

// Bytes of one element; 0 if `dtype` is none of F32, F16, BF16.
constexpr uint64_t FloatBytes(uint32_t dtype) {
  if (dtype == SKEIN_DTYPE_F32) return 4;
  return dtype == SKEIN_DTYPE_F16 || dtype == SKEIN_DTYPE_BF16 ? 2 : 0;
}

// Integer arithmetic but for one exact product of normal numbers, so that flush-to-zero modes change nothing. There is
// no branch on the value, so that compilers vectorise loops over it.
inline float F16ToF32(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = half & 0x7c00u;
  const uint32_t mantissa = half & 0x03ffu;
  const uint32_t normal = (uint32_t{half & 0x7fffu} << 13) + (112u << 23);  // 112: difference of the exponent biases
  const uint32_t special = normal + (112u << 23) + (mantissa != 0 ? 1u << 22 : 0u) * ((mantissa >> 9) ^ 1u);
  const uint32_t denormal = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(mantissa)) * 0x1p-24f);
  // Masks and no conditions, which gcc 12 turns into branches.
  const uint32_t is_denormal = 0u - uint32_t{exponent == 0};
  const uint32_t is_special = 0u - uint32_t{exponent == 0x7c00u};
  const uint32_t magnitude = (denormal & is_denormal) | (special & is_special) | (normal & ~(is_denormal | is_special));
  return std::bit_cast<float>(sign | magnitude);
}

uint16_t F32ToF16(float value);  // 65520 and more become infinite

inline float Bf16ToF32(uint16_t brain) { return std::bit_cast<float>(uint32_t{brain} << 16); }

inline uint16_t F32ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  const uint32_t quiet = bits >> 16 | 0x0040u;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(is_nan ? quiet : rounded);
}

// `count` elements of type `dtype` (F32, F16 or BF16) as float32. `from` may be unaligned.
void ExpandFloats(uint32_t dtype, const void* from, size_t count, float* out);

// `count` numbers as `dtype` (F32, F16 or BF16). `out` may be unaligned.
void RoundFloats(const float* values, size_t count, uint32_t dtype, void* out);

}  // namespace skein

#endif  // SKEIN_NUMBERS_HALF_H_
