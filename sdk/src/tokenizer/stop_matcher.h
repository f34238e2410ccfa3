// Finds stop strings in text that arrives in pieces, and lets nothing through that may turn out to be the start of one.
#ifndef SKEIN_TOKENIZER_STOP_MATCHER_H_
#define SKEIN_TOKENIZER_STOP_MATCHER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

class StopStrings;

// Works on bytes, and the result does not depend on how they are cut into pieces: the stop string that is complete
// first wins, and of several that are complete at the same byte the longest. Time is linear in the bytes, whatever the
// number of stop strings. One thread at a time; a copy continues independently. With Utf8Stream: match first, then hold
// back unfinished characters.
class StopMatcher {
 public:
  // A matcher with no stop strings, which lets everything through.
  StopMatcher() = default;

  // INVALID_ARGUMENT: a stop string is empty, or all together have more than a MiB. The strings are copied.
  static absl::StatusOr<StopMatcher> Create(absl::Span<const std::string> stops);

  // Returns the text that can be released: all so far that was not released, less the longest end of it that a stop
  // string starts with. Once a stop string is complete, `matched` is true, it and all that follows are dropped.
  std::string Push(absl::string_view bytes);

  // Returns what was held back, for the case that nothing follows. The matcher is then as new; after a match, it stays
  // matched.
  std::string Flush();

  bool matched() const { return matched_; }
  const std::string& pending() const { return pending_; }

 private:
  explicit StopMatcher(std::shared_ptr<const StopStrings> stops) : stops_(std::move(stops)) {}

  std::shared_ptr<const StopStrings> stops_;  // NULL: none
  uint32_t node_ = 0;                         // how far the automaton of `stops_` is
  std::string pending_;                       // the bytes that lead to it
  bool matched_ = false;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_STOP_MATCHER_H_
