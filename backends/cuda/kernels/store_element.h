// An element of rows on its way to memory, and to their rounded copy. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_STORE_ELEMENT_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_STORE_ELEMENT_H_

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/bits.h"
#include "cuda/kernels/rounded_rows.h"

namespace skein::cuda {

// A finite number beyond binary16's largest becomes that one, since a squared ReLU may give such. Infinity and NaN
// stay, so that a step which goes wrong is seen.
__device__ __forceinline__ float InF16Range(float x) {
  constexpr float kLargest = 65504.0f;
  return fabsf(x) < INFINITY ? fminf(fmaxf(x, -kLargest), kLargest) : x;
}

// Writes an element of rows and of their copy, if there is one.
__device__ __forceinline__ void StoreElement(float x, size_t element, float* rows, const RoundedRows& rounded) {
  rows[element] = x;
  if (rounded.data == nullptr) return;
  rounded.data[element] = rounded.inputs == Inputs::kF16 ? BitsAs<uint16_t>(__float2half_rn(InF16Range(x)))
                                                         : BitsAs<uint16_t>(__float2bfloat16_rn(x));
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_STORE_ELEMENT_H_
