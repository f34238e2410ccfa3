// Recognises the chat template of a model by the facts in its file.
#ifndef SKEIN_CHAT_RECOGNITION_H_
#define SKEIN_CHAT_RECOGNITION_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "chat/template.h"

namespace skein {

// The known facts of a model. Unknown texts are "".
struct ChatClues {
  absl::string_view template_text;   // in the file: a template's name, ours or llama.cpp's, or a Jinja text
  absl::string_view tokenizer_kind;  // "world", "bpe", ...
  uint32_t generation;               // 4 to 7
  absl::string_view model_name;
};

// The template of the file, if it is one of RWKV's; else the one of models with such a vocabulary and name. nullptr: no
// fact tells, and the host has to name a template.
const ChatTemplate* RecogniseChatTemplate(const ChatClues& clues);

}  // namespace skein

#endif  // SKEIN_CHAT_RECOGNITION_H_
