// "config.json" beside the checkpoints of Hugging Face and flash-linear-attention.
#ifndef SKEIN_FILES_CHECKPOINT_CONFIG_FILE_H_
#define SKEIN_FILES_CHECKPOINT_CONFIG_FILE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "files/checkpoint/checkpoint.h"
#include "model/config.h"

namespace skein {

// In these functions `path` is that of the checkpoint, a file that is not there says nothing, and INVALID_ARGUMENT is a
// file that is no JSON object.

// Whether the head is the embedding ("tie_word_embeddings").
absl::StatusOr<bool> ConfigTiesHead(const Checkpoint& checkpoint, const std::string& path);

// The length of texts in training that the file names; nullopt: none. Whoever writes such files for RWKV calls it
// "context_length", "ctx_len" or "max_position_embeddings".
absl::StatusOr<std::optional<uint32_t>> ConfigTrainedLength(const Checkpoint& checkpoint, const std::string& path);

// Checks the file against `config`, and takes the LayerNorms' epsilon from it. INVALID_ARGUMENT: a dimension
// contradicts the shapes, or an epsilon makes no sense. UNIMPLEMENTED: another activation than the squared ReLU. Names
// file, key and value.
absl::Status ReadConfigFile(const Checkpoint& checkpoint, const std::string& path, const ModelConfig& config,
                            float* norm_epsilon);

// UNIMPLEMENTED unless `name` is one of the squared ReLU, the activation of the channel-mix in every generation.
// `where` begins the message.
absl::Status CheckActivation(const std::string& where, const std::string& name);

// OK if `epsilon` may be one of a norm. `where` begins the message.
absl::Status CheckEpsilon(const std::string& where, double epsilon);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CONFIG_FILE_H_
