// The facts of a row of logits that are known when all of it was seen, by a block or by several, and the masses of its
// tokens. For sample.cu and sample_slices.cu alone.
//
// A key is a float as an integer of the same order. A mass is exp(logit - max) as a multiple of 2^-k, with k so large
// that the sum over the vocabulary fits 64 bits. Sums of masses are integers, of which threads, atomics and blocks may
// add in any order: the same logits give the same token, always.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_SURVEY_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_SURVEY_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/logit_stretch.h"
#include "cuda/kernels/sample.h"

namespace skein::cuda {

using Mass = unsigned long long;

inline constexpr uint32_t kLogitThreads = 1024;  // of a block
inline constexpr uint32_t kLogitWarps = kLogitThreads / kWarp;
inline constexpr uint32_t kBanned = 0x007FFFFFu;  // the key of minus infinity
static_assert(kLogitWarps == kWarp);

// --- numbers ---

// numbers/exp.h, to the bit: no multiplication and addition may become one.
__device__ __forceinline__ float ExpNonPositive(float x) {
  const float rounded = __fadd_rn(__fmul_rn(x, 1.44269504f), 12582912.0f);
  const float exponent = __fsub_rn(rounded, 12582912.0f);
  const float r = __fsub_rn(__fsub_rn(x, __fmul_rn(exponent, 0.693359375f)), __fmul_rn(exponent, -2.12194440e-4f));
  const float factors[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f};
  float series = 1.0f / 5040;
  for (const float factor : factors) series = __fadd_rn(factor, __fmul_rn(r, series));
  const uint32_t power = (__float_as_uint(rounded) << 23) + 0x3F800000u;
  return x < -87.0f ? 0.0f : __fmul_rn(series, __uint_as_float(power));
}

// --- sums over the block ---

template <typename T>
__device__ __forceinline__ T WarpTotal(T x) {
  for (uint32_t distance = kWarp / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kFullWarp, x, distance);
  return x;
}

// The sum of the lanes up to this one.
__device__ __forceinline__ Mass WarpScan(Mass x) {
  const uint32_t lane = threadIdx.x % kWarp;
  for (uint32_t distance = 1; distance < kWarp; distance *= 2) {
    const Mass before = __shfl_up_sync(kFullWarp, x, distance);
    if (lane >= distance) x += before;
  }
  return x;
}

// --- a row ---

// The stretch of warp `warp` of the `num_warps` that share row blockIdx.x.
__device__ __forceinline__ Stretch StretchOf(const kit::Rows& logits, uint32_t warp, uint32_t num_warps) {
  const uint32_t length = ((logits.width + num_warps - 1) / num_warps + kWarp - 1) / kWarp * kWarp;
  const uint32_t first = min(warp * length, logits.width);
  const bool is_aligned = logits.width % 4 == 0 && reinterpret_cast<uintptr_t>(logits.data) % sizeof(float4) == 0;
  return {logits.data + size_t{blockIdx.x} * logits.width, first, min(first + length, logits.width), is_aligned};
}

// The facts of a row that are known when all of it was seen.
struct Survey {
  bool is_finite;
  uint32_t num_tokens;  // that are not banned
  uint32_t max_key;
  uint32_t min_key;  // of those
  uint32_t argmax;   // the lowest id of those with max_key
  uint32_t own_key;  // the greatest key that this thread has seen; 0: none
};

struct TokenRange {
  uint32_t first, end;
};

// Adds the biases of tokens in the range. Gives the number of tokens that they ban, as seen by this thread. A bad logit
// becomes NaN.
__device__ __forceinline__ int AddBiases(const LogitWish& wish, const skein_bias* all, const TokenRange& range,
                                         float* logits) {
  const skein_bias* biases = all + wish.first_bias;
  int num_banned = 0;
  for (uint32_t i = threadIdx.x; i < wish.num_biases; i += kLogitThreads) {
    const uint32_t token = biases[i].token;
    if (token < range.first || token >= range.end) continue;
    if (i > 0 && biases[i - 1].token == token) continue;  // the thread of the token's first bias adds all
    float logit = logits[token];
    const bool was_finite = (__float_as_uint(logit) & 0x7F800000u) != 0x7F800000u;
    for (uint32_t j = i; j < wish.num_biases && biases[j].token == token; ++j) {
      logit = __fadd_rn(logit, biases[j].bias);
    }
    if (!was_finite) logit = __uint_as_float(0x7FC00000u);
    logits[token] = logit;
    num_banned += logit == LogitOf(kBanned) ? 1 : 0;
  }
  return num_banned;
}

// The part of a survey that one thread sees. Minus infinity is a sound logit only where a bias made it: the number of
// those is `num_banned` over all threads.
struct ThreadSurvey {
  int imbalance;
  bool is_finite = true;
  uint32_t num_tokens = 0;
  uint32_t min_key = 0xFFFFFFFFu;
  Mass best = 0;  // the key above, the complement of the id below

