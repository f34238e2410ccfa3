#include "sampling/row_kernels.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "numbers/exp.h"

// The loops are inlined into one function for each machine, so that the compiler makes vector code for it.
#define SKEIN_INLINE [[gnu::always_inline]] inline

namespace skein {
namespace {

SKEIN_INLINE BlockSummary CopyBlock(const float* logits, float* copy) {
  constexpr size_t kNumLanes = 16;  // independent extremes, which the compiler keeps in vector registers
  float max[kNumLanes];
  float min[kNumLanes];
  uint32_t nans[kNumLanes] = {};
  std::fill(max, max + kNumLanes, -std::numeric_limits<float>::infinity());
  std::fill(min, min + kNumLanes, std::numeric_limits<float>::infinity());
  for (size_t i = 0; i < kLogitBlockSize; i += kNumLanes) {
    for (size_t lane = 0; lane < kNumLanes; ++lane) {
      const float logit = logits[i + lane];
      copy[i + lane] = logit;
      max[lane] = logit > max[lane] ? logit : max[lane];
      min[lane] = logit < min[lane] ? logit : min[lane];
      nans[lane] |= logit != logit ? 1 : 0;
    }
  }
  return {*std::max_element(max, max + kNumLanes), *std::min_element(min, min + kNumLanes),
          std::any_of(nans, nans + kNumLanes, [](uint32_t nan) { return nan != 0; })};
}

// The order of the additions is part of what a seed draws.
SKEIN_INLINE double WeighBlock(const float* logits, size_t size, float max, float scale, float* weights) {
  constexpr size_t kNumLanes = 8;
  for (size_t i = 0; i < size; ++i) weights[i] = ExpNonPositive((logits[i] - max) * scale);
  double lanes[kNumLanes] = {};
  size_t i = 0;
  for (; i + kNumLanes <= size; i += kNumLanes) {
    for (size_t lane = 0; lane < kNumLanes; ++lane) lanes[lane] += weights[i + lane];
  }
  for (; i < size; ++i) lanes[0] += weights[i];
  return std::accumulate(lanes, lanes + kNumLanes, 0.0);
}

SKEIN_INLINE void FindBuckets(const float* logits, BucketScale scale, uint32_t* buckets) {
  const auto last = static_cast<float>(scale.last_bucket);
  for (size_t i = 0; i < kLogitBlockSize; ++i) {
    const float bucket = (scale.high - logits[i]) * scale.scale;
    buckets[i] = static_cast<uint32_t>(static_cast<int32_t>(bucket < last ? bucket : last));
  }
}

BlockSummary CopyBlockPlain(const float* logits, float* copy) { return CopyBlock(logits, copy); }

double WeighBlockPlain(const float* logits, size_t size, float max, float scale, float* weights) {
  return WeighBlock(logits, size, max, scale, weights);
}

void FindBucketsPlain(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

constexpr RowKernels kPlain = {"plain", CopyBlockPlain, WeighBlockPlain, FindBucketsPlain};

#if defined(__x86_64__)
[[gnu::target("avx2")]] BlockSummary CopyBlockAvx2(const float* logits, float* copy) { return CopyBlock(logits, copy); }

[[gnu::target("avx2")]] double WeighBlockAvx2(const float* logits, size_t size, float max, float scale,
                                              float* weights) {
  return WeighBlock(logits, size, max, scale, weights);
}

[[gnu::target("avx2")]] void FindBucketsAvx2(const float* logits, BucketScale scale, uint32_t* buckets) {
  FindBuckets(logits, scale, buckets);
}

constexpr RowKernels kAvx2 = {"avx2", CopyBlockAvx2, WeighBlockAvx2, FindBucketsAvx2};
#endif

}  // namespace

const RowKernels& PlainRowKernels() { return kPlain; }

const RowKernels& BestRowKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return kAvx2;
#endif
  return kPlain;
}

}  // namespace skein
