// The end of a text that is being generated, as far as its reader may not see it yet.
#ifndef SKEIN_TOKENIZER_TEXT_TAIL_H_
#define SKEIN_TOKENIZER_TEXT_TAIL_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "tokenizer/stop_matcher.h"
#include "tokenizer/utf8_stream.h"

namespace skein {

// Holds back what may become a stop string, and behind that what is an unfinished character. One thread at a time.
class TextTail {
 public:
  explicit TextTail(StopMatcher stops) : stops_(std::move(stops)) {}

  // The text that can be shown once `bytes` were added.
  std::string Push(absl::string_view bytes) { return characters_.Push(stops_.Push(bytes)); }

  // The text that was held back, when nothing follows. A stop string that is complete is not part of it.
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
