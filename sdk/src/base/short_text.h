// Texts that leave the library in limited room: messages, names, paths, log lines. Whatever bytes a plugin, a file or a
// host put into them, a reader gets one line of UTF-8 with its reason.
#ifndef SKEIN_BASE_SHORT_TEXT_H_
#define SKEIN_BASE_SHORT_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

// Writes `text` as one line of UTF-8 into `to`, which is not empty, with a NUL behind it. Gives the number of bytes
// without the NUL. Allocates nothing, because the text may say that memory ran out.
//   Pieces that are not UTF-8, NUL and control characters become U+FFFD. A line feed becomes "\n", a carriage return
//   "\r" and a tab "\t", two characters each. A sequence that the end of `text` cuts is left out.
//   Where the room is too small, long words lose their middle to an ellipsis. Paths are the long words of messages, and
//   their ends matter most. If that is not enough, the text itself loses a middle part. So the reason at its end stays.
size_t WriteShortText(absl::string_view text, absl::Span<char> to);

// The same as a string of at most `max_bytes` bytes.
std::string ShortText(absl::string_view text, size_t max_bytes);

}  // namespace skein

#endif  // SKEIN_BASE_SHORT_TEXT_H_
