// Which file of a folder is the model.
#ifndef SKEIN_FILES_CHECKPOINT_MODEL_FOLDER_H_
#define SKEIN_FILES_CHECKPOINT_MODEL_FOLDER_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// `path` itself unless it is a folder. Of a folder: model.safetensors.index.json, model.safetensors or
// pytorch_model.bin, in this order; or else the only file with the extension of a package or of one of `formats`.
// NOT_FOUND: there is none, or more than one; says what was looked for. Opens no file.
absl::StatusOr<std::string> ResolveModelPath(const std::string& path,
                                             absl::Span<const Plugin<skein_format_table>> formats);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_MODEL_FOLDER_H_
