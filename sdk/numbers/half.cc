#include "numbers/half.h"

#include <cstring>

namespace skein {
namespace {

template <typename Convert>
void ExpandHalves(const void* from, size_t count, float* out, const Convert& convert) {
  const auto* bytes = static_cast<const uint8_t*>(from);
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
    out[i] = convert(bits);
  }
}

template <typename Convert>
void RoundToHalves(const float* values, size_t count, void* out, const Convert& convert) {
  auto* bytes = static_cast<uint8_t*>(out);
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = convert(values[i]);
    std::memcpy(bytes + i * sizeof(bits), &bits, sizeof(bits));
  }
}

}  // namespace

uint16_t F32ToF16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {  // NaN
    half = 0x7e00u | (magnitude >> 13 & 0x01ffu);
  } else if (magnitude >= 0x477ff000u) {  // 65520 and up
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) {  // 2^-14 and up: normal. A carry out of the mantissa is a correct exponent.
    const uint32_t rebased = magnitude - (112u << 23);
    half = (rebased + 0x0fffu + (rebased >> 13 & 1u)) >> 13;
  } else if (magnitude >= 0x33000000u) {  // 2^-25 and up: denormal, a multiple of 2^-24
    const uint32_t mantissa = (magnitude & 0x007fffffu) | 0x00800000u;
    const uint32_t shift = 126 - (magnitude >> 23);
    const uint32_t rest = mantissa & ((1u << shift) - 1);
    const uint32_t tie = 1u << (shift - 1);
    half = mantissa >> shift;
    half += (rest > tie || (rest == tie && (half & 1u) != 0)) ? 1 : 0;
  } else {
    half = 0;
  }
  return static_cast<uint16_t>(sign | half);
}

void ExpandFloats(uint32_t dtype, const void* from, size_t count, float* out) {
  switch (dtype) {
    case SKEIN_DTYPE_F16:
      return ExpandHalves(from, count, out, [](uint16_t bits) { return F16ToF32(bits); });
    case SKEIN_DTYPE_BF16:
      return ExpandHalves(from, count, out, [](uint16_t bits) { return Bf16ToF32(bits); });
    default:
      std::memcpy(out, from, count * sizeof(float));
  }
}

void RoundFloats(const float* values, size_t count, uint32_t dtype, void* out) {
  switch (dtype) {
    case SKEIN_DTYPE_F16:
      return RoundToHalves(values, count, out, [](float value) { return F32ToF16(value); });
    case SKEIN_DTYPE_BF16:
      return RoundToHalves(values, count, out, [](float value) { return F32ToBf16(value); });
    default:
      std::memcpy(out, values, count * sizeof(float));
  }
}

}  // namespace skein
