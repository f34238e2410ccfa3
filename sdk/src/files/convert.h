// Converts a model file to a .skein package, or to a checkpoint in the names of the models' author.
#ifndef SKEIN_FILES_CONVERT_H_
#define SKEIN_FILES_CONVERT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/progress.h"
#include "model/model_file.h"

namespace skein {

// A tokenizer to embed: the id of its plugin and the vocabulary. The vocabulary of "bytes" is empty.
struct TokenizerSource {
  std::string kind;
  std::string vocabulary;
};

// Fields that are not set keep the input's value.
struct ConvertOptions {
  // "auto": every tensor keeps the type of its values. "f32", "f16", "bf16", "q8", "q4": matrices get the type that
  // TypeInModel (matrix_type.h) gives. A named type other than f32 is also the arithmetic that the package is made for
  // (ModelMetadata::compute_dtype). A checkpoint cannot hold q8 and q4: they cannot be named for one, and tensors that
  // the input has in them become float32.
  std::string type = "auto";
  // The layout of a package's matrices other than the embedding: "panels" or "rows" (skein/dtype.h). Not set: panels. A
  // checkpoint has rows.
  std::optional<std::string> layout;
  std::optional<TokenizerSource> tokenizer;
  std::optional<std::string> name;
  std::optional<std::string> licence;
  std::optional<std::string> provenance;
  std::optional<std::string> example_prompt;
  std::optional<std::string> chat_template;  // name of a template (chat.h)
  std::optional<uint32_t> end_token;
  std::optional<uint32_t> trained_length;  // at least 1
  bool overwrite = false;                  // true: replace the output if it exists
};

// Converts `in` to a package at `out_path`, or, where `out_path` ends in ".safetensors", to a checkpoint (see
// checkpoint_writer.h). The output appears whole or not at all. `progress` may be nullptr.
// INVALID_ARGUMENT: no such type or layout, text that is not UTF-8, or a thing at `out_path` that is no regular file.
// ALREADY_EXISTS: `out_path`, without `overwrite`. With it, the new file has the permissions of the old one.
// OUT_OF_RANGE: a value is too large for the type; names the tensor. And the codes of ModelFile::ReadTensor.
absl::Status Convert(const ModelFile& in, const std::string& out_path, const ConvertOptions& options,
                     Progress* progress);

}  // namespace skein

#endif  // SKEIN_FILES_CONVERT_H_
