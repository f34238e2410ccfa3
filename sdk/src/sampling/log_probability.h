// Probabilities of tokens in the softmax of a row of logits, as natural logarithms. Nothing is changed before: bias,
// penalties, filters and temperature are the sampler's.
#ifndef SKEIN_SAMPLING_LOG_PROBABILITY_H_
#define SKEIN_SAMPLING_LOG_PROBABILITY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace skein {

// A token, and the logarithm of its probability.
struct TokenLogprob {
  uint32_t token = 0;
  float logprob = 0;

  friend bool operator==(const TokenLogprob&, const TokenLogprob&) = default;
};

// The logarithm of the sum of the exponentials of `logits`, added up in 64 bits. DATA_LOSS: a logit is NaN or plus
// infinity, or none is above minus infinity; the message names the token. Allocates nothing.
absl::StatusOr<double> LogSumExp(absl::Span<const float> logits);

// Fills `top` with the most probable tokens, falling; of equals, the one with the lower id comes first. `top` has at
// most as many elements as `logits`, which LogSumExp has accepted with the result `log_sum_exp`. Allocates nothing.
void FindTopLogprobs(absl::Span<const float> logits, double log_sum_exp, absl::Span<TokenLogprob> top);

}  // namespace skein

#endif  // SKEIN_SAMPLING_LOG_PROBABILITY_H_
