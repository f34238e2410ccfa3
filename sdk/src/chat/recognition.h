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

// The fact that decided.
enum class ChatClue { kNone, kTemplateName, kTemplateText, kModelName, kVocabulary };

struct RecognisedTemplate {
  const ChatTemplate* chat_template = nullptr;  // nullptr: no fact tells, and the host has to name a template
  ChatClue clue = ChatClue::kNone;
};

// The rule, the same for every container:
// 1. A template of ours that the file names, as a manifest does.
// 2. A text that speaks as Bob and Alice, or as Instruction and Response. Converters have no such text for all files.
// 3. The model's name: G0 or G1 with its edition (RWKV-7 only), World, or Raven (RWKV-4 only). It goes before a text
//    with User and Assistant, because llama.cpp writes one and the same text into every file: the text mentions think
//    blocks, whether the model has them or not.
// 4. A text with User and Assistant: "g1" if it opens a think block by itself, else "world".
// 5. The vocabulary: World's; or that of RWKV-4 without World's, which Raven models have.
RecognisedTemplate RecogniseChatTemplate(const ChatClues& clues);

// Whether step 3 knows the name.
bool TellsChatTemplate(absl::string_view model_name, uint32_t generation);

// "metadata", "template text", "name", "vocabulary"; "" for kNone.
absl::string_view ChatClueText(ChatClue clue);

}  // namespace skein

#endif  // SKEIN_CHAT_RECOGNITION_H_
