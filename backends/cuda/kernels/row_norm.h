// LayerNorm of a row by a block. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_ROW_NORM_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_ROW_NORM_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "equations/operands.h"

namespace skein::cuda {

struct Moments {
  float mean;
  float scale;  // 1 / sqrt(variance + epsilon), with the biased variance
};

__device__ __forceinline__ float Normalized(float x, const Moments& moments, float weight, float bias) {
  return (x - moments.mean) * moments.scale * weight + bias;
}

// Shared memory for RowMoments, which may use it again and again without a barrier between.
template <uint32_t kThreads>
struct MomentsScratch {
  float sums[kThreads / kWarp];
  float squares[kThreads / kWarp];
};

// The moments of x [width], in every thread of a block of kThreads. Thread i reads the elements i, i + kThreads, ...,
// and no others.
template <uint32_t kThreads>
__device__ __forceinline__ Moments RowMoments(const float* x, uint32_t width, float epsilon,
                                              MomentsScratch<kThreads>& scratch) {
  float sum = 0;
  for (uint32_t c = threadIdx.x; c < width; c += kThreads) sum += x[c];
  const float mean = BlockSum<kThreads>(sum, scratch.sums) / static_cast<float>(width);
  float squares = 0;
  for (uint32_t c = threadIdx.x; c < width; c += kThreads) squares += (x[c] - mean) * (x[c] - mean);
  const float variance = BlockSum<kThreads>(squares, scratch.squares) / static_cast<float>(width);
  return {mean, 1.0f / sqrtf(variance + epsilon)};
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_ROW_NORM_H_
