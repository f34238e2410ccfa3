// A row of logits as the warps of a block share it, and the order of logits. For sample.cu and sample_slices.cu alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_STRETCH_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_STRETCH_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/device_code.h"

namespace skein::cuda {

// Minus zero has the key of zero.
__device__ __forceinline__ uint32_t KeyOf(float x) {
  const uint32_t bits = __float_as_uint(__fadd_rn(x, 0.0f));
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float LogitOf(uint32_t key) {
  return __uint_as_float((key & 0x80000000u) != 0 ? key & 0x7FFFFFFFu : ~key);
}

// A row as a thread sees it: the ids of its warp's stretch, which the lanes share in one way or another.
struct Stretch {
  float* logits;
  uint32_t first;  // of the warp
  uint32_t end;
  bool is_aligned;  // four logits can be read at once

  static constexpr uint32_t kAhead = 4;  // loads of a thread that are on their way together

  // visit(id, logit) for the thread's ids, the same in each call.
  template <typename Visit>
  __device__ __forceinline__ void ForEach(const Visit& visit) const {
    if (is_aligned) {
      ForEachFour(visit);
    } else {
#pragma unroll 4
      for (uint32_t id = first + threadIdx.x % kWarp; id < end; id += kWarp) visit(id, logits[id]);
    }
  }
  // vote(id, key) in all threads of the warp together, in order of id; behind the end with the key of a banned token.
  // Ends when vote is true, which it is in all threads or in none.
  template <typename Vote>
  __device__ __forceinline__ void ForEachTogether(const Vote& vote) const {
    for (uint32_t turn = first; turn < end; turn += kAhead * kWarp) {
      uint32_t keys[kAhead];
#pragma unroll
      for (uint32_t i = 0; i < kAhead; ++i) {
        const uint32_t id = turn + i * kWarp + threadIdx.x % kWarp;
        keys[i] = id < end ? KeyOf(logits[id]) : 0u;
      }
#pragma unroll
      for (uint32_t i = 0; i < kAhead; ++i) {
        if (turn + i * kWarp < end && vote(turn + i * kWarp + threadIdx.x % kWarp, keys[i])) return;
      }
    }
  }

 private:
  // The end is that of a load.
  template <typename Visit>
  __device__ __forceinline__ void ForEachFour(const Visit& visit) const {
    for (uint32_t turn = first + threadIdx.x % kWarp * 4; turn < end; turn += kAhead * kWarp * 4) {
      float4 four[kAhead];
#pragma unroll
      for (uint32_t i = 0; i < kAhead; ++i) {
        const uint32_t id = turn + i * kWarp * 4;
        if (id < end) four[i] = *reinterpret_cast<const float4*>(logits + id);
      }
#pragma unroll
      for (uint32_t i = 0; i < kAhead; ++i) {
        const uint32_t id = turn + i * kWarp * 4;
        if (id >= end) break;
        visit(id, four[i].x);
        visit(id + 1, four[i].y);
        visit(id + 2, four[i].z);
        visit(id + 3, four[i].w);
      }
    }
  }
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_STRETCH_H_
