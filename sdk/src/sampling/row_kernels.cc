#include "sampling/row_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "numbers/exp.h"

// The loops are inlined into one function for each machine, so that the compiler makes vector code for it.
#define SKEIN_INLINE [[gnu::always_inline]] inline

namespace skein {
namespace {

// Independent results, which the compiler keeps in vector registers.
constexpr size_t kNumLanes = 16;

SKEIN_INLINE BlockSummary SummariseBlock(const float* logits) {
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

SKEIN_INLINE double SumOfPart(const float* weights, size_t size) {
  double sums[kNumSums] = {};
  const size_t num_in_steps = size / kNumSums * kNumSums;
  for (size_t i = 0; i < num_in_steps; ++i) sums[i % kNumSums] += weights[i];
  for (size_t i = num_in_steps; i < size; ++i) sums[0] += weights[i];
  return std::accumulate(sums, sums + kNumSums, 0.0);
}

// Apart from the parts of blocks, because a number of steps that the compiler knows makes faster code.
SKEIN_INLINE double SumOfBlock(const float* weights) {
  double sums[kNumSums] = {};
  for (size_t i = 0; i < kLogitBlockSize; i += kNumSums) {
    for (size_t lane = 0; lane < kNumSums; ++lane) sums[lane] += weights[i + lane];
  }
  return std::accumulate(sums, sums + kNumSums, 0.0);
}

SKEIN_INLINE void Weigh(const float* __restrict logits, size_t size, float max, float scale,
                        float* __restrict weights) {
  for (size_t i = 0; i < size; ++i) weights[i] = ExpNonPositive((logits[i] - max) * scale);
}

SKEIN_INLINE void SumBlocks(const float* weights, size_t size, double* block_sums) {
  size_t start = 0;
  for (; start + kLogitBlockSize <= size; start += kLogitBlockSize) *block_sums++ = SumOfBlock(weights + start);
  if (start < size) *block_sums = SumOfPart(weights + start, size - start);
}

SKEIN_INLINE void FindBuckets(const float* logits, BucketScale scale, uint32_t* buckets) {
  const auto last = static_cast<float>(scale.last_bucket);
  for (size_t i = 0; i < kLogitBlockSize; ++i) {
    const float bucket = (scale.high - logits[i]) * scale.scale;
    const float not_below = bucket > 0.0f ? bucket : 0.0f;
    buckets[i] = static_cast<uint32_t>(static_cast<int32_t>(not_below < last ? not_below : last));
  }
}

SKEIN_INLINE void SumFrom(const float* logits, const float* weights, size_t size, const float* floors, float* sums) {
  float lanes[kNumFloors][kNumLanes] = {};
  for (size_t start = 0; start < size; start += kNumLanes) {
    const size_t end = std::min(kNumLanes, size - start);
    for (size_t k = 0; k < kNumFloors; ++k) {
      for (size_t lane = 0; lane < end; ++lane) {
        const float weight = weights == nullptr ? 1.0f : weights[start + lane];
        lanes[k][lane] += logits[start + lane] >= floors[k] ? weight : 0.0f;
      }
    }
  }
  for (size_t k = 0; k < kNumFloors; ++k) sums[k] = std::accumulate(lanes[k], lanes[k] + kNumLanes, 0.0f);
}

// Kept logits are written without a branch, because no machine could foresee it.
uint64_t KeepFromPlain(const float* logits, const float* values, size_t size, float floor, float* kept) {
  uint64_t mask = 0;
  size_t num_kept = 0;
  for (size_t i = 0; i < size; ++i) {
    const bool is_kept = logits[i] >= floor;
    kept[num_kept] = values[i];
    num_kept += is_kept ? 1 : 0;
    mask |= uint64_t{is_kept} << i;
  }
  return mask;
}

Kept KeepBetweenPlain(const float* logits, const float* weights, size_t size, float high, float low, float* kept_logits,
                      float* kept_weights) {
  double within[kNumSums] = {};
  double above[kNumSums] = {};
  size_t num_kept = 0;
  for (size_t i = 0; i < size; ++i) {
    const double weight = weights == nullptr ? 1.0 : weights[i];
    const bool is_above = logits[i] >= high;
    const bool is_kept = !is_above && logits[i] >= low;
    kept_logits[num_kept] = logits[i];
    if (weights != nullptr) kept_weights[num_kept] = weights[i];
    within[i % kNumSums] += is_kept ? weight : 0.0;
    above[i % kNumSums] += is_above ? weight : 0.0;
    num_kept += is_kept ? 1 : 0;
  }
  return {num_kept, std::accumulate(within, within + kNumSums, 0.0), std::accumulate(above, above + kNumSums, 0.0)};
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

void WeighPlain(const float* logits, size_t size, float max, float scale, float* weights) {
  Weigh(logits, size, max, scale, weights);
}

void SumBlocksPlain(const float* weights, size_t size, double* block_sums) { SumBlocks(weights, size, block_sums); }

void SumFromPlain(const float* logits, const float* weights, size_t size, const float* floors, float* sums) {
  SumFrom(logits, weights, size, floors, sums);
}

void FindBucketsPlain(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

constexpr RowKernels kPlain = {"plain",          SummariseBlockPlain, WeighPlain,       SumBlocksPlain, SumFromPlain,
                               FindBucketsPlain, KeepFromPlain,       KeepBetweenPlain, KeepBucketPlain};

#if defined(__x86_64__)
[[gnu::target("avx2")]] BlockSummary SummariseBlockAvx2(const float* logits) { return SummariseBlock(logits); }

[[gnu::target("avx2")]] void WeighAvx2(const float* logits, size_t size, float max, float scale, float* weights) {
  Weigh(logits, size, max, scale, weights);
}

[[gnu::target("avx2")]] void SumBlocksAvx2(const float* weights, size_t size, double* block_sums) {
  SumBlocks(weights, size, block_sums);
}

[[gnu::target("avx2")]] void SumFromAvx2(const float* logits, const float* weights, size_t size, const float* floors,
                                         float* sums) {
  SumFrom(logits, weights, size, floors, sums);
}

[[gnu::target("avx2")]] void FindBucketsAvx2(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

constexpr RowKernels kAvx2 = {"avx2",          SummariseBlockAvx2, WeighAvx2,        SumBlocksAvx2,  SumFromAvx2,
                              FindBucketsAvx2, KeepFromPlain,      KeepBetweenPlain, KeepBucketPlain};

#define SKEIN_AVX512 [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,popcnt")]]

SKEIN_AVX512 __m256 UpperHalf(__m512 values) { return _mm512_extractf32x8_ps(values, 1); }

SKEIN_AVX512 float MaxOfLanes(__m512 values) {
  const __m256 eight = _mm256_max_ps(_mm512_castps512_ps256(values), UpperHalf(values));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

// By hand, because compilers end each block with a loop over its lanes.
SKEIN_AVX512 BlockSummary SummariseBlockAvx512(const float* logits) {
  const __m512 a = _mm512_loadu_ps(logits);
  const __m512 b = _mm512_loadu_ps(logits + 16);
  const __m512 c = _mm512_loadu_ps(logits + 32);
  const __m512 d = _mm512_loadu_ps(logits + 48);
  const __m512 max = _mm512_max_ps(_mm512_max_ps(a, b), _mm512_max_ps(c, d));
  const __m512 min = _mm512_min_ps(_mm512_min_ps(a, b), _mm512_min_ps(c, d));
  const __mmask16 nans = _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) | _mm512_cmp_ps_mask(c, d, _CMP_UNORD_Q);
  return {MaxOfLanes(max), -MaxOfLanes(_mm512_sub_ps(_mm512_setzero_ps(), min)), nans != 0};
}

SKEIN_AVX512 double SumOfLanes(__m512d sums) {
  double lanes[kNumSums];
  _mm512_storeu_pd(lanes, sums);
  return std::accumulate(lanes, lanes + kNumSums, 0.0);
}

SKEIN_AVX512 void WeighAvx512(const float* logits, size_t size, float max, float scale, float* weights) {
  Weigh(logits, size, max, scale, weights);
}

// By hand, because compilers take the halves of vectors apart.
SKEIN_AVX512 void SumBlocksAvx512(const float* weights, size_t size, double* block_sums) {
  size_t start = 0;
  for (; start + kLogitBlockSize <= size; start += kLogitBlockSize) {
    __m512d sums = _mm512_setzero_pd();
    for (size_t i = start; i < start + kLogitBlockSize; i += kNumSums) {
      sums = _mm512_add_pd(sums, _mm512_cvtps_pd(_mm256_loadu_ps(weights + i)));
    }
    *block_sums++ = SumOfLanes(sums);
  }
  if (start < size) *block_sums = SumOfPart(weights + start, size - start);
}

SKEIN_AVX512 void FindBucketsAvx512(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

// The lanes that are below `size` of the 16 from `start` on.
SKEIN_INLINE uint16_t LanesBelow(size_t start, size_t size) {
  return size - start >= 16 ? uint16_t{0xFFFF} : static_cast<uint16_t>((1u << (size - start)) - 1);
}

SKEIN_AVX512 uint64_t KeepFromAvx512(const float* logits, const float* values, size_t size, float floor, float* kept) {
  uint64_t mask = 0;
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 lanes = LanesBelow(i, size);
    const __m512 own = _mm512_maskz_loadu_ps(lanes, logits + i);
    const __mmask16 is_kept = _mm512_mask_cmp_ps_mask(lanes, own, _mm512_set1_ps(floor), _CMP_GE_OQ);
    _mm512_storeu_ps(kept, _mm512_maskz_compress_ps(is_kept, _mm512_maskz_loadu_ps(lanes, values + i)));
    kept += std::popcount(static_cast<uint16_t>(is_kept));
    mask |= uint64_t{is_kept} << i;
  }
  return mask;
}

SKEIN_AVX512 __m512 WeightsAt(const float* weights, size_t i, __mmask16 lanes) {
  return weights == nullptr ? _mm512_maskz_mov_ps(lanes, _mm512_set1_ps(1.0f))
                            : _mm512_maskz_loadu_ps(lanes, weights + i);
}

SKEIN_AVX512 float SumOfLanes(__m512 sums) {
  float lanes[kNumLanes];
  _mm512_storeu_ps(lanes, sums);
  return std::accumulate(lanes, lanes + kNumLanes, 0.0f);
}

// The indices are constants, so that the compiler keeps the sums in registers.
template <size_t... k>
SKEIN_AVX512 void SumFrom(const float* logits, const float* weights, size_t size, const float* floors, float* sums,
                          std::index_sequence<k...>) {
  __m512 lane_sums[] = {(static_cast<void>(k), _mm512_setzero_ps())...};
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 lanes = LanesBelow(i, size);
    const __m512 values = _mm512_maskz_loadu_ps(lanes, logits + i);
    const __m512 own = WeightsAt(weights, i, lanes);
    ((lane_sums[k] = _mm512_mask_add_ps(lane_sums[k], _mm512_cmp_ps_mask(values, _mm512_set1_ps(floors[k]), _CMP_GE_OQ),
                                        lane_sums[k], own)),
     ...);
  }
  ((sums[k] = SumOfLanes(lane_sums[k])), ...);
}

SKEIN_AVX512 void SumFromAvx512(const float* logits, const float* weights, size_t size, const float* floors,
                                float* sums) {
  SumFrom(logits, weights, size, floors, sums, std::make_index_sequence<kNumFloors>());
}

SKEIN_AVX512 __m512d AddTo(__m512d sums, __m512 weights) {
  sums = _mm512_add_pd(sums, _mm512_cvtps_pd(_mm512_castps512_ps256(weights)));
  return _mm512_add_pd(sums, _mm512_cvtps_pd(UpperHalf(weights)));
}

SKEIN_AVX512 Kept KeepBetweenAvx512(const float* logits, const float* weights, size_t size, float high, float low,
                                    float* kept_logits, float* kept_weights) {
  __m512d within = _mm512_setzero_pd();
  __m512d above = _mm512_setzero_pd();
  size_t num_kept = 0;
  size_t num_above = 0;
  for (size_t i = 0; i < size; i += 16) {
    const __mmask16 lanes = LanesBelow(i, size);
    const __m512 values = _mm512_maskz_loadu_ps(lanes, logits + i);
    const __mmask16 is_above = _mm512_mask_cmp_ps_mask(lanes, values, _mm512_set1_ps(high), _CMP_GE_OQ);
    const __mmask16 is_kept = _mm512_mask_cmp_ps_mask(lanes & ~is_above, values, _mm512_set1_ps(low), _CMP_GE_OQ);
    _mm512_storeu_ps(kept_logits + num_kept, _mm512_maskz_compress_ps(is_kept, values));
    if (weights != nullptr) {
      const __m512 own = _mm512_maskz_loadu_ps(lanes, weights + i);
      _mm512_storeu_ps(kept_weights + num_kept, _mm512_maskz_compress_ps(is_kept, own));
      within = AddTo(within, _mm512_maskz_mov_ps(is_kept, own));
      above = AddTo(above, _mm512_maskz_mov_ps(is_above, own));
    }
    num_kept += static_cast<size_t>(std::popcount(static_cast<uint16_t>(is_kept)));
    num_above += static_cast<size_t>(std::popcount(static_cast<uint16_t>(is_above)));
  }
  if (weights == nullptr) return {num_kept, static_cast<double>(num_kept), static_cast<double>(num_above)};
  return {num_kept, SumOfLanes(within), SumOfLanes(above)};
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

constexpr RowKernels kAvx512 = {"avx512",        SummariseBlockAvx512, WeighAvx512,
                                SumBlocksAvx512, SumFromAvx512,        FindBucketsAvx512,
                                KeepFromAvx512,  KeepBetweenAvx512,    KeepBucketAvx512};

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
