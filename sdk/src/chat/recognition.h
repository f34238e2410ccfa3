// Which chat template a model has, from what its file says of it.
#ifndef SKEIN_CHAT_RECOGNITION_H_
#define SKEIN_CHAT_RECOGNITION_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "chat/template.h"

namespace skein {

// What is known of a model. Texts are "" where it is not.
struct ChatClues {
  absl::string_view template_text;   // of the file: a name, of ours or of llama.cpp's, or a Jinja text
  absl::string_view tokenizer_kind;  // "world", "bpe", ...
  uint32_t generation;               // 4 to 7
  absl::string_view model_name;
};

// The template of the file, if it is one of RWKV's; else that of models with such a vocabulary and name. nullptr if
// nothing tells: then the host has to name one.
const ChatTemplate* RecogniseChatTemplate(const ChatClues& clues);

}  // namespace skein

#endif  // SKEIN_CHAT_RECOGNITION_H_
