#include "sampling/selection.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "numbers/exp.h"
#include "sampling/row_kernels.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kNumBuckets = 512;
constexpr uint32_t kLastBucket = kNumBuckets - 1;
// Neighbours often share a bucket. Copies keep their additions from waiting for each other.
constexpr size_t kNumCopies = 8;

struct Tokens {
  const float* logits;  // whole blocks
  const float* weights;
  size_t size;
};

// The sums over buckets of tokens that fall from `high`. The first bucket has all tokens above too. The last bucket has
// all tokens that are not above `low`, and those within rounding of it.
class Histogram {
 public:
  Histogram(float high, float low, std::vector<double>& sums) : kernels_(BestRowKernels()), sums_(sums) {
    // The range of two finite logits may be infinite.
    const float range = std::min(high - low, std::numeric_limits<float>::max());
    const float scale = static_cast<float>(kLastBucket) / range;
    is_sound_ = std::isfinite(scale);
    scale_ = {high, is_sound_ ? scale : 0.0f, kLastBucket};
    sums_.assign(kNumBuckets * kNumCopies, 0.0);
  }

  // Whether the buckets tell the ends of the range apart: not if these are nearer than float32 can scale. Then all
  // finite logits are in one bucket.
  bool is_sound() const { return is_sound_; }

  // A block, or a part of one at the end.
  void Add(Tokens block) {
    uint32_t buckets[kLogitBlockSize];
    kernels_.find_buckets(block.logits, scale_, buckets);
    double* const sums = sums_.data();
    if (block.weights == nullptr) {
      for (size_t i = 0; i < block.size; ++i) sums[buckets[i] * kNumCopies + i % kNumCopies] += 1.0;
    } else {
      for (size_t i = 0; i < block.size; ++i) sums[buckets[i] * kNumCopies + i % kNumCopies] += block.weights[i];
    }
  }

  // The bucket in which the sum from `above` on reaches `wanted`, else the last with a token. Adds what lies before it
  // to `above`.
  uint32_t FindCrossing(double wanted, double& above) const {
    uint32_t crossing = 0;
    double sum = above;
    for (uint32_t bucket = 0; bucket < kNumBuckets; ++bucket) {
      const double* const copies = &sums_[bucket * kNumCopies];
      const double own = std::accumulate(copies, copies + kNumCopies, 0.0);
      if (own == 0) continue;
      crossing = bucket;
      above = sum;
      sum += own;
      if (sum >= wanted) break;
    }
    return crossing;
  }

  // Appends the tokens of `bucket` to the first `size` ones of `to`, and returns how many there are then. `block` may
  // be a later part of `to`.
  size_t Gather(Tokens block, uint32_t bucket, SelectionScratch& to, size_t size) const {
    uint32_t buckets[kLogitBlockSize];
    kernels_.find_buckets(block.logits, scale_, buckets);
    return size + kernels_.keep_bucket(block.logits, block.weights, block.size, buckets, bucket, &to.logits[size],
                                       &to.weights[size]);
  }

 private:
  const RowKernels& kernels_;
  std::vector<double>& sums_;
  BucketScale scale_;
  bool is_sound_;
};

template <typename Visit>
void ForEachBlock(const LogitBlocks& row, const float* weights, float floor, Visit visit) {
  row.ForEachBlockFrom(floor, [&](uint32_t first, absl::Span<const float> block) {
    // The padding of the last block is no token.
    const size_t size = std::min<size_t>(block.size(), row.logits().size() - first);
    visit(Tokens{block.data(), weights == nullptr ? nullptr : weights + first, size});
  });
}

// Visits the first `size` tokens that were gathered.
template <typename Visit>
void ForEachBlock(const SelectionScratch& scratch, bool has_weights, size_t size, Visit visit) {
  for (size_t start = 0; start < size; start += kLogitBlockSize) {
    visit(Tokens{&scratch.logits[start], has_weights ? &scratch.weights[start] : nullptr,
                 std::min(kLogitBlockSize, size - start)});
  }
}

// The tokens of the bucket in which a sum of a row is reached.
struct Gathered {
  size_t size;   // 0: it is not reached
  double above;  // the sum over the buckets before
};

// Looks only at the blocks that have logits near the maximum, if they are few and the sum reaches `wanted` in them.
Gathered GatherNearMaximum(const LogitBlocks& row, const float* weights, double wanted, SelectionScratch& scratch) {
  for (const float distance : {4.0f, 8.0f}) {
    const float floor = row.max() - distance;
    if (floor <= row.min() || row.NumBlocksFrom(floor) > row.num_blocks() / 4) break;
    Histogram histogram(row.max(), floor, scratch.sums);
    if (!histogram.is_sound()) break;
    ForEachBlock(row, weights, floor, [&](Tokens block) { histogram.Add(block); });
    Gathered gathered{0, 0};
    const uint32_t crossing = histogram.FindCrossing(wanted, gathered.above);
    if (crossing == kLastBucket) continue;
    ForEachBlock(row, weights, floor,
                 [&](Tokens block) { gathered.size = histogram.Gather(block, crossing, scratch, gathered.size); });
    return gathered;
  }
  return {0, 0};
}

