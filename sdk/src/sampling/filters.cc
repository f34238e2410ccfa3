#include "sampling/filters.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "numbers/exp.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr size_t kBlockSize = LogitBlocks::kBlockSize;

// weights[i] = exp((logits[i] - max) * scale). weights may not alias logits.
void Weigh(absl::Span<const float> logits, float max, float scale, float* weights) {
  const float* const values = logits.data();
  const size_t size = logits.size();
  for (size_t i = 0; i < size; ++i) weights[i] = ExpNonPositive((values[i] - max) * scale);
}

// The sum, with independent partial sums for the vector registers.
double Sum(absl::Span<const float> values) {
  constexpr size_t kNumLanes = 8;
  double lanes[kNumLanes] = {};
  size_t i = 0;
  for (; i + kNumLanes <= values.size(); i += kNumLanes) {
    for (size_t lane = 0; lane < kNumLanes; ++lane) lanes[lane] += values[i + lane];
  }
  for (; i < values.size(); ++i) lanes[0] += values[i];
  return std::accumulate(lanes, lanes + kNumLanes, 0.0);
}

// The sum of exp(logits[i] - max).
double SumExp(absl::Span<const float> logits, float max) {
  float weights[kBlockSize];
  double sum = 0;
  for (size_t start = 0; start < logits.size(); start += kBlockSize) {
    const absl::Span<const float> block = logits.subspan(start, kBlockSize);
    Weigh(block, max, 1.0f, weights);
    sum += Sum({weights, block.size()});
  }
  return sum;
}

// Fills `values` with the logits of at least `floor`, in order of token.
void Gather(const LogitBlocks& logits, float floor, std::vector<float>& values) {
  values.clear();
  logits.ForEachBlockFrom(floor, [&](uint32_t, absl::Span<const float> block) {
    for (const float logit : block) {
      if (logit >= floor) values.push_back(logit);
    }
  });
}

// Gathers the most probable tokens, more and more, until is_enough(values), or all.
template <typename IsEnough>
void GatherUntil(const LogitBlocks& logits, IsEnough is_enough, std::vector<float>& values) {
  // Distances from the maximum. In most distributions of a trained model the first or the second is enough.
  for (const float distance : {4.0f, 8.0f, 16.0f}) {
    Gather(logits, logits.max() - distance, values);
    if (is_enough(values)) return;
  }
  Gather(logits, -kInfinity, values);
}

}  // namespace

void ApplyBias(absl::Span<const LogitBias> biases, absl::Span<float> logits) {
  for (const LogitBias& bias : biases) {
    if (bias.token < logits.size()) logits[bias.token] += bias.bias;
  }
}

float Penalty(const Occurrence& occurrence, double presence, double frequency) {
  return static_cast<float>(presence + occurrence.weight * frequency);
}

void ApplyPenalties(absl::Span<const Occurrence> occurrences, double presence, double frequency,
                    absl::Span<float> logits) {
  for (const Occurrence& occurrence : occurrences) {
    if (occurrence.token >= logits.size()) continue;
    logits[occurrence.token] -= Penalty(occurrence, presence, frequency);
  }
}

Cutoff Stricter(Cutoff a, Cutoff b) {
  if (a.logit != b.logit) return a.logit > b.logit ? a : b;
  return {a.logit, std::min(a.num_ties, b.num_ties)};
}

Cutoff TopKCutoff(const LogitBlocks& logits, uint64_t top_k, std::vector<float>& scratch) {
  if (top_k == 0 || top_k >= logits.logits().size()) return {};
  GatherUntil(
      logits, [&](const std::vector<float>& values) { return values.size() >= top_k; }, scratch);
  const auto last = scratch.begin() + static_cast<std::ptrdiff_t>(top_k - 1);
  std::nth_element(scratch.begin(), last, scratch.end(), std::greater<>());
  const auto num_above = std::count_if(scratch.begin(), last, [&](float logit) { return logit > *last; });
  return {*last, top_k - static_cast<uint64_t>(num_above)};
}

