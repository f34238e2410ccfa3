#include "chat/model_template.h"

namespace skein {

RecognisedTemplate RecogniseFileTemplate(const ModelFile& file, absl::string_view tokenizer_kind) {
  return RecogniseFileTemplate(file, tokenizer_kind, "");
}

RecognisedTemplate RecogniseFileTemplate(const ModelFile& file, absl::string_view tokenizer_kind,
                                         absl::string_view new_name) {
  const uint32_t generation = file.config().generation;
  return RecogniseChatTemplate({
      .template_text = file.metadata().chat_template,
      .tokenizer_kind = tokenizer_kind,
      .generation = generation,
      .model_name = TellsChatTemplate(new_name, generation) ? new_name : absl::string_view(file.metadata().name),
  });
}

}  // namespace skein
