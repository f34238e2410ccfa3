// Finds the chat template of a model file.
#ifndef SKEIN_CHAT_MODEL_TEMPLATE_H_
#define SKEIN_CHAT_MODEL_TEMPLATE_H_

#include "absl/strings/string_view.h"
#include "chat/template.h"
#include "model/model_file.h"

namespace skein {

// The template that the file names, or else the one that fits its vocabulary and name. nullptr: none is known.
// `tokenizer_kind` is "" if there is no tokenizer.
const ChatTemplate* FindFileChatTemplate(const ModelFile& file, absl::string_view tokenizer_kind);

}  // namespace skein

#endif  // SKEIN_CHAT_MODEL_TEMPLATE_H_
