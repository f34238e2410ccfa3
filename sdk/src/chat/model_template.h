// Which chat template a model file has.
#ifndef SKEIN_CHAT_MODEL_TEMPLATE_H_
#define SKEIN_CHAT_MODEL_TEMPLATE_H_

#include "absl/strings/string_view.h"
#include "chat/template.h"
#include "model/model_file.h"

namespace skein {

// The template that a model's file names, or that fits its vocabulary and name. nullptr if none is known.
// `tokenizer_kind`: "" if there is no tokenizer.
const ChatTemplate* FindFileChatTemplate(const ModelFile& file, absl::string_view tokenizer_kind);

}  // namespace skein

#endif  // SKEIN_CHAT_MODEL_TEMPLATE_H_
