#include "host/logit_reduction.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>

#include "numbers/exp.h"

namespace skein::kit {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The lowest id of those with the greatest logit.
uint32_t Argmax(std::span<const float> logits) {
  return static_cast<uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

float LogSumExp(std::span<const float> logits, float max) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - double{max});
  return static_cast<float>(max + std::log(sum));
}

// The number of ids that stand before `end` in a ranking and are as probable as the last of them, or more.
size_t WithEquals(std::span<const float> logits, std::span<const uint32_t> ranking, size_t end) {
  while (end < ranking.size() && logits[ranking[end]] == logits[ranking[end - 1]]) ++end;
  return end;
}

size_t NumInTopP(std::span<const float> logits, std::span<const uint32_t> ranking, double top_p) {
  const float max = logits[ranking[0]];
  double total = 0;
  for (const float logit : logits) total += ExpNonPositive(logit - max);
  double sum = 0;
  size_t end = 0;
  while (end < ranking.size()) {
    sum += ExpNonPositive(logits[ranking[end++]] - max);
    if (sum >= top_p * total) break;
  }
  return WithEquals(logits, ranking, end);
}

size_t NumInMinP(std::span<const float> logits, std::span<const uint32_t> ranking, double min_p) {
  const float least = static_cast<float>(logits[ranking[0]] + std::log(min_p));
  size_t end = 1;
  while (end < ranking.size() && logits[ranking[end]] >= least) ++end;
  return end;
}

}  // namespace

void ApplyBiasAndMask(const skein_step_entry& entry, std::span<float> logits) {
  for (uint32_t i = 0; i < entry.num_bias; ++i) logits[entry.bias[i].token] += entry.bias[i].bias;
  if (entry.mask == nullptr) return;
  for (size_t token = 0; token < logits.size(); ++token) {
    if ((entry.mask[token / 32] >> token % 32 & 1u) == 0) logits[token] = -kInfinity;
  }
}

void LogitReduction::Rank(std::span<const float> logits) {
  ranking_.resize(logits.size());
  std::iota(ranking_.begin(), ranking_.end(), 0u);
  std::stable_sort(ranking_.begin(), ranking_.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
}

void LogitReduction::TopK(std::span<const float> logits, uint32_t top_k, float* rows, uint32_t* tokens) {
  Rank(logits);
  for (uint32_t i = 0; i < top_k; ++i) {
    tokens[i] = ranking_[i];
    rows[i] = logits[ranking_[i]];
  }
  rows[top_k] = LogSumExp(logits, rows[0]);
}

void LogitReduction::Sample(std::span<const float> logits, const skein_sampling& sampling, double uniform, float* rows,
                            uint32_t* token) {
  *token = sampling.temperature == 0 ? Argmax(logits) : Draw(logits, sampling, uniform);
  rows[0] = logits[*token];
  rows[1] = LogSumExp(logits, *std::max_element(logits.begin(), logits.end()));
}

size_t LogitReduction::NumKept(std::span<const float> logits, const skein_sampling& sampling) const {
  size_t num_kept = ranking_.size();
  if (sampling.top_k > 0) num_kept = std::min<size_t>(num_kept, sampling.top_k);
  if (sampling.top_p < 1) num_kept = std::min(num_kept, NumInTopP(logits, ranking_, sampling.top_p));
  if (sampling.min_p > 0) num_kept = std::min(num_kept, NumInMinP(logits, ranking_, sampling.min_p));
  return num_kept;
}

uint32_t LogitReduction::Draw(std::span<const float> logits, const skein_sampling& sampling, double uniform) {
  Rank(logits);
  const float max = logits[ranking_[0]];
  ranking_.resize(NumKept(logits, sampling));
  std::sort(ranking_.begin(), ranking_.end());

  const auto scale = static_cast<float>(std::min(1 / sampling.temperature, double{std::numeric_limits<float>::max()}));
  weights_.clear();
  for (const uint32_t id : ranking_) weights_.push_back(ExpNonPositive((logits[id] - max) * scale));
  const double target = uniform * std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double sum = 0;
  uint32_t drawn = ranking_.front();
  for (size_t i = 0; i < ranking_.size(); ++i) {
    if (weights_[i] == 0) continue;
    drawn = ranking_[i];
    sum += weights_[i];
    if (sum > target) break;
  }
  return drawn;
}

}  // namespace skein::kit
