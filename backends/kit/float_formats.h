// The element types in which weights arrive, and their exact values as float32. Plain loops; for the speed of loading
// only.
#ifndef SKEIN_BACKENDS_KIT_FLOAT_FORMATS_H_
#define SKEIN_BACKENDS_KIT_FLOAT_FORMATS_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "skein/dtype.h"

namespace skein::kit {

// Bytes of one element, or 0 if `dtype` is none of F32, F16, BF16.
constexpr uint64_t FloatBytes(uint32_t dtype) {
  if (dtype == SKEIN_DTYPE_F32) return 4;
  return dtype == SKEIN_DTYPE_F16 || dtype == SKEIN_DTYPE_BF16 ? 2 : 0;
}

inline float Bfloat16ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// Rounds to nearest, ties to even; NaN stays NaN.
inline uint16_t FloatToBfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

inline float Float16ToFloat(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent_and_mantissa = bits & 0x7FFFu;
  if (exponent_and_mantissa >= 0x7C00u) {  // infinity and NaN
    return std::bit_cast<float>(sign | 0x7F800000u | (exponent_and_mantissa & 0x3FFu) << 13);
  }
  // Placed as a float32 of the same bits, the value is too small by 2^112; the product is exact, for subnormals too.
  const float value = std::bit_cast<float>(exponent_and_mantissa << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

// Expands `count` elements of type `dtype` (F32, F16 or BF16) from `source`, which may be unaligned.
inline void ExpandFloats(uint32_t dtype, const void* source, size_t count, float* out) {
  if (dtype == SKEIN_DTYPE_F32) {
    std::memcpy(out, source, count * sizeof(float));
    return;
  }
  const auto* bytes = static_cast<const unsigned char*>(source);
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
    out[i] = dtype == SKEIN_DTYPE_F16 ? Float16ToFloat(bits) : Bfloat16ToFloat(bits);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_FLOAT_FORMATS_H_
