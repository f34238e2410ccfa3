// A row of a head in RWKV-7, from the projections to what its recurrence takes: for the walk, whose warps have a row
// each, and for chunks, where half a warp has one. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_WKV7_ROW_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_WKV7_ROW_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/wkv_head.h"

namespace skein::cuda {

// The weights of a head that the recurrence's inputs are made with.
template <uint32_t kChannels>
struct HeadWeights {
  LaneChannels<kChannels> decay_bias, rate_bias, key_k, key_a, value_bias, bonus;
};

// The inputs of a row for one head, before any of them is used.
template <uint32_t kChannels>
struct RowInputs {
  LaneChannels<kChannels> r, decay, key, rate, value, v_first, value_gate, g;
};

// The vectors that the recurrence takes, and what comes after it.
template <uint32_t kChannels>
struct PreparedRow {
  LaneChannels<kChannels> r, w, k, v, kk, b, g;
  float bonus_weight;  // of v
};

// Decay7, Keys and ValueResidual of ops.h.
// `sum`: of a number over all threads that share the row, in each of them.
template <uint32_t kChannels, typename Sum>
__device__ __forceinline__ PreparedRow<kChannels> Prepare(const RowInputs<kChannels>& row,
                                                          const HeadWeights<kChannels>& weights, bool has_v_first,
                                                          const Sum& sum) {
  constexpr float kRate = 0.60653066f;  // e^(-1/2)
  PreparedRow<kChannels> prepared;
  prepared.r = row.r;
  prepared.g = row.g;
  float squares = 0;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    prepared.kk.at[i] = row.key.at[i] * weights.key_k.at[i];
    squares += prepared.kk.at[i] * prepared.kk.at[i];
  }
  const float length = fmaxf(sqrtf(sum(squares)), 1e-12f);
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    prepared.w.at[i] = expf(-kRate * Sigmoid(weights.decay_bias.at[i] + row.decay.at[i]));
    const float a = Sigmoid(weights.rate_bias.at[i] + row.rate.at[i]);
    prepared.kk.at[i] /= length;
    prepared.k.at[i] = row.key.at[i] * (1.0f + (a - 1.0f) * weights.key_a.at[i]);
    prepared.b.at[i] = prepared.kk.at[i] * a;
    const float value = row.value.at[i];
    const float share = has_v_first ? Sigmoid(weights.value_bias.at[i] + row.value_gate.at[i]) : 0.0f;
    prepared.v.at[i] = value + (row.v_first.at[i] - value) * share;
  }
  float bonus_weight = 0;
#pragma unroll
  for (uint32_t i = 0; i < kChannels; ++i) {
    bonus_weight += prepared.r.at[i] * prepared.k.at[i] * weights.bonus.at[i];
  }
  prepared.bonus_weight = sum(bonus_weight);
  return prepared;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_WKV7_ROW_H_
