// A head of RWKV-7, most of it for 64 channels, as a block of kHeadThreads threads has it: its inputs and weights in
// shared memory, its state in registers, a quarter of a row of it to a thread. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV7_HEAD_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV7_HEAD_H_

#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/rounded_rows.h"
#include "cuda/kernels/store_element.h"
#include "cuda/kernels/wkv7.h"
#include "cuda/kernels/wkv7_row.h"
#include "cuda/kernels/wkv_head.h"
#include "cuda/kernels/wkv_heads.h"

namespace skein::cuda {

// A PreparedRow while the block walks. `g` is for the warp that prepared it.
template <uint32_t kSize>
struct alignas(16) SharedRow {
  float r[kSize], w[kSize], k[kSize], v[kSize], kk[kSize], b[kSize], g[kSize];
};

template <uint32_t kChannels, uint32_t kSize>
__device__ __forceinline__ void Share(const PreparedRow<kChannels>& row, uint32_t head_size, uint32_t lane,
                                      SharedRow<kSize>& shared) {
  StoreChannels(row.r, head_size, lane, shared.r);
  StoreChannels(row.w, head_size, lane, shared.w);
  StoreChannels(row.k, head_size, lane, shared.k);
  StoreChannels(row.v, head_size, lane, shared.v);
  StoreChannels(row.kk, head_size, lane, shared.kk);
  StoreChannels(row.b, head_size, lane, shared.b);
  StoreChannels(row.g, head_size, lane, shared.g);
}

// NormBonusGate of ops.h, into the elements of a row from `first` on that are the head's.
template <uint32_t kChannels>
__device__ __forceinline__ void Finish(const LaneChannels<kChannels>& y, float bonus_weight,
                                       const LaneChannels<kChannels>& v, const LaneChannels<kChannels>& g,
                                       const HeadNorm<kChannels>& norm, uint32_t head_size, uint32_t lane,
                                       const Wkv7Arguments& in, size_t first) {
  const LaneChannels<kChannels> normalized = Normalized(y, norm, head_size, lane);
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    const uint32_t c = lane + i * kWarp;
    if (c >= head_size) continue;
    StoreElement((normalized.at[i] + bonus_weight * v.at[i]) * g.at[i], first + c, in.out.data, in.rounded);
  }
}

inline constexpr uint32_t kHeadChannels = 64;
inline constexpr uint32_t kQuads = kHeadThreads / kHeadChannels;  // threads of a row of the state: four
static_assert(kQuads == 4);

// A thread's share of row `value` of the state: of every four chunks the one with its number.
template <typename Element>
struct StateQuarter {
  static constexpr uint32_t kChunks = kHeadChannels / kQuads / kChunk<Element>;
  float at[kChunks][kChunk<Element>];

  static __device__ __forceinline__ uint32_t FirstKey(uint32_t chunk) {
    return (chunk * kQuads + threadIdx.x % kQuads) * kChunk<Element>;
  }
  __device__ __forceinline__ void StoreTo(Element* row) const {
#pragma unroll
    for (uint32_t c = 0; c < kChunks; ++c) StoreChunk(at[c], row + FirstKey(c));
  }
};

// The same as it lies in memory. Binary16 takes half the registers, and nothing waits for it until it is expanded.
template <typename Element>
struct alignas(16) RawChunk {
  Element at[kChunk<Element>];
};
template <typename Element>
struct RawQuarter {
  using Quarter = StateQuarter<Element>;
  RawChunk<Element> at[Quarter::kChunks];

  __device__ __forceinline__ void Load(const Element* row) {
#pragma unroll
    for (uint32_t c = 0; c < Quarter::kChunks; ++c) {
      at[c] = *reinterpret_cast<const RawChunk<Element>*>(row + Quarter::FirstKey(c));
    }
  }
  __device__ __forceinline__ Quarter Expanded() const {
    Quarter quarter;
#pragma unroll
    for (uint32_t c = 0; c < Quarter::kChunks; ++c) LoadChunk(at[c].at, quarter.at[c]);
    return quarter;
  }
};

// The weights of a head, read for every row. In registers they would leave room for fewer blocks.
struct SharedWeights {
  static constexpr uint32_t kVectors = 8, kOfThread = kVectors * kHeadChannels / kHeadThreads;
  // Biases of decay and rate, key_k, key_a, bias of the value, bonus, weight and bias of the norm.
  float at[kVectors][kHeadChannels];

  // A thread's share on its way: element threadIdx.x % kHeadChannels of the vectors from FirstVector on.
  struct Share {
    float at[kOfThread];
  };
  static __device__ __forceinline__ uint32_t FirstVector() { return threadIdx.x / kHeadChannels * kOfThread; }

