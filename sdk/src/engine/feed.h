// The tokens that a job feeds to its stream, and the place that the stream has reached.
#ifndef SKEIN_ENGINE_FEED_H_
#define SKEIN_ENGINE_FEED_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "engine/stream_state.h"

namespace skein {

struct Feed {
  std::vector<uint32_t> tokens;  // never empty; the tokens that were fed are included
  uint64_t num_fed = 0;
  bool decodes = false;  // the next token was sampled rather than known beforehand
  // The most tokens of one step. A job that looks at the rows of all its tokens has room for those of one step, so that
  // two of its parts must not run at once.
  uint64_t max_step_tokens = std::numeric_limits<uint64_t>::max();
  StreamState at;  // never with a pending token: that one is the first of `tokens`

  // The feed of a stream that stands at `at`: its pending token, and `tokens` behind it.
  static Feed Start(StreamState at, absl::Span<const uint32_t> tokens) {
    Feed feed;
    feed.tokens.reserve(tokens.size() + 1);
    if (at.pending.has_value()) feed.tokens.push_back(*at.pending);
    feed.tokens.insert(feed.tokens.end(), tokens.begin(), tokens.end());
    at.pending.reset();
    feed.at = std::move(at);
    return feed;
  }

  uint64_t num_waiting() const { return tokens.size() - num_fed; }
  // Of these, the tokens that may be in the next step.
  uint64_t num_ready() const { return std::min(num_waiting(), max_step_tokens); }
  absl::Span<const uint32_t> Next(uint32_t num_tokens) const { return {tokens.data() + num_fed, num_tokens}; }

  // `num_tokens` were fed, and the state after them is `written`.
  void Advance(uint32_t num_tokens, StateRef written) {
    num_fed += num_tokens;
    at.position += num_tokens;
    at.state = std::move(written);
  }

  // Goes on with `token`, which was sampled after all others were fed.
  void GoOnWith(uint32_t token) {
    tokens.resize(1);
    tokens[0] = token;
    num_fed = 0;
    decodes = true;
  }
};

}  // namespace skein

#endif  // SKEIN_ENGINE_FEED_H_
