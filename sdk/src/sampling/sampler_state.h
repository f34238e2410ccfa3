// The memory of a sampler. With it, the same parameters and the same position, another sampler goes on drawing as if
// the first had never stopped. It is a value, which a snapshot of a stream carries.
#ifndef SKEIN_SAMPLING_SAMPLER_STATE_H_
#define SKEIN_SAMPLING_SAMPLER_STATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace skein {

// A token that was generated before, with the sum of its occurrences. Each occurrence decays with every token after it.
struct Occurrence {
  uint32_t token;
  double weight;

  friend bool operator==(const Occurrence&, const Occurrence&) = default;
};

// The random numbers need no counter: a draw depends on seed, sample index and position alone (random.h).
struct SamplerState {
  uint64_t seed = 0;
  uint64_t sample_index = 0;
  std::vector<Occurrence> occurrences;  // in order of first occurrence, each token once

  friend bool operator==(const SamplerState&, const SamplerState&) = default;
};

// Counts `token`: all earlier occurrences decay, then this one is added with weight 1.
void CountOccurrence(uint32_t token, double decay, std::vector<Occurrence>& occurrences);

// INVALID_ARGUMENT unless every token is below `vocab_size` and occurs once, with a weight from 0 to 2^62. Every state
// that comes from outside is checked by this function before it is used.
absl::Status ValidateSamplerState(const SamplerState& state, uint64_t vocab_size);

}  // namespace skein

#endif  // SKEIN_SAMPLING_SAMPLER_STATE_H_
