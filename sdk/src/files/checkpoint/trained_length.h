// How long the texts were that a checkpoint's model was trained with, where anything says it.
#ifndef SKEIN_FILES_CHECKPOINT_TRAINED_LENGTH_H_
#define SKEIN_FILES_CHECKPOINT_TRAINED_LENGTH_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "files/checkpoint/checkpoint.h"
#include "files/naming/scheme.h"

namespace skein {

// The length that a name in the manner of the models' author tells: "rwkv7-g1-1.5b-20250429-ctx4096" was trained with
// 4096 tokens, and "ctx32k" is 32768. nullopt: the name has no such part.
std::optional<uint32_t> TrainedLengthOfName(absl::string_view name);

// The first of these that says anything, in tokens: "skein.trained_length" of the container; the model's `name`; the
// "context_length" of GGUF's architecture; config.json. The 1048576 that converters to GGUF write for every RWKV says
// nothing. INVALID_ARGUMENT: a skein.trained_length that is no number from 1 to 4294967295, or a config.json that is no
// JSON object; names file and key.
absl::StatusOr<std::optional<uint32_t>> FindTrainedLength(const Checkpoint& checkpoint, const std::string& path,
                                                          const NamingScheme& scheme, absl::string_view name);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_TRAINED_LENGTH_H_
