// The tokens that a job feeds to its stream, and the place that the stream has reached.
//
// A token is issued when it becomes part of a step, and fed when that step ended well. A prompt may have parts in
// several steps in flight: each reads the state that the part before it writes. Behind the last token of `tokens`,
// those may be issued that the device draws itself: they are known when the steps that draw them have ended.
//
// Parts end where they fit into steps, and at the stops of the feed: there Job::Advance is given the state behind
// exactly so many tokens, and whoever wants it keeps a reference.
#ifndef SKEIN_ENGINE_FEED_H_
#define SKEIN_ENGINE_FEED_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "engine/stream_state.h"

namespace skein {

struct Feed {
  static constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

  std::vector<uint32_t> tokens;  // never empty; the tokens that were fed are included
  uint64_t num_fed = 0;
  uint64_t num_issued = 0;  // at least num_fed; more than there are tokens if some are still to be drawn
  bool decodes = false;     // the next token was sampled rather than known beforehand
  // The most tokens that are issued and not fed. A job that looks at the rows of all its tokens has room for so many.
  uint64_t max_issued = kNoLimit;
  StreamState at;  // behind the tokens fed; never with a pending token: that one is the first of `tokens`
  // Positions of the stream at which a part must end, rising. Those that it has passed have no effect.
  std::vector<uint64_t> stops;
  StateRef issued;  // will hold the state behind the tokens issued; empty if all of them are fed
  // The parts that were issued before the last of them do not count.
  uint64_t num_take_backs = 0;
  // With a sampler that counts the tokens that it draws: the decay of its counts.
  std::optional<double> penalty_decay;

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

  // A part ends at `position`, if the stream has not passed it. Before the feed is in the step loop, or in Job::Advance
  // while no part is in flight that would pass it.
  void AddStop(uint64_t position) {
    const auto place = std::lower_bound(stops.begin(), stops.end(), position);
    if (place == stops.end() || *place != position) stops.insert(place, position);
  }

  // The first `num_tokens` tokens need not be fed, since `state` is behind them. Before any is issued. If there is no
  // memory for the history, it throws, and nothing has changed.
  void Skip(uint64_t num_tokens, StateRef state) {
    at.history.Append({tokens.data(), num_tokens}, at.sampler);
    num_fed = num_issued = num_tokens;
    at.position += num_tokens;
    at.state = std::move(state);
    KeepPart();
  }

  // Parts end where the history of the stream wants states. The more states there is room for, the farther in front of
  // the last token that begins.
  void AddStopsOfHistory() {
    if (!at.history.is_recorded()) return;
    const uint64_t end = at.position + tokens.size();
    const uint64_t first = at.position - at.history.num_since_kept() + History::kSpacing;
    if (first >= end) return;
    const uint64_t num_wanted = (end - 1 - first) / History::kSpacing + 1;
    const uint64_t num_stops = std::min(num_wanted, at.history.store()->max_states() / 2);
    for (uint64_t i = num_wanted - num_stops; i < num_wanted; ++i) AddStop(first + i * History::kSpacing);
  }

  uint64_t num_unfed() const { return tokens.size() - num_fed; }

  // --- issue ---

  uint64_t num_unissued() const { return tokens.size() - std::min<uint64_t>(num_issued, tokens.size()); }
  // Of these, the tokens that may be issued now, as one part.
  uint64_t num_ready() const {
    return std::min({num_unissued(), max_issued - (num_issued - num_fed), num_until_stop()});
  }
  // The most tokens of the next part; kNoLimit behind the last stop.
  uint64_t num_until_stop() const {
    const auto next = std::upper_bound(stops.begin(), stops.end(), next_position());
    return next == stops.end() ? kNoLimit : *next - next_position();
  }
  // Tokens that steps in flight draw, if each step draws one behind the last token that it feeds.
  uint64_t num_in_draw() const { return num_issued < tokens.size() ? 0 : num_issued - tokens.size() + 1; }
  absl::Span<const uint32_t> Next(uint32_t num_tokens) const { return {tokens.data() + num_issued, num_tokens}; }
  // The state that the next part reads, and the position of the stream there.
  const StateRef& next_state() const { return num_issued > num_fed ? issued : at.state; }
  uint64_t next_position() const { return at.position + (num_issued - num_fed); }

  // The next `num_tokens` tokens, or the one that the step before draws, are part of a step that writes `written`.
  void Issue(uint32_t num_tokens, StateRef written) {
    num_issued += num_tokens;
    issued = std::move(written);
  }

  // Tokens that are issued and not fed do not count: they are to be issued again.
  void TakeBack() {
    num_issued = num_fed;
    issued = StateRef();
    ++num_take_backs;
  }

  // --- commit ---

  // The next `num_tokens` tokens, which were issued, are fed, and the state behind them is `written`. If there is no
  // memory for the history, it throws, and nothing has changed.
  void Advance(uint32_t num_tokens, StateRef written) {
    at.history.Append({tokens.data() + num_fed, num_tokens}, at.sampler, decodes ? penalty_decay : std::nullopt);
    num_fed += num_tokens;
    at.position += num_tokens;
    at.state = std::move(written);
    if (num_issued == num_fed) issued = StateRef();
    KeepPart();
  }

  // Keeps the state in the history, if it is time.
  void KeepPart() {
    if (at.history.num_since_kept() >= History::kSpacing) {
      at.history.Keep(at.state, CheckpointKind::kPart, num_unfed());
    }
  }

  // Goes on with `token`, which was sampled after all others were fed.
  void GoOnWith(uint32_t token) {
    num_issued -= num_fed;
    num_fed = 0;
    tokens.resize(1);
    tokens[0] = token;
    decodes = true;
  }
};

}  // namespace skein

#endif  // SKEIN_ENGINE_FEED_H_