  __device__ __forceinline__ void Add(uint32_t id, float logit, bool is_masked) {
    const uint32_t key = KeyOf(logit);
    is_finite = is_finite && logit < __uint_as_float(0x7F800000u);
    imbalance += key == kBanned ? 1 : 0;
    if (is_masked || key == kBanned) return;
    ++num_tokens;
    min_key = min(min_key, key);
    best = max(best, Mass{key} << 32 | ~id);
  }
};

// The same of a block, in each of its threads.
struct BlockSurvey {
  Mass best;
  uint32_t min_key;
  uint32_t num_tokens;
  int imbalance;
  uint32_t is_finite;

  // `own_key`: as that of a survey.
  __device__ __forceinline__ Survey OfRow(uint32_t own_key) const {
    return {is_finite != 0 && imbalance == 0, num_tokens, static_cast<uint32_t>(best >> 32), min_key,
            ~static_cast<uint32_t>(best),     own_key};
  }
};

// The survey of 32 parts, one in each lane.
__device__ __forceinline__ BlockSurvey OfWarp(BlockSurvey mine) {
  for (uint32_t distance = kWarp / 2; distance > 0; distance /= 2) {
    mine.best = max(mine.best, __shfl_xor_sync(kFullWarp, mine.best, distance));
    mine.min_key = min(mine.min_key, __shfl_xor_sync(kFullWarp, mine.min_key, distance));
  }
  mine.num_tokens = WarpTotal(mine.num_tokens);
  mine.imbalance = WarpTotal(mine.imbalance);
  mine.is_finite = __all_sync(kFullWarp, mine.is_finite != 0) != 0 ? 1 : 0;
  return mine;
}

struct SurveyScratch {
  BlockSurvey warps[kLogitWarps];
};

__device__ __forceinline__ BlockSurvey OfBlock(const ThreadSurvey& mine, SurveyScratch& scratch) {
  const BlockSurvey warp = OfWarp({mine.best, mine.min_key, mine.num_tokens, mine.imbalance, mine.is_finite ? 1u : 0u});
  if (threadIdx.x % kWarp == 0) scratch.warps[threadIdx.x / kWarp] = warp;
  __syncthreads();
  return OfWarp(scratch.warps[threadIdx.x % kWarp]);
}

// Surveys the stretches of a block, whose tokens are `range`. Changes the row by bias and mask on the way. `own_key`:
// as that of a survey.
__device__ __forceinline__ BlockSurvey SurveyStretches(const LogitWish& wish, const LogitWishArrays& wishes,
                                                       const Stretch& row, const TokenRange& range, uint32_t vocab_size,
                                                       SurveyScratch& scratch, uint32_t& own_key) {
  ThreadSurvey mine;
  mine.imbalance = -AddBiases(wish, wishes.biases, range, row.logits);
  __syncthreads();
  const uint32_t* mask =
      wish.mask == kNoMask ? nullptr : wishes.masks + size_t{wish.mask} * ((vocab_size + kWarp - 1) / kWarp);
  row.ForEach([&](uint32_t id, float logit) {
    const bool is_masked = mask != nullptr && (mask[id / kWarp] >> id % kWarp & 1) == 0;
    mine.Add(id, logit, is_masked);
    if (is_masked) row.logits[id] = LogitOf(kBanned);
  });
  own_key = static_cast<uint32_t>(mine.best >> 32);
  return OfBlock(mine, scratch);
}

// --- masses ---

// The mass of a logit: at most `unit`, that of the greatest logit. With a scale other than 1, tempered.
struct Weigher {
  float max;
  float scale;
  float unit;

  __device__ __forceinline__ Mass operator()(float logit) const {
    if (logit == LogitOf(kBanned)) return 0;
    return static_cast<Mass>(__fmul_rn(ExpNonPositive(__fmul_rn(__fsub_rn(logit, max), scale)), unit));
  }
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_SURVEY_H_
