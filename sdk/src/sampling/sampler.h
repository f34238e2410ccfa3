// From a row of logits to a token. The steps are in filters.h, the random numbers in random.h; this is their order and
// what one request remembers for the penalties. Knows no text, no stops and no model.
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

// As they are made here, the parameters change nothing: tokens are drawn from the distribution of the logits. The
// defaults of a request, and the ranges, which the sampler relies on, are those of its options
// (runtime/option_keys.h).
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

// The working memory of Sample: some 16 bytes per token of the vocabulary, reused by any number of samplers. One thread
// at a time.
struct SamplingScratch {
  LogitBlocks logits;
  Candidates candidates;
  std::vector<float> values;
};

// The sampler of one request. Order: for every token, Sample, then Accept if the token becomes part of the output (a
// stop token does not). Threads: Sample from any number of threads while no other call runs. A copy is an independent
// sampler that continues from here.
class Sampler {
 public:
  explicit Sampler(SamplingParams params) : params_(std::move(params)) {}

  // Draws the token that follows `position` tokens of the stream. The same parameters, accepted tokens, logits and
  // position give the same token. It allocates nothing once `scratch` and the tokens accepted have reached their sizes.
  // `logits`: [vocab_size]; minus infinity is a token that cannot be drawn. INTERNAL: a NaN or plus infinity, names the
  // token. FAILED_PRECONDITION: no token is above minus infinity after the biases.
  absl::StatusOr<uint32_t> Sample(absl::Span<const float> logits, uint64_t position, SamplingScratch& scratch) const;

  // Counts `token` for the penalties of what follows: all earlier occurrences decay by penalty_decay, then this one is
  // added with weight 1. Without penalties nothing is counted. Tokens of the prompt are not for Accept.
  void Accept(uint32_t token);

  const SamplingParams& params() const { return params_; }

  // Whether accepted tokens are counted.
  bool has_penalties() const { return params_.presence_penalty != 0 || params_.frequency_penalty != 0; }

  // What was accepted, in order of first occurrence.
  const std::vector<Occurrence>& occurrences() const { return occurrences_; }

  // What is remembered, seed and sample index included. A sampler with the same other parameters that imports it draws
  // what this one would draw, bit for bit.
  SamplerState ExportState() const { return {params_.seed, params_.sample_index, occurrences_}; }

  // Forgets what was accepted, and goes on from `state`, which has passed ValidateSamplerState: seed and sample index
  // are those of the state from here on. Without penalties the occurrences are kept as they are.
  void ImportState(SamplerState state);

 private:
  SamplingParams params_;
  std::vector<Occurrence> occurrences_;
};

}  // namespace skein

#endif  // SKEIN_SAMPLING_SAMPLER_H_
