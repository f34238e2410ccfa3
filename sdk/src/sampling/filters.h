// The steps from a row of logits to a token, one function each: bias, penalties, the filters, the draw. The functions
// hold no state, know no request and take no locks. They allocate nothing once their scratch has grown.
//
// The order is that of the reference implementation. Bias and penalties come first. Top-k, top-p and min-p follow, each
// on the whole distribution that results, without temperature. Temperature is last, on the tokens that all filters
// keep. A token's probability is exp(logit) over the sum of all.
#ifndef SKEIN_SAMPLING_FILTERS_H_
#define SKEIN_SAMPLING_FILTERS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "sampling/logit_blocks.h"
#include "sampling/row_kernels.h"
#include "sampling/sampler_state.h"
#include "sampling/selection.h"

namespace skein {

// Added to the logit of a token; minus infinity bans it.
struct LogitBias {
  uint32_t token;
  float bias;
};

// Tokens that are not in the row are passed over.
void ApplyBias(absl::Span<const LogitBias> biases, LogitBlocks& logits);

// The penalty on the logit of a token that occurred: presence + weight * frequency.
float Penalty(const Occurrence& occurrence, double presence, double frequency);

// Subtracts the penalty of every token that occurred. No token is exempt. The reference's `generate` does not count
// digits and spaces, but its chat programs do. Tokens that are not in the row are passed over.
void ApplyPenalties(absl::Span<const Occurrence> occurrences, double presence, double frequency, LogitBlocks& logits);

// The tokens that a filter keeps: all with a logit above `logit`, and of the tokens whose logit equals it the
// `num_ties` with the lowest ids.
struct Cutoff {
  static constexpr uint64_t kAllTies = std::numeric_limits<uint64_t>::max();

  float logit = -std::numeric_limits<float>::infinity();
  uint64_t num_ties = kAllTies;
};

// The cutoff that keeps the tokens that both keep.
Cutoff Stricter(Cutoff a, Cutoff b);

// The weights of a row's logits: their exponentials, and the sums of these over blocks.
struct Weights {
  std::vector<float> values;
  std::vector<double> block_sums;
};

// The working memory of the filters.
struct FilterScratch {
  Weights weights;
  SelectionScratch selection;
};

// The filters. Each keeps at least one most probable token. `scratch` may hold anything. Tokens below `least` are cut
// off by another filter, so that a filter that keeps all others may return any cutoff that is not above it.

// Keeps the `top_k` most probable tokens; of equals, those with lower ids. Keeps all if top_k is 0, or the vocabulary
// has no more tokens.
Cutoff TopKCutoff(const LogitBlocks& logits, uint64_t top_k, float least, FilterScratch& scratch);

// Keeps the most probable tokens until their sum is at least `top_p`, and all that are as probable as the last of them.
// 0 keeps the most probable token and its equals; 1 and above keeps all. Below 1 it leaves exp(logit - max) of each
// token in `scratch`.
Cutoff TopPCutoff(const LogitBlocks& logits, double top_p, float least, FilterScratch& scratch);

// Keeps the tokens that are at least `min_p` times as probable as the most probable one. 0 keeps all. `min_p` is at
// most 1.
Cutoff MinPCutoff(const LogitBlocks& logits, double min_p);

// The tokens that remain, ascending, with a value of each: its logit or its weight.
class Candidates {
 public:
  // Empties the list, and makes room for the tokens of `num_blocks` blocks.
  void Reset(size_t num_blocks);

  // Appends the tokens of `part` whose logit is at least `floor`, with their `values`. `part` begins at `start` in a
  // block of the row.
  void AppendFrom(float floor, size_t block, size_t start, absl::Span<const float> part, const float* values);

  absl::Span<const float> values() const { return {values_.data(), size_}; }

  // The token of values()[index].
  uint32_t TokenAt(size_t index) const;

 private:
  const RowKernels* kernels_ = &BestRowKernels();
  std::vector<uint64_t> masks_;  // per block: a bit for each token that remains
  std::vector<float> values_;
  size_t size_ = 0;
};

// `values`: one for each token and for the padding of the last block.
void KeepCandidates(const LogitBlocks& logits, Cutoff cutoff, const float* values, Candidates& candidates);

// The token with the greatest logit; of equals, the one with the lowest id.
uint32_t Argmax(const LogitBlocks& logits);

// Draws an index of `weights` with probability proportional to the weight: the first index at which the running sum
// passes the share `uniform` of the whole sum. Uniform is in [0, 1). `block_sums` may hold anything.
size_t DrawWeighted(absl::Span<const float> weights, double uniform, std::vector<double>& block_sums);

// The same of `logits`, which weigh exp(logit / temperature). `max` is the greatest of `logits` and finite; temperature
// > 0. `weights` may hold anything.
size_t DrawIndex(absl::Span<const float> logits, float max, double temperature, double uniform, Weights& weights);

}  // namespace skein

#endif  // SKEIN_SAMPLING_FILTERS_H_
