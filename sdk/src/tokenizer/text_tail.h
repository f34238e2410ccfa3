// The end of a text that is being generated, held back while its reader may not see it yet.
#ifndef SKEIN_TOKENIZER_TEXT_TAIL_H_
#define SKEIN_TOKENIZER_TEXT_TAIL_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "tokenizer/stop_matcher.h"
#include "tokenizer/utf8_stream.h"

namespace skein {

// Holds back text that may become a stop string, and then an unfinished character. Threads: one at a time.
class TextTail {
 public:
  explicit TextTail(StopMatcher stops) : stops_(std::move(stops)) {}

  // The text that can be shown once `bytes` were added.
  std::string Push(absl::string_view bytes) { return characters_.Push(stops_.Push(bytes)); }

  // The text that was held back, because no more follows. A complete stop string is not part of it.
  std::string Flush() {
    std::string rest = characters_.Push(stops_.Flush());
    rest += characters_.Flush();
    return rest;
  }

  // Whether a stop string is complete.
  bool is_stopped() const { return stops_.matched(); }

 private:
  StopMatcher stops_;
  Utf8Stream characters_;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_TEXT_TAIL_H_
