#include "sampling/log_probability.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "sampling/row_kernels.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

absl::Status NotFinite(absl::Span<const float> logits) {
  const auto bad =
      std::find_if(logits.begin(), logits.end(), [](float logit) { return std::isnan(logit) || logit == kInfinity; });
  if (bad == logits.end()) {
    return absl::DataLossError("logits: none is above minus infinity; expected at least one finite logit");
  }
  return absl::DataLossError(
      absl::StrCat("logits: token ", bad - logits.begin(), " has ", *bad, "; expected finite numbers"));
}

// The greatest logit, or NaN if there is one.
float Maximum(absl::Span<const float> logits) {
  const RowKernels& kernels = BestRowKernels();
  float max = -kInfinity;
  size_t i = 0;
  for (; i + kLogitBlockSize <= logits.size(); i += kLogitBlockSize) {
    const BlockSummary block = kernels.summarise_block(logits.data() + i);
    if (block.has_nan) return std::numeric_limits<float>::quiet_NaN();
    max = std::max(max, block.max);
  }
  for (; i < logits.size(); ++i) {
    if (std::isnan(logits[i])) return logits[i];
    max = std::max(max, logits[i]);
  }
  return max;
}

}  // namespace

absl::StatusOr<double> LogSumExp(absl::Span<const float> logits) {
  const float max = Maximum(logits);
  if (!std::isfinite(max)) return NotFinite(logits);
  const RowKernels& kernels = BestRowKernels();
  constexpr size_t kNumBlocks = 16;  // at a time, so that their weights stay in the nearest cache
  float weights[kNumBlocks * kLogitBlockSize];
  double sums[kNumBlocks];
  double sum = 0;
  for (size_t i = 0; i < logits.size(); i += std::size(weights)) {
    const size_t size = std::min(std::size(weights), logits.size() - i);
    kernels.weigh(logits.data() + i, size, max, 1.0f, weights);
    kernels.sum_blocks(weights, size, sums);
    sum = std::accumulate(sums, sums + (size + kLogitBlockSize - 1) / kLogitBlockSize, sum);
  }
  return max + std::log(sum);
}

void FindTopLogprobs(absl::Span<const float> logits, double log_sum_exp, absl::Span<TokenLogprob> top) {
  if (top.empty()) return;
  // First the logits themselves, in falling order; a token behind its equals stays behind them.
  size_t num_found = 0;
  for (size_t token = 0; token < logits.size(); ++token) {
    const float logit = logits[token];
    if (num_found == top.size() && !(logit > top.back().logprob)) continue;
    size_t place = num_found < top.size() ? num_found++ : num_found - 1;
    for (; place > 0 && logit > top[place - 1].logprob; --place) top[place] = top[place - 1];
    top[place] = {static_cast<uint32_t>(token), logit};
  }
  for (TokenLogprob& found : top) found.logprob = static_cast<float>(found.logprob - log_sum_exp);
}

}  // namespace skein
