// Finds the chat template of a model file.
#ifndef SKEIN_CHAT_MODEL_TEMPLATE_H_
#define SKEIN_CHAT_MODEL_TEMPLATE_H_

#include "absl/strings/string_view.h"
#include "chat/recognition.h"
#include "model/model_file.h"

namespace skein {

// The template by the rule of recognition.h. `tokenizer_kind` is "" if there is no tokenizer.
RecognisedTemplate RecogniseFileTemplate(const ModelFile& file, absl::string_view tokenizer_kind);

// The same if the file's model is to have another name. A name that tells nothing leaves the decision to that in the
// file.
RecognisedTemplate RecogniseFileTemplate(const ModelFile& file, absl::string_view tokenizer_kind,
                                         absl::string_view new_name);

}  // namespace skein

#endif  // SKEIN_CHAT_MODEL_TEMPLATE_H_
