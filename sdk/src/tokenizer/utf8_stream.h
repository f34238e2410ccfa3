// Cuts a stream of bytes where UTF-8 allows it, so that no reader gets half a character.
#ifndef SKEIN_TOKENIZER_UTF8_STREAM_H_
#define SKEIN_TOKENIZER_UTF8_STREAM_H_

#include <string>

#include "absl/strings/string_view.h"

namespace skein {

// Changes no byte: all bytes come out in order, some of them later. Bytes that cannot become UTF-8, whatever follows,
// pass at once. A copy continues independently. Threads: one at a time.
class Utf8Stream {
 public:
  // Returns all bytes that were not returned yet, but for an unfinished sequence of at most 3 bytes at the end.
  std::string Push(absl::string_view bytes);

  // Returns the bytes that were held back. The stream is then as new.
  std::string Flush();

  // The bytes that are held back.
  const std::string& pending() const { return pending_; }

 private:
  std::string pending_;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_UTF8_STREAM_H_