// Falling floors that share out the tokens of a row about evenly: quantiles of a sample. The tokens that equal several
// quantiles have a share of their own.
std::array<float, kNumFloors> FloorsOf(absl::Span<const float> logits, float least) {
  constexpr size_t kNumSamples = 16 * kNumFloors;
  std::array<float, kNumSamples> sample;
  // The step is odd, so that it meets no period of the vocabulary.
  const size_t step = (logits.size() / kNumSamples) | 1;
  for (size_t i = 0; i < kNumSamples; ++i) sample[i] = logits[i * step % logits.size()];
  std::sort(sample.begin(), sample.end(), std::greater<>());
  std::array<float, kNumFloors> floors;
  for (size_t k = 0; k < kNumFloors; ++k) {
    floors[k] = std::max(sample[kNumSamples * (2 * k + 1) / (2 * kNumFloors)], least);
  }
  for (size_t k = kNumFloors - 1; k > 0; --k) {
    if (floors[k - 1] <= floors[k]) floors[k - 1] = std::nextafter(floors[k], kInfinity);
  }
  return floors;
}

// Looks at the whole row: shares out its tokens, and keeps the share in which the sum is reached. Keeps none if that is
// not above `least`.
Gathered GatherFromRow(const LogitBlocks& row, const float* weights, double wanted, float least,
                       SelectionScratch& scratch) {
  constexpr double kRoundingOfSums = 1.01;  // far more than there is
  const RowKernels& kernels = BestRowKernels();
  const absl::Span<const float> logits = row.logits();
  const std::array<float, kNumFloors> floors = FloorsOf(logits, least);
  std::array<float, kNumFloors> sums;
  kernels.sum_from(logits.data(), weights, logits.size(), floors.data(), sums.data());
  if (floors.back() == least && sums.back() * kRoundingOfSums < wanted) return {0, 0};
  size_t share = 0;
  while (share < kNumFloors && sums[share] < wanted) ++share;
  const float high = share == 0 ? kInfinity : floors[share - 1];
  const float low = share == kNumFloors ? -kInfinity : floors[share];
  const auto keep = [&](float from, float to) {
    return kernels.keep_between(logits.data(), weights, logits.size(), from, to, scratch.logits.data(),
                                scratch.weights.data());
  };
  const Kept kept = keep(high, low);
  const bool is_reached = kept.above < wanted && wanted <= kept.above + kept.within;
  if (is_reached) return {kept.size, kept.above};
  // The sums were rounded to the wrong side of what is wanted, or nothing or more than all is wanted.
  return {keep(kInfinity, -kInfinity).size, 0};
}

// Sorts the tokens that are left and walks along them. Equal logits have equal weights.
Crossing Walk(float* logits, size_t size, bool has_weights, float max, double wanted, double above) {
  std::sort(logits, logits + size, std::greater<>());
  double sum = above;
  for (size_t i = 0; i < size; ++i) {
    if (i > 0 && logits[i] != logits[i - 1]) above = sum;
    sum += has_weights ? double{ExpNonPositive(logits[i] - max)} : 1.0;
    if (sum >= wanted) return {logits[i], above};
  }
  return {logits[size - 1], above};
}

// The extremes of the first `size` tokens that were gathered. Fills the last block with one of them, which is not
// counted, but has a place in a histogram.
BlockSummary Extremes(size_t size, SelectionScratch& scratch) {
  const RowKernels& kernels = BestRowKernels();
  std::fill_n(&scratch.logits[size], (kLogitBlockSize - size % kLogitBlockSize) % kLogitBlockSize, scratch.logits[0]);
  BlockSummary all = {-kInfinity, kInfinity, false};
  for (size_t start = 0; start < size; start += kLogitBlockSize) {
    const BlockSummary block = kernels.summarise_block(&scratch.logits[start]);
    all.max = std::max(all.max, block.max);
    all.min = std::min(all.min, block.min);
  }
  return all;
}

Crossing Find(const LogitBlocks& row, const float* weights, double wanted, float least, SelectionScratch& scratch) {
  constexpr size_t kShort = 64;
  if (row.min() == row.max()) return {row.max(), 0};
  const bool has_weights = weights != nullptr;
  scratch.logits.resize(row.num_blocks() * kLogitBlockSize + kKeepSlack);
  scratch.weights.resize(scratch.logits.size());
  Gathered gathered = GatherNearMaximum(row, weights, wanted, scratch);
  if (gathered.size == 0) gathered = GatherFromRow(row, weights, wanted, least, scratch);
  if (gathered.size == 0) return {least, 0};
  auto [size, above] = gathered;
  for (;;) {
    const BlockSummary extremes = Extremes(size, scratch);
    if (extremes.min == extremes.max) return {extremes.max, above};
    Histogram histogram(extremes.max, extremes.min, scratch.sums);
    if (size <= kShort || !histogram.is_sound()) {
      return Walk(scratch.logits.data(), size, has_weights, row.max(), wanted, above);
    }
    ForEachBlock(scratch, has_weights, size, [&](Tokens block) { histogram.Add(block); });
    const uint32_t crossing = histogram.FindCrossing(wanted, above);
    size_t rest = 0;
    ForEachBlock(scratch, has_weights, size,
                 [&](Tokens block) { rest = histogram.Gather(block, crossing, scratch, rest); });
    size = rest;
  }
}

}  // namespace

Crossing FindCount(const LogitBlocks& row, double wanted, float least, SelectionScratch& scratch) {
  return Find(row, nullptr, wanted, least, scratch);
}

Crossing FindMass(const LogitBlocks& row, const float* weights, double wanted, float least, SelectionScratch& scratch) {
  return Find(row, weights, wanted, least, scratch);
}

}  // namespace skein
