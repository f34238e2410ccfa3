// The facts in a model file beside dimensions and weights. All text is UTF-8.
#ifndef SKEIN_MODEL_METADATA_H_
#define SKEIN_MODEL_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

// One entry of the metadata in a checkpoint's container.
struct ContainerText {
  std::string key;
  absl::string_view value;  // lives as long as the checkpoint
};

// The first value under `key`; nullopt: there is none.
inline std::optional<absl::string_view> FindText(absl::Span<const ContainerText> texts, absl::string_view key) {
  for (const ContainerText& text : texts) {
    if (text.key == key) return text.value;
  }
  return std::nullopt;
}

// Sampling that suits the model. A field that is not set has the request's own default.
struct SamplingDefaults {
  std::optional<double> temperature;
  std::optional<uint32_t> top_k;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<double> penalty_decay;
};

// The thing that a model's name was taken from (model_name.h).
enum class NameSource { kNone, kStated, kFile, kFolder };

struct ModelMetadata {
  std::string name;
  NameSource name_source = NameSource::kNone;
  std::string licence;
  std::string provenance;      // the source of the weights
  std::string example_prompt;  // a text that shows the model's purpose
  std::string source_format;   // "package", or the id of the format plugin that read the file
  std::string tokenizer_kind;  // id of the tokenizer plugin for the embedded vocabulary; "" if the file has none
  // In a package, the name of a template that skein knows (chat.h). In a checkpoint, such a name or the text of a
  // template in some language, which is no more than a clue: converters write one text into every file. "" if the file
  // has none.
  std::string chat_template;
  std::optional<uint32_t> end_token;       // end of text, where the file gives one
  std::vector<uint32_t> stop_tokens;       // further tokens that end an answer
  std::optional<uint32_t> trained_length;  // tokens of the longest text in training, where it is known
  SamplingDefaults sampling;
  // The arithmetic that the file was made for: the type other than float32 that its conversion named, or NONE (float32
  // activations).
  uint32_t compute_dtype = 0;
};

}  // namespace skein

#endif  // SKEIN_MODEL_METADATA_H_
