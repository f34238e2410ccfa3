// What a model file says about the model beside its dimensions and weights. All text is UTF-8.
#ifndef SKEIN_MODEL_METADATA_H_
#define SKEIN_MODEL_METADATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace skein {

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
  std::string provenance;             // where the weights come from
  std::string example_prompt;         // a text that shows what the model does
  std::string source_format;          // "package", or the id of the format plugin that read the file
  std::string tokenizer_kind;         // id of the tokenizer plugin for the embedded vocabulary; "" if the file has none
  std::optional<uint32_t> end_token;  // end of text, where the file says
  std::vector<uint32_t> stop_tokens;  // further tokens that end an answer
  SamplingDefaults sampling;
  // Arithmetic that the file was made for: NONE (float32 activations), or the 16-bit type that it was converted to by
  // name.
  uint32_t compute_dtype = 0;
};

}  // namespace skein

#endif  // SKEIN_MODEL_METADATA_H_
