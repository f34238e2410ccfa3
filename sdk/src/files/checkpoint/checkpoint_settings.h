// The settings of a checkpoint beside its tensors: the metadata of its container, and, for Hugging Face's files,
// config.json and the chat template beside it. All settings are optional. Dimensions are read off the shapes alone.
// Vocabularies beside the file are left out: runtime/vocabulary_choice.h finds them for models of every kind.
#ifndef SKEIN_FILES_CHECKPOINT_CHECKPOINT_SETTINGS_H_
#define SKEIN_FILES_CHECKPOINT_CHECKPOINT_SETTINGS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/checkpoint/checkpoint.h"
#include "files/naming/scheme.h"
#include "model/config.h"
#include "model/metadata.h"

namespace skein {

struct CheckpointSettings {
  float norm_epsilon = 0;
  float group_norm_epsilon = 0;
  ModelMetadata metadata;                // with the name that the container states, if it states one
  absl::Span<const uint8_t> vocabulary;  // of metadata.tokenizer_kind; lives as long as the checkpoint
};

// `config` is that of NameTensors, `path` that of the checkpoint. INVALID_ARGUMENT: a value that makes no sense, or a
// config.json that contradicts the shapes; names file, key and both values.
absl::StatusOr<CheckpointSettings> ReadSettings(const Checkpoint& checkpoint, const std::string& path,
                                                const NamingScheme& scheme, const ModelConfig& config);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CHECKPOINT_SETTINGS_H_
