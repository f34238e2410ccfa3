#include "chat/model_template.h"

#include "chat/recognition.h"

namespace skein {

const ChatTemplate* FindFileChatTemplate(const ModelFile& file, absl::string_view tokenizer_kind) {
  return RecogniseChatTemplate({
      .template_text = file.metadata().chat_template,
      .tokenizer_kind = tokenizer_kind,
      .generation = file.config().generation,
      .model_name = file.metadata().name,
  });
}

}  // namespace skein
