// One head of one token, as a warp has it: the lanes share the head's channels. And numbers of a wkv matrix, 16 bytes
// at a time. For device code alone, but for HasAlignedChunks.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV_HEAD_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV_HEAD_H_

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/device_code.h"
#include "equations/operands.h"

namespace skein::cuda {

// The channels lane, lane + 32, ... of a head, at most kChannels of them. What lies beyond the head's size is zero.
template <uint32_t kChannels>
struct LaneChannels {
  float at[kChannels];
};

template <uint32_t kChannels>
__device__ __forceinline__ LaneChannels<kChannels> LoadChannels(const float* head, uint32_t head_size, uint32_t lane) {
  LaneChannels<kChannels> channels;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    const uint32_t c = lane + i * kWarp;
    channels.at[i] = c < head_size ? head[c] : 0.0f;
  }
  return channels;
}

template <uint32_t kChannels>
__device__ __forceinline__ void StoreChannels(const LaneChannels<kChannels>& channels, uint32_t head_size,
                                              uint32_t lane, float* head) {
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    const uint32_t c = lane + i * kWarp;
    if (c < head_size) head[c] = channels.at[i];
  }
}

template <uint32_t kChannels>
__device__ __forceinline__ LaneChannels<kChannels> Sum(LaneChannels<kChannels> x, const LaneChannels<kChannels>& y) {
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) x.at[i] += y.at[i];
  return x;
}

struct SumOfWarp {
  __device__ __forceinline__ float operator()(float x) const { return WarpSum(x); }
};

// The sum over the head of x ⊙ y ⊙ z, in every lane.
template <uint32_t kChannels>
__device__ __forceinline__ float HeadSum(const LaneChannels<kChannels>& x, const LaneChannels<kChannels>& y,
                                         const LaneChannels<kChannels>& z) {
  float sum = 0;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) sum += x.at[i] * y.at[i] * z.at[i];
  return WarpSum(sum);
}

// The head's part of a GroupNorm.
template <uint32_t kChannels>
struct HeadNorm {
  LaneChannels<kChannels> weight, bias;
  float epsilon;
};

template <uint32_t kChannels>
__device__ __forceinline__ HeadNorm<kChannels> LoadNorm(const float* weight, const float* bias, float epsilon,
                                                        uint32_t head_size, uint32_t lane) {
  return {LoadChannels<kChannels>(weight, head_size, lane), LoadChannels<kChannels>(bias, head_size, lane), epsilon};
}

template <uint32_t kChannels>
__device__ __forceinline__ LaneChannels<kChannels> Normalized(const LaneChannels<kChannels>& y,
                                                              const HeadNorm<kChannels>& norm, uint32_t head_size,
                                                              uint32_t lane) {
  float sum = 0;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) sum += y.at[i];
  const float mean = WarpSum(sum) / static_cast<float>(head_size);
  float squares = 0;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    if (lane + i * kWarp < head_size) squares += (y.at[i] - mean) * (y.at[i] - mean);
  }
  const float scale = 1.0f / sqrtf(WarpSum(squares) / static_cast<float>(head_size) + norm.epsilon);
  LaneChannels<kChannels> normalized;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    normalized.at[i] = (y.at[i] - mean) * scale * norm.weight.at[i] + norm.bias.at[i];
  }
  return normalized;
}

__device__ __forceinline__ float ToFloat(float x) { return x; }
__device__ __forceinline__ float ToFloat(__half x) { return __half2float(x); }
__device__ __forceinline__ void Store(float x, float& out) { out = x; }
__device__ __forceinline__ void Store(float x, __half& out) { out = __float2half_rn(x); }

// kCount floats, a multiple of four, that lie at a multiple of 16 bytes.
template <uint32_t kCount>
__device__ __forceinline__ void LoadFloats(const float* floats, float (&x)[kCount]) {
#pragma unroll
  for (uint32_t i = 0; i < kCount; i += 4) {
    const float4 four = *reinterpret_cast<const float4*>(floats + i);
    x[i] = four.x;
    x[i + 1] = four.y;
    x[i + 2] = four.z;
    x[i + 3] = four.w;
  }
}
template <uint32_t kCount>
__device__ __forceinline__ void StoreFloats(const float (&x)[kCount], float* floats) {
#pragma unroll
  for (uint32_t i = 0; i < kCount; i += 4) {
    *reinterpret_cast<float4*>(floats + i) = make_float4(x[i], x[i + 1], x[i + 2], x[i + 3]);
  }
}

// The elements in 16 bytes, which are loaded and stored at once. They lie at a multiple of 16 bytes.
template <typename Element>
inline constexpr uint32_t kChunk = 16 / sizeof(Element);

__device__ __forceinline__ void LoadChunk(const float* chunk, float (&x)[kChunk<float>]) { LoadFloats(chunk, x); }
__device__ __forceinline__ void StoreChunk(const float (&x)[kChunk<float>], float* chunk) { StoreFloats(x, chunk); }

struct alignas(16) HalfChunk {
  __half2 pairs[4];
};
__device__ __forceinline__ void LoadChunk(const __half* chunk, float (&x)[kChunk<__half>]) {
  const HalfChunk halves = *reinterpret_cast<const HalfChunk*>(chunk);
#pragma unroll
  for (uint32_t i = 0; i < 4; ++i) {
    const float2 pair = __half22float2(halves.pairs[i]);
    x[2 * i] = pair.x;
    x[2 * i + 1] = pair.y;
  }
}
__device__ __forceinline__ void StoreChunk(const float (&x)[kChunk<__half>], __half* chunk) {
  HalfChunk halves;
#pragma unroll
  for (uint32_t i = 0; i < 4; ++i) halves.pairs[i] = __floats2half2_rn(x[2 * i], x[2 * i + 1]);
  *reinterpret_cast<HalfChunk*>(chunk) = halves;
}

// Whether the wkv matrices of all slots and heads lie at multiples of 16 bytes.
inline bool HasAlignedChunks(const States& states, size_t state) {
  return (reinterpret_cast<uintptr_t>(states.data) | states.slot_bytes | state) % 16 == 0;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV_HEAD_H_
