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

// A row as a thread of a block of kThreads, or of so many threads of a block, has it: the elements i, i + kThreads,
// ..., the first kHeld of them in registers. `load`(index) gives an element.
template <uint32_t kThreads, uint32_t kHeld, typename Load>
class HeldRow {
 public:
  // The loads are on their way together.
  __device__ __forceinline__ HeldRow(const Load& load, uint32_t width) : load_(load), width_(width) {
#pragma unroll
    for (uint32_t i = 0; i < kHeld; ++i) {
      const uint32_t c = threadIdx.x % kThreads + i * kThreads;
      held_[i] = c < width ? load(c) : 0;
    }
  }
  __device__ __forceinline__ uint32_t width() const { return width_; }
  // visit(index, element) for the thread's elements, in their order.
  template <typename Visit>
  __device__ __forceinline__ void ForEach(const Visit& visit) const {
#pragma unroll
    for (uint32_t i = 0; i < kHeld; ++i) {
      const uint32_t c = threadIdx.x % kThreads + i * kThreads;
      if (c < width_) visit(c, held_[i]);
    }
    for (uint32_t c = threadIdx.x % kThreads + kHeld * kThreads; c < width_; c += kThreads) visit(c, load_(c));
  }

 private:
  const Load load_;
  const uint32_t width_;
  float held_[kHeld];
};

template <uint32_t kThreads, uint32_t kHeld, typename Load>
__device__ __forceinline__ HeldRow<kThreads, kHeld, Load> HoldRow(const Load& load, uint32_t width) {
  return HeldRow<kThreads, kHeld, Load>(load, width);
}

// The moments of a row, in every thread of a block of kThreads, or of so many of a block with scratch of their own.
template <uint32_t kThreads, uint32_t kHeld, typename Load>
__device__ __forceinline__ Moments RowMoments(const HeldRow<kThreads, kHeld, Load>& x, float epsilon,
                                              MomentsScratch<kThreads>& scratch) {
  float sum = 0;
  x.ForEach([&](uint32_t, float element) { sum += element; });
  const float mean = BlockSum<kThreads>(sum, scratch.sums) / static_cast<float>(x.width());
  float squares = 0;
  x.ForEach([&](uint32_t, float element) { squares += (element - mean) * (element - mean); });
  const float variance = BlockSum<kThreads>(squares, scratch.squares) / static_cast<float>(x.width());
  return {mean, 1.0f / sqrtf(variance + epsilon)};
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_ROW_NORM_H_
