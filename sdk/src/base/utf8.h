// Text that comes from or goes into files.
#ifndef SKEIN_BASE_UTF8_H_
#define SKEIN_BASE_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace skein {

// Whether `text` is UTF-8 (no surrogates, nothing overlong) without NUL.
bool IsUtf8Text(absl::string_view text);

// The first piece of a text.
struct Utf8Piece {
  enum Kind {
    kCharacter,
    kCut,     // the start of a character that the end of the text cuts
    kNoUtf8,  // bytes that are no character, and NUL
  };
  absl::string_view bytes;
  Kind kind;
};

// Takes the first piece off `*text`, which is not empty.
Utf8Piece TakeUtf8Piece(absl::string_view* text);

// `text` as UTF-8 without NUL: U+FFFD stands for each piece that is not UTF-8. A sequence that the end of `text` cuts
// is left out.
std::string ToUtf8Text(absl::string_view text);

// The same, but U+FFFD stands for a sequence that the end of `text` cuts, too. So the result is empty only if `text`
// is.
std::string ReplaceNonUtf8(absl::string_view text);

// `text` with backslashes, and everything but printable ASCII and UTF-8, written as escapes, for one line of a message
// or description.
std::string EscapeText(absl::string_view text);

}  // namespace skein

#endif  // SKEIN_BASE_UTF8_H_
