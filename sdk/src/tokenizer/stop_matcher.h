// Finds stop strings in text that arrives in pieces, and holds back text that may turn out to be the start of one.
#ifndef SKEIN_TOKENIZER_STOP_MATCHER_H_
#define SKEIN_TOKENIZER_STOP_MATCHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

class StopStrings;

// Works on bytes. The result does not depend on how they are cut into pieces: the stop string that is complete first
// wins, and among several that are complete at the same byte the longest. The time is linear in the number of bytes,
// whatever the number of stop strings. A copy continues independently. Where a Utf8Stream is used too, the matcher
// comes before it. Threads: one at a time.
class StopMatcher {
 public:
  // A matcher with no stop strings, which lets everything through.
  StopMatcher() = default;

  // Copies the strings. INVALID_ARGUMENT: a stop string is empty, or all together have more than a MiB.
  static absl::StatusOr<StopMatcher> Create(absl::Span<const std::string> stops);

  // Returns the text that can be released now. Held back is the longest end of the text with which a stop string
  // starts. Once a stop string is complete, `matched` is true, and the stop string and all text behind it are dropped.
  std::string Push(absl::string_view bytes);

  // Returns the text that was held back, because no more follows. The matcher is then as new; after a match it stays
  // matched.
  std::string Flush();

  bool matched() const { return matched_; }
  const std::string& pending() const { return pending_; }

 private:
  explicit StopMatcher(std::shared_ptr<const StopStrings> stops) : stops_(std::move(stops)) {}

  std::shared_ptr<const StopStrings> stops_;  // nullptr: none
  uint32_t node_ = 0;                         // the node of the automaton of `stops_`
  std::string pending_;                       // the bytes that lead to that node: the text held back
  bool matched_ = false;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_STOP_MATCHER_H_
