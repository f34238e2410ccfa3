#include "sampling/filters.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "sampling/row_kernels.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kBlockSize = LogitBlocks::kBlockSize;

// The sum of all weights, and of each block.
double SumBlocks(absl::Span<const float> weights, std::vector<double>& block_sums) {
  block_sums.resize((weights.size() + kBlockSize - 1) / kBlockSize);
  BestRowKernels().sum_blocks(weights.data(), weights.size(), block_sums.data());
  return std::accumulate(block_sums.begin(), block_sums.end(), 0.0);
}

// The index in `block` up to which all its tokens that equal `logit` are kept, if `num_ties` are left to keep. Takes
// those from num_ties.
size_t EndOfTies(absl::Span<const float> block, float logit, uint64_t& num_ties) {
  if (num_ties == Cutoff::kAllTies) return block.size();
  const auto num_here = static_cast<uint64_t>(std::count(block.begin(), block.end(), logit));
  if (num_here <= num_ties) {
    num_ties -= num_here;
    return block.size();
  }
  size_t end = 0;
  for (; num_ties > 0; ++end) num_ties -= block[end] == logit ? 1 : 0;
  return end;
}

}  // namespace

void ApplyBias(absl::Span<const LogitBias> biases, LogitBlocks& logits) {
  for (const LogitBias& bias : biases) logits.Add(bias.token, bias.bias);
}

float Penalty(const Occurrence& occurrence, double presence, double frequency) {
  return static_cast<float>(presence + occurrence.weight * frequency);
}

void ApplyPenalties(absl::Span<const Occurrence> occurrences, double presence, double frequency, LogitBlocks& logits) {
  for (const Occurrence& occurrence : occurrences) {
    logits.Add(occurrence.token, -Penalty(occurrence, presence, frequency));
  }
}

Cutoff Stricter(Cutoff a, Cutoff b) {
  if (a.logit != b.logit) return a.logit > b.logit ? a : b;
  return {a.logit, std::min(a.num_ties, b.num_ties)};
}

Cutoff TopKCutoff(const LogitBlocks& logits, uint64_t top_k, float least, FilterScratch& scratch) {
  if (top_k == 0 || top_k >= logits.logits().size()) return {};
  const Crossing crossing = FindCount(logits, static_cast<double>(top_k), least, scratch.selection);
  return {crossing.logit, top_k - static_cast<uint64_t>(crossing.above)};
}

Cutoff TopPCutoff(const LogitBlocks& logits, double top_p, float least, FilterScratch& scratch) {
  if (top_p >= 1) return {};
  const size_t size = logits.logits().size();
  std::vector<float>& weights = scratch.weights.values;
  weights.resize(logits.num_blocks() * kBlockSize);
  std::fill(weights.begin() + static_cast<std::ptrdiff_t>(size), weights.end(), 0.0f);  // the padding weighs nothing
  BestRowKernels().weigh(logits.logits().data(), size, logits.max(), 1.0f, weights.data());
  const double wanted = top_p * SumBlocks(absl::MakeConstSpan(weights).first(size), scratch.weights.block_sums);
  return {FindMass(logits, weights.data(), wanted, least, scratch.selection).logit, Cutoff::kAllTies};
}

Cutoff MinPCutoff(const LogitBlocks& logits, double min_p) {
  if (min_p <= 0) return {};
  return {static_cast<float>(logits.max() + std::log(min_p)), Cutoff::kAllTies};
}

void Candidates::Reset(size_t num_blocks) {
  size_ = 0;
  masks_.assign(num_blocks, 0);
  const size_t capacity = num_blocks * kBlockSize + kKeepSlack;
  if (values_.size() < capacity) values_.resize(capacity);
}

void Candidates::AppendFrom(float floor, size_t block, size_t start, absl::Span<const float> part,
                            const float* values) {
  const uint64_t mask = kernels_->keep_from(part.data(), values, part.size(), floor, &values_[size_]);
  masks_[block] |= mask << start;
  size_ += static_cast<size_t>(std::popcount(mask));
}

uint32_t Candidates::TokenAt(size_t index) const {
  size_t block = 0;
  for (;; ++block) {
    const auto num_here = static_cast<size_t>(std::popcount(masks_[block]));
    if (index < num_here) break;
    index -= num_here;
  }
  uint64_t mask = masks_[block];
  for (; index > 0; --index) mask &= mask - 1;  // clears the lowest bit
  return static_cast<uint32_t>(block * kBlockSize) + static_cast<uint32_t>(std::countr_zero(mask));
}

void KeepCandidates(const LogitBlocks& logits, Cutoff cutoff, const float* values, Candidates& candidates) {
  candidates.Reset(logits.num_blocks());
  // A token at minus infinity is never drawn, and the padding of the last block is no token.
  const float floor = std::max(cutoff.logit, std::numeric_limits<float>::lowest());
  const float above_ties = std::nextafter(floor, kInfinity);
  uint64_t num_ties = cutoff.logit < floor ? Cutoff::kAllTies : cutoff.num_ties;
  logits.ForEachBlockFrom(floor, [&](uint32_t first_token, absl::Span<const float> all) {
    const size_t block = first_token / kBlockSize;
    // The ties up to this index are kept.
    const size_t end_of_ties = EndOfTies(all, floor, num_ties);
    candidates.AppendFrom(floor, block, 0, all.first(end_of_ties), values + first_token);
    if (end_of_ties == all.size()) return;
    candidates.AppendFrom(above_ties, block, end_of_ties, all.subspan(end_of_ties), values + first_token + end_of_ties);
  });
}

uint32_t Argmax(const LogitBlocks& logits) {
  size_t block = 0;
  while (logits.summary(block).max != logits.max()) ++block;
  const absl::Span<const float> rest = logits.logits().subspan(block * kBlockSize);
  const auto found = std::find(rest.begin(), rest.end(), logits.max());
  return static_cast<uint32_t>(found - logits.logits().begin());
}

size_t DrawWeighted(absl::Span<const float> weights, double uniform, std::vector<double>& block_sums) {
  const double target = uniform * SumBlocks(weights, block_sums);
  double before = 0;
  size_t block = 0;
  for (; block + 1 < block_sums.size(); ++block) {
    if (before + block_sums[block] > target) break;
    before += block_sums[block];
  }
  size_t drawn = 0;
  for (size_t i = block * kBlockSize; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    drawn = i;
    before += weights[i];
    if (before > target) break;
  }
  // Rounding may leave the sum at the target. Then the last index with a weight is drawn.
  return drawn;
}

size_t DrawIndex(absl::Span<const float> logits, float max, double temperature, double uniform, Weights& weights) {
  // Finite, because 0 times infinity would be NaN for the most probable token.
  const double scale = std::min(1 / temperature, double{std::numeric_limits<float>::max()});
  weights.values.resize(logits.size());
  BestRowKernels().weigh(logits.data(), logits.size(), max, static_cast<float>(scale), weights.values.data());
  return DrawWeighted(weights.values, uniform, weights.block_sums);
}

}  // namespace skein
