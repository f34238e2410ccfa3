#include "sampling/row_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>

#include "numbers/exp.h"

// The loops are inlined into one function for each machine, so that the compiler makes vector code for it.
#define SKEIN_INLINE [[gnu::always_inline]] inline

namespace skein {
namespace {

SKEIN_INLINE BlockSummary SummariseBlock(const float* logits) {
  constexpr size_t kNumLanes = 16;  // independent extremes, which the compiler keeps in vector registers
  float max[kNumLanes];
  float min[kNumLanes];
  uint32_t nans[kNumLanes] = {};
  std::fill(max, max + kNumLanes, -std::numeric_limits<float>::infinity());
  std::fill(min, min + kNumLanes, std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < kLogitBlockSize; i += kNumLanes) {
    for (size_t lane = 0; lane < kNumLanes; ++lane) {
      const float logit = logits[i + lane];
      max[lane] = logit > max[lane] ? logit : max[lane];
      min[lane] = logit < min[lane] ? logit : min[lane];
      nans[lane] |= logit != logit ? 1 : 0;
    }
  }
  return {*std::max_element(max, max + kNumLanes), *std::min_element(min, min + kNumLanes),
          std::any_of(nans, nans + kNumLanes, [](uint32_t nan) { return nan != 0; })};
}

// The order of the additions is part of what a seed draws: eight partial sums, then their sum.
constexpr size_t kNumSums = 8;

SKEIN_INLINE double WeighPart(const float* logits, size_t size, float max, float scale, float* weights) {
  for (size_t i = 0; i < size; ++i) weights[i] = ExpNonPositive((logits[i] - max) * scale);
  double sums[kNumSums] = {};
  const size_t num_in_steps = size / kNumSums * kNumSums;
  for (size_t i = 0; i < num_in_steps; ++i) sums[i % kNumSums] += weights[i];
  for (size_t i = num_in_steps; i < size; ++i) sums[0] += weights[i];
  return std::accumulate(sums, sums + kNumSums, 0.0);
}

// Apart from the parts of blocks, because a number of steps that the compiler knows makes faster code.
SKEIN_INLINE double WeighBlock(const float* __restrict logits, size_t size, float max, float scale,
                               float* __restrict weights) {
  if (size < kLogitBlockSize) return WeighPart(logits, size, max, scale, weights);
  for (size_t i = 0; i < kLogitBlockSize; ++i) weights[i] = ExpNonPositive((logits[i] - max) * scale);
  double sums[kNumSums] = {};
  for (size_t i = 0; i < kLogitBlockSize; i += kNumSums) {
    for (size_t lane = 0; lane < kNumSums; ++lane) sums[lane] += weights[i + lane];
  }
  return std::accumulate(sums, sums + kNumSums, 0.0);
}

SKEIN_INLINE void FindBuckets(const float* logits, BucketScale scale, uint32_t* buckets) {
  const auto last = static_cast<float>(scale.last_bucket);
  for (size_t i = 0; i < kLogitBlockSize; ++i) {
    const float bucket = (scale.high - logits[i]) * scale.scale;
    const float not_below = bucket > 0.0f ? bucket : 0.0f;
    buckets[i] = static_cast<uint32_t>(static_cast<int32_t>(not_below < last ? not_below : last));
  }
}

// What is kept is written without a branch, because no machine could foresee it.
size_t KeepFromPlain(const float* logits, size_t size, float floor, uint32_t first_token, uint32_t* tokens,
                     float* kept) {
  size_t num_kept = 0;
  for (size_t i = 0; i < size; ++i) {
    tokens[num_kept] = first_token + static_cast<uint32_t>(i);
    kept[num_kept] = logits[i];
    num_kept += logits[i] >= floor ? 1 : 0;
  }
  return num_kept;
}

size_t KeepBucketPlain(const float* logits, const float* weights, size_t size, const uint32_t* buckets, uint32_t bucket,
                       float* kept_logits, float* kept_weights) {
  size_t num_kept = 0;
  for (size_t i = 0; i < size; ++i) {
    kept_logits[num_kept] = logits[i];
    if (weights != nullptr) kept_weights[num_kept] = weights[i];
    num_kept += buckets[i] == bucket ? 1 : 0;
  }
  return num_kept;
}

BlockSummary SummariseBlockPlain(const float* logits) { return SummariseBlock(logits); }

double WeighBlockPlain(const float* logits, size_t size, float max, float scale, float* weights) {
  return WeighBlock(logits, size, max, scale, weights);
}

void FindBucketsPlain(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

constexpr RowKernels kPlain = {"plain",          SummariseBlockPlain, WeighBlockPlain,
                               FindBucketsPlain, KeepFromPlain,       KeepBucketPlain};

#if defined(__x86_64__)
[[gnu::target("avx2")]] BlockSummary SummariseBlockAvx2(const float* logits) { return SummariseBlock(logits); }

[[gnu::target("avx2")]] double WeighBlockAvx2(const float* logits, size_t size, float max, float scale,
                                              float* weights) {
  return WeighBlock(logits, size, max, scale, weights);
}

[[gnu::target("avx2")]] void FindBucketsAvx2(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

constexpr RowKernels kAvx2 = {"avx2",          SummariseBlockAvx2, WeighBlockAvx2,
                              FindBucketsAvx2, KeepFromPlain,      KeepBucketPlain};

#define SKEIN_AVX512 [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]]

SKEIN_AVX512 BlockSummary SummariseBlockAvx512(const float* logits) { return SummariseBlock(logits); }

SKEIN_AVX512 double WeighBlockAvx512(const float* logits, size_t size, float max, float scale, float* weights) {
  return WeighBlock(logits, size, max, scale, weights);
}

SKEIN_AVX512 void FindBucketsAvx512(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

// The lanes that are below `size` of the 16 from `start` on.
SKEIN_INLINE uint16_t LanesBelow(size_t start, size_t size) {
  return size - start >= 16 ? uint16_t{0xFFFF} : static_cast<uint16_t>((1u << (size - start)) - 1);
}

SKEIN_AVX512 size_t KeepFromAvx512(const float* logits, size_t size, float floor, uint32_t first_token,
                                   uint32_t* tokens, float* kept) {
  const __m512i ids = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  size_t num_kept = 0;
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 lanes = LanesBelow(i, size);
    const __m512 values = _mm512_maskz_loadu_ps(lanes, logits + i);
    const __mmask16 is_kept = _mm512_mask_cmp_ps_mask(lanes, values, _mm512_set1_ps(floor), _CMP_GE_OQ);
    const __m512i first = _mm512_set1_epi32(static_cast<int32_t>(first_token + static_cast<uint32_t>(i)));
    _mm512_storeu_si512(tokens + num_kept, _mm512_maskz_compress_epi32(is_kept, _mm512_add_epi32(first, ids)));
    _mm512_storeu_ps(kept + num_kept, _mm512_maskz_compress_ps(is_kept, values));
    num_kept += static_cast<size_t>(std::popcount(static_cast<uint16_t>(is_kept)));
  }
  return num_kept;
}

SKEIN_AVX512 size_t KeepBucketAvx512(const float* logits, const float* weights, size_t size, const uint32_t* buckets,
                                     uint32_t bucket, float* kept_logits, float* kept_weights) {
  const __m512i wanted = _mm512_set1_epi32(static_cast<int32_t>(bucket));
  size_t num_kept = 0;
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 lanes = LanesBelow(i, size);
    const __mmask16 is_kept = _mm512_mask_cmpeq_epi32_mask(lanes, _mm512_loadu_si512(buckets + i), wanted);
    const int count = std::popcount(static_cast<uint16_t>(is_kept));
    if (count == 0) continue;
    // No more than what is kept is written, because the outputs may lie before the inputs.
    const __mmask16 written = LanesBelow(0, static_cast<size_t>(count));
    const __m512 values = _mm512_maskz_loadu_ps(lanes, logits + i);
    _mm512_mask_storeu_ps(kept_logits + num_kept, written, _mm512_maskz_compress_ps(is_kept, values));
    if (weights != nullptr) {
      const __m512 own = _mm512_maskz_loadu_ps(lanes, weights + i);
      _mm512_mask_storeu_ps(kept_weights + num_kept, written, _mm512_maskz_compress_ps(is_kept, own));
    }
    num_kept += static_cast<size_t>(count);
  }
  return num_kept;
}

constexpr RowKernels kAvx512 = {"avx512",          SummariseBlockAvx512, WeighBlockAvx512,
                                FindBucketsAvx512, KeepFromAvx512,       KeepBucketAvx512};

bool HasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

}  // namespace

std::vector<const RowKernels*> UsableRowKernels() {
  std::vector<const RowKernels*> usable;
#if defined(__x86_64__)
  if (HasAvx512()) usable.push_back(&kAvx512);
  if (__builtin_cpu_supports("avx2")) usable.push_back(&kAvx2);
#endif
  usable.push_back(&kPlain);
  return usable;
}

const RowKernels& BestRowKernels() {
#if defined(__x86_64__)
  if (HasAvx512()) return kAvx512;
  if (__builtin_cpu_supports("avx2")) return kAvx2;
#endif
  return kPlain;
}

}  // namespace skein