Cutoff TopPCutoff(const LogitBlocks& logits, double top_p, std::vector<float>& scratch) {
  if (top_p >= 1) return {};
  const double wanted = top_p * SumExp(logits.logits(), logits.max());
  GatherUntil(
      logits, [&](const std::vector<float>& values) { return SumExp(values, logits.max()) >= wanted; }, scratch);

  // Halves the part of `scratch` where the sum passes `wanted` until it is short enough to sort: linear time.
  constexpr size_t kShort = 64;
  size_t first = 0;
  size_t last = scratch.size();
  double sum = 0;  // of the tokens before `first`, which are all more probable
  while (last - first > kShort) {
    const size_t middle = first + (last - first) / 2;
    const auto begin = scratch.begin();
    std::nth_element(begin + static_cast<std::ptrdiff_t>(first), begin + static_cast<std::ptrdiff_t>(middle),
                     begin + static_cast<std::ptrdiff_t>(last), std::greater<>());
    const double upper = SumExp(absl::MakeConstSpan(scratch).subspan(first, middle - first), logits.max());
    if (sum + upper >= wanted) {
      last = middle;
    } else {
      sum += upper;
      first = middle;
    }
  }
  std::sort(scratch.begin() + static_cast<std::ptrdiff_t>(first), scratch.begin() + static_cast<std::ptrdiff_t>(last),
            std::greater<>());
  for (; first + 1 < last; ++first) {
    sum += ExpNonPositive(scratch[first] - logits.max());
    if (sum >= wanted) break;
  }
  return {scratch[first], Cutoff::kAllTies};
}

Cutoff MinPCutoff(const LogitBlocks& logits, double min_p) {
  if (min_p <= 0) return {};
  return {static_cast<float>(logits.max() + std::log(min_p)), Cutoff::kAllTies};
}

void KeepCandidates(const LogitBlocks& logits, Cutoff cutoff, Candidates& candidates) {
  candidates.tokens.clear();
  candidates.logits.clear();
  uint64_t num_ties = cutoff.num_ties;
  logits.ForEachBlockFrom(cutoff.logit, [&](uint32_t first_token, absl::Span<const float> block) {
    for (uint32_t i = 0; i < block.size(); ++i) {
      // A token at minus infinity is never drawn, and the padding of the last block is no token.
      if (block[i] < cutoff.logit || block[i] == -kInfinity) continue;
      if (block[i] == cutoff.logit) {
        if (num_ties == 0) continue;
        --num_ties;
      }
      candidates.tokens.push_back(first_token + i);
      candidates.logits.push_back(block[i]);
    }
  });
}

uint32_t Argmax(const LogitBlocks& logits) {
  const absl::Span<const float> all = logits.logits();
  return static_cast<uint32_t>(std::find(all.begin(), all.end(), logits.max()) - all.begin());
}

size_t DrawIndex(absl::Span<const float> logits, float max, double temperature, double uniform,
                 std::vector<float>& scratch) {
  // Finite, because 0 times infinity would be NaN for the most probable token.
  const double scale = std::min(1 / temperature, double{std::numeric_limits<float>::max()});
  scratch.resize(logits.size());
  Weigh(logits, max, static_cast<float>(scale), scratch.data());
  const auto block_sum = [&](size_t start) { return Sum(absl::MakeConstSpan(scratch).subspan(start, kBlockSize)); };
  double total = 0;
  for (size_t start = 0; start < scratch.size(); start += kBlockSize) total += block_sum(start);

  const double target = uniform * total;
  double before = 0;
  size_t start = 0;
  for (; start + kBlockSize < scratch.size(); start += kBlockSize) {
    const double sum = block_sum(start);
    if (before + sum > target) break;
    before += sum;
  }
  size_t drawn = 0;
  for (size_t i = start; i < scratch.size(); ++i) {
    if (scratch[i] == 0) continue;
    drawn = i;
    before += scratch[i];
    if (before > target) break;
  }
  // Rounding may leave the sum at the target. Then the last index with a weight is drawn.
  return drawn;
}

}  // namespace skein
