// What happens to a row of logits before a token is drawn, one function a step: bias, penalties, the filters, the draw.
// They hold no state, know no request, and are free of locks and, once their scratch has grown, of allocation.
//
// Order, as the reference implementation has it: bias and penalties; top-k, top-p and min-p, each on the whole
// distribution that results, with no temperature; then temperature, on what all of them keep. A token's probability is
// exp(logit) over the sum of all.
#ifndef SKEIN_SAMPLING_FILTERS_H_
#define SKEIN_SAMPLING_FILTERS_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "sampling/logit_blocks.h"
#include "sampling/sampler_state.h"

namespace skein {

// Added to the logit of a token; minus infinity bans it.
struct LogitBias {
  uint32_t token;
  float bias;
};

// Tokens that are not below logits.size() are passed over.
void ApplyBias(absl::Span<const LogitBias> biases, absl::Span<float> logits);

// logits[n] -= presence + weight[n] * frequency, for every token n that occurred. No token is exempt; the reference's
// `generate` does not count digits and spaces, its chat programs do. Tokens that are not below logits.size() are passed
// over.
void ApplyPenalties(absl::Span<const Occurrence> occurrences, double presence, double frequency,
                    absl::Span<float> logits);

// Which tokens a filter keeps: those with a logit above `logit`, and of those that equal it the `num_ties` with the
// lowest ids.
struct Cutoff {
  static constexpr uint64_t kAllTies = std::numeric_limits<uint64_t>::max();

  float logit = -std::numeric_limits<float>::infinity();
  uint64_t num_ties = kAllTies;
};

// What both keep.
Cutoff Stricter(Cutoff a, Cutoff b);

// The filters. Each keeps at least one most probable token. `scratch` may hold anything.

// Keeps the `top_k` most probable, of equals those with lower ids; all of them if top_k is 0 or the size of the
// vocabulary.
Cutoff TopKCutoff(const LogitBlocks& logits, uint64_t top_k, std::vector<float>& scratch);

// Keeps the most probable until their sum is at least `top_p`, and those as probable as the last of them. At 0 those
// are the most probable token and its equals; 1 and above keeps all.
Cutoff TopPCutoff(const LogitBlocks& logits, double top_p, std::vector<float>& scratch);

// Keeps tokens at least `min_p` times as probable as the most probable; 0 keeps all. At most 1.
Cutoff MinPCutoff(const LogitBlocks& logits, double min_p);

// The tokens that remain, ascending, with their logits.
struct Candidates {
  std::vector<uint32_t> tokens;
  std::vector<float> logits;
};
void KeepCandidates(const LogitBlocks& logits, Cutoff cutoff, Candidates& candidates);

// The token with the greatest logit; of equals the lowest id.
uint32_t Argmax(const LogitBlocks& logits);

// Draws an index of `logits` with probability proportional to exp(logit / temperature): the first at which the sum,
// taken in order of index, passes `uniform` of the whole. `max` is the greatest of `logits` and finite; temperature >
// 0; uniform in [0, 1).
size_t DrawIndex(absl::Span<const float> logits, float max, double temperature, double uniform,
                 std::vector<float>& scratch);

}  // namespace skein

#endif  // SKEIN_SAMPLING_FILTERS_H_
