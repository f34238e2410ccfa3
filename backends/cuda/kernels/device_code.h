// The functions that every kernel uses: sums over a warp and a block, the logistic function, the moments of a norm. For
// device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_DEVICE_CODE_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_DEVICE_CODE_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/instructions.h"

namespace skein::cuda {

inline constexpr uint32_t kWarp = 32;
inline constexpr uint32_t kFullWarp = 0xFFFFFFFFu;

__device__ __forceinline__ float Sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// The sum over the warp, in every lane, in a fixed order.
__device__ __forceinline__ float WarpSum(float x) {
  for (uint32_t distance = kWarp / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kFullWarp, x, distance);
  return x;
}

// The sum over a block of kThreads threads, in every thread, in a fixed order. `scratch`: [kThreads / 32] floats of
// shared memory, which the caller has not touched since its last barrier; it may be used again after the next one. A
// block of a multiple of kThreads has a sum for each so many of its threads, with scratch of its own.
template <uint32_t kThreads>
__device__ __forceinline__ float BlockSum(float x, float* scratch) {
  static_assert(kThreads % kWarp == 0);
  x = WarpSum(x);
  if (threadIdx.x % kWarp == 0) scratch[threadIdx.x % kThreads / kWarp] = x;
  __syncthreads();
  float sum = 0;
  for (uint32_t warp = 0; warp < kThreads / kWarp; ++warp) sum += scratch[warp];
  return sum;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_DEVICE_CODE_H_