  // Load and Fill are for the first kHeadThreads threads of a block.
  static __device__ __forceinline__ Share Load(const Wkv7Arguments& in, uint32_t head) {
    const float* const value_bias = in.v_first.data != nullptr ? in.value_bias : nullptr;
    const float* const all[kVectors] = {in.decay_bias, in.keys.rate_bias, in.keys.key_k,  in.keys.key_a,
                                        value_bias,    in.bonus,          in.norm.weight, in.norm.bias};
    Share share;
#pragma unroll
    for (uint32_t i = 0; i < kOfThread; ++i) {
      const float* from = all[i];
#pragma unroll
      for (uint32_t first = kOfThread; first < kVectors; first += kOfThread) {
        from = FirstVector() == first ? all[first + i] : from;
      }
      share.at[i] = from != nullptr ? from[head * kHeadChannels + threadIdx.x % kHeadChannels] : 0.0f;
    }
    return share;
  }
  __device__ __forceinline__ void Fill(const Share& share) {
#pragma unroll
    for (uint32_t i = 0; i < kOfThread; ++i) at[FirstVector() + i][threadIdx.x % kHeadChannels] = share.at[i];
  }
  template <uint32_t kChannels>
  __device__ __forceinline__ HeadWeights<kChannels> Read(uint32_t lane) const {
    return {LoadChannels<kChannels>(at[0], kHeadChannels, lane), LoadChannels<kChannels>(at[1], kHeadChannels, lane),
            LoadChannels<kChannels>(at[2], kHeadChannels, lane), LoadChannels<kChannels>(at[3], kHeadChannels, lane),
            LoadChannels<kChannels>(at[4], kHeadChannels, lane), LoadChannels<kChannels>(at[5], kHeadChannels, lane)};
  }
  template <uint32_t kChannels>
  __device__ __forceinline__ HeadNorm<kChannels> ReadNorm(float epsilon, uint32_t lane) const {
    return LoadNorm<kChannels>(at[6], at[7], epsilon, kHeadChannels, lane);
  }
};

// The inputs of a row for a head as they come from memory, one of them by each warp of a block.
struct SharedInputs {
  float at[kHeadWarps][kHeadChannels];

  // The own warp's on its way. `first`: the head's first element of the row.
  static __device__ __forceinline__ LaneChannels<kHeadChannels / kWarp> Load(const Wkv7Arguments& in, size_t first,
                                                                             uint32_t warp, uint32_t lane) {
    const float* const all[kHeadWarps] = {in.r.data,     in.decay.data,   in.keys.key.data,   in.keys.rate.data,
                                          in.value.data, in.v_first.data, in.value_gate.data, in.g.data};
    const float* from = all[0];
#pragma unroll
    for (uint32_t i = 1; i < kHeadWarps; ++i) from = warp == i ? all[i] : from;
    LaneChannels<kHeadChannels / kWarp> own;
#pragma unroll
    for (uint32_t i = 0; i < kHeadChannels / kWarp; ++i) {
      own.at[i] = from != nullptr ? from[first + i * kWarp + lane] : 0;
    }
    return own;
  }
  template <uint32_t kChannels>
  __device__ __forceinline__ RowInputs<kChannels> Read(uint32_t lane) const {
    return {LoadChannels<kChannels>(at[0], kHeadChannels, lane), LoadChannels<kChannels>(at[1], kHeadChannels, lane),
            LoadChannels<kChannels>(at[2], kHeadChannels, lane), LoadChannels<kChannels>(at[3], kHeadChannels, lane),
            LoadChannels<kChannels>(at[4], kHeadChannels, lane), LoadChannels<kChannels>(at[5], kHeadChannels, lane),
            LoadChannels<kChannels>(at[6], kHeadChannels, lane), LoadChannels<kChannels>(at[7], kHeadChannels, lane)};
  }
};
static_assert(sizeof(RowInputs<1>) == kHeadWarps * sizeof(float), "a warp for each of a row's inputs");

__device__ __forceinline__ float QuadSum(float x) {
  x += __shfl_xor_sync(kFullWarp, x, 1);
  return x + __shfl_xor_sync(kFullWarp, x, 2);
}

// A row's step of the recurrence. Returns y of the thread's value.
template <typename Element>
__device__ __forceinline__ float Step(const SharedRow<kHeadChannels>& row, float v, StateQuarter<Element>& state) {
  constexpr uint32_t kCount = kChunk<Element>;
  float removed = 0;
#pragma unroll
  for (uint32_t c = 0; c < state.kChunks; ++c) {
    float kk[kCount];
    LoadFloats(row.kk + state.FirstKey(c), kk);
#pragma unroll
    for (uint32_t i = 0; i < kCount; ++i) removed += state.at[c][i] * kk[i];
  }
  removed = QuadSum(removed);
  float y = 0;
#pragma unroll
  for (uint32_t c = 0; c < state.kChunks; ++c) {
    float w[kCount], b[kCount], k[kCount], r[kCount];
    LoadFloats(row.w + state.FirstKey(c), w);
    LoadFloats(row.b + state.FirstKey(c), b);
    LoadFloats(row.k + state.FirstKey(c), k);
    LoadFloats(row.r + state.FirstKey(c), r);
#pragma unroll
    for (uint32_t i = 0; i < kCount; ++i) {
      // Which product and sum become one is not left to compilers, which choose by what is around: so all kernels have
      // the same bits.
      state.at[c][i] = fmaf(v, k[i], fmaf(-removed, b[i], state.at[c][i] * w[i]));
      y += state.at[c][i] * r[i];
    }
  }
  return QuadSum(y);
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV7_HEAD_H_
