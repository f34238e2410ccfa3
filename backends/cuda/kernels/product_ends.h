// The two ends of a product: inputs are rounded on their way in, and outputs pass an operation on their way to memory.
// For the kernels of products alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_ENDS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_ENDS_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/store_element.h"

namespace skein::cuda {

__device__ __forceinline__ float Rounded(float x, Inputs inputs) {
  if (inputs == Inputs::kF16) return __half2float(__float2half_rn(InF16Range(x)));
  if (inputs == Inputs::kBf16) return __bfloat162float(__float2bfloat16_rn(x));
  return x;
}

__device__ __forceinline__ float4 Rounded(const float4& x, Inputs inputs) {
  return make_float4(Rounded(x.x, inputs), Rounded(x.y, inputs), Rounded(x.z, inputs), Rounded(x.w, inputs));
}

// Whether rows can be read four floats at a time.
__device__ __forceinline__ bool AreRowsAligned(const kit::Rows& rows) {
  return rows.width % 4 == 0 && reinterpret_cast<uintptr_t>(rows.data) % sizeof(float4) == 0;
}

// Inputs [column, column + 4) of a row, zeros beyond the last row and column. `column` is a multiple of four.
__device__ __forceinline__ float4 LoadInputs(const kit::Rows& rows, uint32_t row, uint32_t column, bool are_aligned) {
  if (row >= rows.count || column >= rows.width) return make_float4(0, 0, 0, 0);
  const float* x = rows.data + size_t{row} * rows.width + column;
  if (are_aligned) return *reinterpret_cast<const float4*>(x);
  const uint32_t left = rows.width - column;
  return make_float4(x[0], left > 1 ? x[1] : 0, left > 2 ? x[2] : 0, left > 3 ? x[3] : 0);
}

// The value that replaces `before`, for a sum of products.
__device__ __forceinline__ float Finished(kit::Then then, float sum, float before) {
  switch (then) {
    case kit::Then::kStore:
      return sum;
    case kit::Then::kTanh:
      return tanhf(sum);
    case kit::Then::kSigmoid:
      return Sigmoid(sum);
    case kit::Then::kSilu:
      return sum * Sigmoid(sum);
    case kit::Then::kReluSquare:
      return sum < 0 ? 0 : sum * sum;
    case kit::Then::kAdd:
      return before + sum;
  }
  return sum;
}

// The operands of an output that is added: before + factor * (offset + sum).
struct EndOperands {
  float before, factor, offset;
};

// Those of an element of the output's rows, if the product is added.
__device__ __forceinline__ EndOperands LoadEnd(const DeviceProduct& product, uint32_t row, uint32_t output) {
  if (product.then != kit::Then::kAdd) return {};
  const size_t element = size_t{row} * product.out.width + output;
  const ProductEnd& end = product.end;
  if (end.mix != nullptr) {
    const float n = end.n[element];
    return {n, end.n_before[element] - n, end.mix[output]};
  }
  return {product.out.data[element], end.gate != nullptr ? end.gate[element] : 1.0f, 0.0f};
}

__device__ __forceinline__ float Finished(kit::Then then, float sum, const EndOperands& end) {
  return then == kit::Then::kAdd ? end.before + end.factor * (end.offset + sum) : Finished(then, sum, 0.0f);
}

template <kit::Then kThen, uint32_t kCount>
__device__ __forceinline__ void FinishEach(float (&sums)[kCount]) {
#pragma unroll
  for (uint32_t i = 0; i < kCount; ++i) sums[i] = Finished(kThen, sums[i], 0.0f);
}

// Ends and stores sums of a thread: sum i is output `output(i)` of row `row(i)`, and is left out beyond the last. All
// loads are in front of the first store: behind a store, which may be to their memory, each would wait for the one
// before, and a thread of many sums for many latencies.
template <uint32_t kCount, typename RowOf, typename OutputOf>
__device__ __forceinline__ void StoreSums(const DeviceProduct& product, const RowOf& row, const OutputOf& output,
                                          float (&sums)[kCount]) {
  const auto is_there = [&](uint32_t i) { return output(i) < product.out.width && row(i) < product.out.count; };
  EndOperands ends[kCount] = {};
  switch (product.then) {
    case kit::Then::kStore:
      break;
    case kit::Then::kTanh:
      FinishEach<kit::Then::kTanh>(sums);
      break;
    case kit::Then::kSigmoid:
      FinishEach<kit::Then::kSigmoid>(sums);
      break;
    case kit::Then::kSilu:
      FinishEach<kit::Then::kSilu>(sums);
      break;
    case kit::Then::kReluSquare:
      FinishEach<kit::Then::kReluSquare>(sums);
      break;
    case kit::Then::kAdd:
#pragma unroll
      for (uint32_t i = 0; i < kCount; ++i) {
        if (is_there(i)) ends[i] = LoadEnd(product, row(i), output(i));
      }
#pragma unroll
      for (uint32_t i = 0; i < kCount; ++i) sums[i] = Finished(kit::Then::kAdd, sums[i], ends[i]);
      break;
  }
#pragma unroll
  for (uint32_t i = 0; i < kCount; ++i) {
    if (!is_there(i)) continue;
    StoreElement(sums[i], size_t{row(i)} * product.out.width + output(i), product.out.data, product.rounded_out);
  }
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_ENDS_H_
