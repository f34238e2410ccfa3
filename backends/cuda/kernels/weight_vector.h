// 16 bytes of a row of weights, of any type, as they are loaded, and as float32. A new WeightType needs its elements
// and its ExpandFour here; then the kernels that go through vectors (row_products.cu, norm_rows.cu) can take it.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WEIGHT_VECTOR_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WEIGHT_VECTOR_H_

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/bits.h"
#include "cuda/kernels/instructions.h"
#include "cuda/kernels/matrix_view.h"

namespace skein::cuda {

// Elements in 16 bytes.
__host__ __device__ constexpr uint32_t ElementsOf(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return 4;
    case WeightType::kF16:
    case WeightType::kBf16:
      return 8;
    case WeightType::kQ8:
      return 16;
    case WeightType::kQ4:
      return 32;
  }
  return 0;
}

__host__ __device__ constexpr bool IsScaled(WeightType type) {
  return type == WeightType::kQ8 || type == WeightType::kQ4;
}

// Elements that share a scale.
__host__ __device__ constexpr uint32_t GroupOf(WeightType type) {
  return type == WeightType::kQ8 ? kQ8Group : kQ4Group;
}

// As it lies in memory: a conversion here would wait for each load in turn, before the next one begins.
template <WeightType kType>
struct WeightVector {
  uint32_t words[4];
  __half scale;  // if kType is scaled
};

// Vector `index` of a row. Zeros in floats and in scales beyond the last row and the last column.
template <WeightType kType>
__device__ __forceinline__ WeightVector<kType> LoadVector(const MatrixView& matrix, uint32_t row, uint32_t index) {
  constexpr uint32_t kElements = ElementsOf(kType);
  WeightVector<kType> vector = {};
  if (row >= matrix.num_rows || index * kElements >= matrix.num_columns) return vector;
  const char* data = static_cast<const char*>(matrix.data) + size_t{row} * matrix.row_bytes;
  // Weights are read once a step: they need not stay in the caches.
  const uint4 bits = __ldcs(reinterpret_cast<const uint4*>(data) + index);
  vector.words[0] = bits.x;
  vector.words[1] = bits.y;
  vector.words[2] = bits.z;
  vector.words[3] = bits.w;
  if constexpr (IsScaled(kType)) {
    const size_t group = size_t{row} * matrix.groups_per_row + index / (GroupOf(kType) / kElements);
    vector.scale = matrix.scales[group];
  }
  return vector;
}

__device__ __forceinline__ float2 HalvesOf(uint32_t word) { return __half22float2(BitsAs<__half2>(word)); }

// Elements [4 * index, 4 * index + 4) of a vector: floats, or codes less the code of zero.
template <WeightType kType>
__device__ __forceinline__ float4 ExpandFour(const WeightVector<kType>& vector, uint32_t index) {
  if constexpr (kType == WeightType::kF32) {
    return make_float4(__uint_as_float(vector.words[0]), __uint_as_float(vector.words[1]),
                       __uint_as_float(vector.words[2]), __uint_as_float(vector.words[3]));
  } else if constexpr (kType == WeightType::kF16) {
    const float2 low = HalvesOf(vector.words[2 * index]), high = HalvesOf(vector.words[2 * index + 1]);
    return make_float4(low.x, low.y, high.x, high.y);
  } else if constexpr (kType == WeightType::kBf16) {
    const uint32_t low = vector.words[2 * index], high = vector.words[2 * index + 1];
    return make_float4(__uint_as_float(low << 16), __uint_as_float(low & 0xFFFF0000u), __uint_as_float(high << 16),
                       __uint_as_float(high & 0xFFFF0000u));
  } else if constexpr (kType == WeightType::kQ8) {
    const uint32_t word = vector.words[index];
    return make_float4(static_cast<int8_t>(word), static_cast<int8_t>(word >> 8), static_cast<int8_t>(word >> 16),
                       static_cast<int8_t>(word >> 24));
  } else {
    // A nibble stays where it is, as bits of the mantissa of a power of two whose bit there weighs one: one operation
    // takes it out and makes a float of it, and one takes the power and the 8 away. The upper ones, which would reach
    // into the exponent, are moved down together. A conversion of an integer each would take longer.
    const uint32_t word = index % 2 == 0 ? vector.words[index / 2] : vector.words[index / 2] >> 12;
    const auto code = [word](uint32_t bit) {
      const uint32_t exponent = 23 - bit;
      const float above = __uint_as_float(MaskedOr(word, 0xFu << bit, (127 + exponent) << 23));
      return above - static_cast<float>((1u << exponent) + 8);
    };
    if (index % 2 == 0) return make_float4(code(0), code(4), code(8), code(12));
    return make_float4(code(4), code(8), code(12), code(16));
  }
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WEIGHT_VECTOR_H_
