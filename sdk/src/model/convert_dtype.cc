#include "model/convert_dtype.h"

#include <bit>
#include <cstring>

#include "model/ggml_blocks.h"
#include "model/tensor.h"
#include "numbers/quantised.h"

namespace skein {
namespace {

template <typename T>
T Load(const uint8_t* data, uint64_t index) {
  T value;
  std::memcpy(&value, data + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
void Store(uint8_t* data, uint64_t index, T value) {
  std::memcpy(data + index * sizeof(T), &value, sizeof(T));
}

}  // namespace

// Integer arithmetic but for one exact product of normal numbers, so that flush-to-zero modes change nothing. Without
// branches on the value, so that compilers vectorise the loops below.
float F16ToF32(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = half & 0x7c00u;
  const uint32_t mantissa = half & 0x03ffu;
  const uint32_t normal = (uint32_t{half & 0x7fffu} << 13) + (112u << 23);  // 112: difference of the exponent biases
  const uint32_t special = normal + (112u << 23) + (mantissa != 0 ? 1u << 22 : 0u) * ((mantissa >> 9) ^ 1u);
  const uint32_t denormal = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(mantissa)) * 0x1p-24f);
  const uint32_t magnitude = exponent == 0 ? denormal : exponent == 0x7c00u ? special : normal;
  return std::bit_cast<float>(sign | magnitude);
}

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

float Bf16ToF32(uint16_t brain) { return std::bit_cast<float>(uint32_t{brain} << 16); }

uint16_t F32ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  const uint32_t quiet = bits >> 16 | 0x0040u;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(is_nan ? quiet : rounded);
}

void ToF32(uint32_t dtype, const uint8_t* data, uint64_t first, size_t count, float* out) {
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      std::memcpy(out, data + first * sizeof(float), count * sizeof(float));
      return;
    case SKEIN_DTYPE_F16:
      for (size_t i = 0; i < count; ++i) out[i] = F16ToF32(Load<uint16_t>(data, first + i));
      return;
    case SKEIN_DTYPE_BF16:
      for (size_t i = 0; i < count; ++i) out[i] = Bf16ToF32(Load<uint16_t>(data, first + i));
      return;
    case SKEIN_DTYPE_F64:
      for (size_t i = 0; i < count; ++i) out[i] = static_cast<float>(Load<double>(data, first + i));
      return;
    case SKEIN_DTYPE_Q8:
      return DequantiseGroups(dtype, data + first / kQ8GroupElements * kQ8GroupBytes, count, out);
    case SKEIN_DTYPE_Q4:
      return DequantiseGroups(dtype, data + first / kQ4GroupElements * kQ4GroupBytes, count, out);
    default: {
      const DtypeInfo* info = FindDtype(dtype);
      const uint8_t* block = data + first / info->block_elements * info->block_bytes;
      for (size_t i = 0; i < count; i += info->block_elements) {
        DequantizeGgmlBlock(dtype, block, out + i);
        block += info->block_bytes;
      }
    }
  }
}

void FromF32(const float* values, size_t count, uint32_t dtype, uint8_t* out) {
  switch (dtype) {
    case SKEIN_DTYPE_F16:
      for (size_t i = 0; i < count; ++i) Store(out, i, F32ToF16(values[i]));
      return;
    case SKEIN_DTYPE_BF16:
      for (size_t i = 0; i < count; ++i) Store(out, i, F32ToBf16(values[i]));
      return;
    default:
      std::memcpy(out, values, count * sizeof(float));
      return;
  }
}

}  // namespace skein
