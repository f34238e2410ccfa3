// Log-probabilities of given tokens behind a stream.
#ifndef SKEIN_SERVING_SCORE_H_
#define SKEIN_SERVING_SCORE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream.h"
#include "skein/score.h"

namespace skein {

// The tokens behind one stream, and the places of the outputs.
struct ScoreItem {
  std::shared_ptr<Stream> stream = nullptr;  // read, and not moved
  absl::Span<const uint32_t> tokens;
  absl::Span<float> logprobs = {};     // [num_tokens], or empty
  uint32_t num_top = 0;                // most probable tokens in the place of each token
  absl::Span<skein_logprob> top = {};  // [num_tokens, num_top]
  int32_t priority = 0;                // the higher goes first
  uint64_t num_scored = 0;             // output: the tokens that have a log-probability
  double logprob = 0;                  // output: their sum
};

// Scores the items, in one batch as far as there is room, and gives a status for each; see skein_score. An error in
// place of an item is its status.
std::vector<absl::Status> Score(const std::shared_ptr<Model>& model, absl::Span<absl::StatusOr<ScoreItem>> items);

}  // namespace skein

#endif  // SKEIN_SERVING_SCORE_H_
