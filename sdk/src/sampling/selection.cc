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

// The histogram that tells most tokens of a row apart: between the median of its blocks' maxima and that of their
// minima, as 64 blocks have them. A few tokens far from all others do not spoil it.
Histogram RowHistogram(const LogitBlocks& row, std::vector<double>& sums) {
  constexpr size_t kNumSamples = 64;
  std::array<float, kNumSamples> max;
  std::array<float, kNumSamples> min;
  for (size_t i = 0; i < kNumSamples; ++i) {
    const BlockSummary& block = row.summary(i * row.num_blocks() / kNumSamples);
    max[i] = block.max;
    min[i] = block.min;
  }
  const size_t middle = kNumSamples / 2;
  std::nth_element(max.begin(), max.begin() + middle, max.end());
  std::nth_element(min.begin(), min.begin() + middle, min.end());
  const float high = max[middle];
  const float low = std::max(min[middle], high - 16.0f);  // banned tokens are not worth buckets
  if (low < high) return Histogram(high, low, sums);
  return Histogram(row.max(), row.min(), sums);
}

Gathered GatherFromRow(const LogitBlocks& row, const float* weights, double wanted, SelectionScratch& scratch) {
  constexpr float kLeast = -std::numeric_limits<float>::infinity();
  Gathered gathered = GatherNearMaximum(row, weights, wanted, scratch);
  if (gathered.size > 0) return gathered;
  Histogram histogram = RowHistogram(row, scratch.sums);
  ForEachBlock(row, weights, kLeast, [&](Tokens block) { histogram.Add(block); });
  const uint32_t crossing = histogram.FindCrossing(wanted, gathered.above);
  ForEachBlock(row, weights, kLeast,
               [&](Tokens block) { gathered.size = histogram.Gather(block, crossing, scratch, gathered.size); });
  return gathered;
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

Crossing Find(const LogitBlocks& row, const float* weights, double wanted, SelectionScratch& scratch) {
  constexpr size_t kShort = 64;
  if (row.min() == row.max()) return {row.max(), 0};
  const bool has_weights = weights != nullptr;
  scratch.logits.resize(row.num_blocks() * kLogitBlockSize + kKeepSlack);
  scratch.weights.resize(scratch.logits.size());
  auto [size, above] = GatherFromRow(row, weights, wanted, scratch);
  for (;;) {
    const auto [low, high] = std::minmax_element(scratch.logits.data(), scratch.logits.data() + size);
    if (*low == *high) return {*high, above};
    Histogram histogram(*high, *low, scratch.sums);
    if (size <= kShort || !histogram.is_sound()) {
      return Walk(scratch.logits.data(), size, has_weights, row.max(), wanted, above);
    }
    // What fills the last block is not counted, but has a place in the histogram.
    std::fill_n(scratch.logits.begin() + static_cast<std::ptrdiff_t>(size),
                (kLogitBlockSize - size % kLogitBlockSize) % kLogitBlockSize, *low);
    ForEachBlock(scratch, has_weights, size, [&](Tokens block) { histogram.Add(block); });
    const uint32_t crossing = histogram.FindCrossing(wanted, above);
    size_t rest = 0;
    ForEachBlock(scratch, has_weights, size,
                 [&](Tokens block) { rest = histogram.Gather(block, crossing, scratch, rest); });
    size = rest;
  }
}

}  // namespace

Crossing FindCount(const LogitBlocks& row, double wanted, SelectionScratch& scratch) {
  return Find(row, nullptr, wanted, scratch);
}

Crossing FindMass(const LogitBlocks& row, const float* weights, double wanted, SelectionScratch& scratch) {
  return Find(row, weights, wanted, scratch);
}

}  // namespace skein
