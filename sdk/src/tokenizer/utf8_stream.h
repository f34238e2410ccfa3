// Cuts a stream of bytes where UTF-8 allows it, so that nobody is shown half a character.
#ifndef SKEIN_TOKENIZER_UTF8_STREAM_H_
#define SKEIN_TOKENIZER_UTF8_STREAM_H_

#include <string>

#include "absl/strings/string_view.h"

namespace skein {

// It changes no byte: what goes in comes out, in order, perhaps later. Bytes that cannot become UTF-8 whatever follows
// pass at once. One thread at a time; a copy continues independently.
class Utf8Stream {
 public:
  // Returns all bytes so far that were not returned yet, but for an unfinished sequence at the end, which is at most 3
  // bytes.
  std::string Push(absl::string_view bytes);

  // Returns what was held back. The stream is then as new.
  std::string Flush();

  // What is held back.
  const std::string& pending() const { return pending_; }

 private:
  std::string pending_;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_UTF8_STREAM_H_
