// From a row of logits to a token. The steps are in filters.h, the random numbers in random.h. The sampler holds their
// order, and one request's memory for the penalties. It knows no text, no stops and no model.
#ifndef SKEIN_SAMPLING_SAMPLER_H_
#define SKEIN_SAMPLING_SAMPLER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sampling/filters.h"
#include "sampling/logit_blocks.h"
#include "sampling/sampler_state.h"

namespace skein {

// With the values here the parameters change nothing: tokens are drawn from the distribution of the logits. The options
// of a request have other defaults, and the ranges that the sampler relies on (runtime/option_keys.h).
struct SamplingParams {
  double temperature = 1;  // 0: greedy
  uint64_t top_k = 0;      // 0: off
  double top_p = 1;        // 1: off
  double min_p = 0;        // 0: off
  double presence_penalty = 0;
  double frequency_penalty = 0;
  double penalty_decay = 1;
  uint64_t seed = 0;
  uint64_t sample_index = 0;      // i for the i-th of several samples with one seed
  std::vector<LogitBias> biases;  // of tokens of the vocabulary; finite or minus infinity; those of one token add up
};

// The working memory of Sample: some 24 bytes per token of the vocabulary. Any number of samplers can reuse it.
// Threads: one at a time.
struct SamplingScratch {
  LogitBlocks logits;
  Candidates candidates;
  FilterScratch filters;
};

// The sampler of one request. Order: for every token, Sample, then Accept if the token becomes part of the output (a
// stop token does not). Threads: Sample from any number of threads while no other call runs. A copy is an independent
// sampler that continues from here.
class Sampler {
 public:
  explicit Sampler(SamplingParams params) : params_(std::move(params)) {}

  // Draws the token that follows `position` tokens of the stream. The same parameters, accepted tokens, logits and
  // position give the same token. It allocates nothing once `scratch` and the tokens accepted have reached their sizes.
  // `logits`: [vocab_size]; minus infinity is a token that cannot be drawn. INTERNAL: a NaN or plus infinity; the
  // message names the token. FAILED_PRECONDITION: no token is above minus infinity after the biases.
  absl::StatusOr<uint32_t> Sample(absl::Span<const float> logits, uint64_t position, SamplingScratch& scratch) const;

  // Counts `token` for the penalties of later tokens: all earlier occurrences decay by penalty_decay, then this one is
  // added with weight 1. Without penalties nothing is counted. Tokens of the prompt are not accepted.
  void Accept(uint32_t token);

  const SamplingParams& params() const { return params_; }

  // Whether accepted tokens are counted.
  bool has_penalties() const { return params_.presence_penalty != 0 || params_.frequency_penalty != 0; }

  // The accepted tokens, in order of first occurrence.
  const std::vector<Occurrence>& occurrences() const { return occurrences_; }

  // The sampler's memory, seed and sample index included. If a sampler with the same other parameters imports it, that
  // sampler draws exactly the tokens that this one would draw.
  SamplerState ExportState() const { return {params_.seed, params_.sample_index, occurrences_}; }

  // Replaces the sampler's memory, seed and sample index included, by `state`, which has passed ValidateSamplerState.
  // Without penalties the occurrences are kept as they are.
  void ImportState(SamplerState state);

 private:
  SamplingParams params_;
  std::vector<Occurrence> occurrences_;
};

}  // namespace skein

#endif  // SKEIN_SAMPLING_SAMPLER_H_
