// The part of a Jinja template's output that the template alone decides. Nothing is run: the text comes from a file,
// and it is only a clue.
#ifndef SKEIN_CHAT_JINJA_TEXT_H_
#define SKEIN_CHAT_JINJA_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace skein {

// The texts that the template writes, in its order, when the host asks for an answer (`add_generation_prompt` is true)
// and sets nothing else: plain text and string literals, but no values of messages. A part is left out if it stands in
// a loop or a macro, in brackets, or under a condition that cannot be known, as those on messages. Takes any bytes, in
// time and memory in proportion to `source`. "" for a source above 1 MiB.
std::string CertainJinjaText(absl::string_view source);

}  // namespace skein

#endif  // SKEIN_CHAT_JINJA_TEXT_H_
