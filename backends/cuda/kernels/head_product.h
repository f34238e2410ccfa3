// The outputs of a product that belong to one head, for a few rows, by a block: where a recurrence makes its own
// inputs. The sums have the bits of warp_product.h. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_HEAD_PRODUCT_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_HEAD_PRODUCT_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {

// Adds a vector of weights by the inputs from `column` on.
template <WeightType kType>
__device__ __forceinline__ float AddVector(const WeightVector<kType>& weights, const kit::Rows& in, uint32_t row,
                                           uint32_t column, Inputs inputs, bool are_aligned, float sum) {
  float part = IsScaled(kType) ? 0 : sum;
#pragma unroll
  for (uint32_t four = 0; four < ElementsOf(kType) / 4; ++four) {
    const float4 w = ExpandFour(weights, four);
    const float4 x = Rounded(LoadInputs(in, row, column + 4 * four, are_aligned), inputs);
    part = fmaf(w.x, x.x, part);
    part = fmaf(w.y, x.y, part);
    part = fmaf(w.z, x.z, part);
    part = fmaf(w.w, x.w, part);
  }
  return IsScaled(kType) ? fmaf(__half2float(weights.scale), part, sum) : part;
}

// Outputs [first_output, first_output + num_outputs) of rows [first_row, first_row + count) of `in`, by kWarps warps:
// out[t * row_floats + i]. As many lanes as a row of weights has vectors share an output.
template <WeightType kType, uint32_t kWarps>
__device__ __forceinline__ void MultiplyForHead(const MatrixView& weight, uint32_t first_output, uint32_t num_outputs,
                                                const kit::Rows& in, uint32_t first_row, uint32_t count, Inputs inputs,
                                                float* out, uint32_t row_floats) {
  constexpr uint32_t kElements = ElementsOf(kType);
  const uint32_t num_vectors = (weight.num_columns + kElements - 1) / kElements;
  uint32_t num_lanes = 1;
  while (num_lanes < kWarp && num_lanes < num_vectors) num_lanes *= 2;
  const uint32_t lane = threadIdx.x % num_lanes;
  const bool are_aligned = AreRowsAligned(in);
  // All lanes of a warp go round together: they add up what they have.
  const uint32_t together = kWarp / num_lanes;
  for (uint32_t begin = threadIdx.x / kWarp * together; begin < num_outputs; begin += kWarps * together) {
    const uint32_t output = begin + threadIdx.x % kWarp / num_lanes;
    const uint32_t weight_row = output < num_outputs ? first_output + output : weight.num_rows;  // else: zeros
    const WeightVector<kType> first = LoadVector<kType>(weight, weight_row, lane);
    for (uint32_t t = 0; t < count; ++t) {
      const uint32_t row = first_row + t;
      float sum = AddVector<kType>(first, in, row, lane * kElements, inputs, are_aligned, 0);
      for (uint32_t v = lane + kWarp; v < num_vectors; v += kWarp) {
        const auto next = LoadVector<kType>(weight, weight_row, v);
        sum = AddVector<kType>(next, in, row, v * kElements, inputs, are_aligned, sum);
      }
      for (uint32_t distance = num_lanes / 2; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(kFullWarp, sum, distance);
      }
      if (lane == 0 && output < num_outputs) out[t * row_floats + output] = sum;
    }
  }
}

// The same for weights of any type.
template <uint32_t kWarps>
__device__ __forceinline__ void MultiplyForHead(const MatrixView& weight, uint32_t first_output, uint32_t num_outputs,
                                                const kit::Rows& in, uint32_t first_row, uint32_t count, Inputs inputs,
                                                float* out, uint32_t row_floats) {
  switch (weight.type) {
    case WeightType::kF32:
      return MultiplyForHead<WeightType::kF32, kWarps>(weight, first_output, num_outputs, in, first_row, count, inputs,
                                                       out, row_floats);
    case WeightType::kF16:
      return MultiplyForHead<WeightType::kF16, kWarps>(weight, first_output, num_outputs, in, first_row, count, inputs,
                                                       out, row_floats);
    case WeightType::kBf16:
      return MultiplyForHead<WeightType::kBf16, kWarps>(weight, first_output, num_outputs, in, first_row, count, inputs,
                                                        out, row_floats);
    case WeightType::kQ8:
      return MultiplyForHead<WeightType::kQ8, kWarps>(weight, first_output, num_outputs, in, first_row, count, inputs,
                                                      out, row_floats);
    case WeightType::kQ4:
      return MultiplyForHead<WeightType::kQ4, kWarps>(weight, first_output, num_outputs, in, first_row, count, inputs,
                                                      out, row_floats);
  }
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_HEAD_PRODUCT_H_
