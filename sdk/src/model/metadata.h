// What a model file says about the model beside its dimensions and weights. All text is UTF-8.
#ifndef SKEIN_MODEL_METADATA_H_
#define SKEIN_MODEL_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

// Key and value of the metadata in a checkpoint's container.
struct ContainerText {
  std::string key;
  absl::string_view value;  // lives as long as the checkpoint
};

// The value under `key`; nullopt if there is none. Of two the first.
inline std::optional<absl::string_view> FindText(absl::Span<const ContainerText> texts, absl::string_view key) {
  for (const ContainerText& text : texts) {
    if (text.key == key) return text.value;
  }
  return std::nullopt;
}

// Sampling that suits the model. What is not set is left to the request's own defaults.
struct SamplingDefaults {
  std::optional<double> temperature;
  std::optional<uint32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<double> penalty_decay;
};

struct ModelMetadata {
  std::string name;
  std::string licence;
  std::string provenance;      // where the weights come from
  std::string example_prompt;  // a text that shows what the model does
  std::string source_format;   // "package", or the id of the format plugin that read the file
  std::string tokenizer_kind;  // id of the tokenizer plugin for the embedded vocabulary; "" if the file has none
  // Of a package, the name of a template that skein knows (chat.h). Of a checkpoint, what its container says: such a
  // name or the text of a template. "" if the file has none.
  std::string chat_template;
  std::optional<uint32_t> end_token;  // end of text, where the file says
  std::vector<uint32_t> stop_tokens;  // further tokens that end an answer
  SamplingDefaults sampling;
  // Arithmetic that the file was made for: NONE (float32 activations), or the type other than float32 that it was
  // converted to by name.
  uint32_t compute_dtype = 0;
};

}  // namespace skein

#endif  // SKEIN_MODEL_METADATA_H_
