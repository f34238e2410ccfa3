// Template texts of strangers' files, as the rule for a model's template reads them.
#include <cstdint>

#include "chat/jinja_text.h"
#include "chat/recognition.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  skein::fuzz::Require(skein::CertainJinjaText(text).size() <= size);
  for (const uint32_t generation : {4u, 7u}) {
    const skein::RecognisedTemplate found = skein::RecogniseChatTemplate(
        {.template_text = text, .tokenizer_kind = "world", .generation = generation, .model_name = text.substr(0, 64)});
    skein::fuzz::Require(found.chat_template != nullptr);  // the vocabulary tells
  }
  return 0;
}
