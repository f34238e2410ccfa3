// Finds the model, or the adapter, in a folder.
#ifndef SKEIN_FILES_CHECKPOINT_MODEL_FOLDER_H_
#define SKEIN_FILES_CHECKPOINT_MODEL_FOLDER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// `path` itself unless it is a folder. In a folder: model.safetensors.index.json, model.safetensors,
// pytorch_model.bin.index.json or pytorch_model.bin, in this order; or else the only file with the extension of a
// package or of one of `formats`. A GGUF model in shards counts as its first file, and a model of DeepSpeed's processes
// too. A folder without a model, in which DeepSpeed names the folder of its latest step, is that folder. NOT_FOUND:
// there is no such file, or more than one; names what was looked for.
absl::StatusOr<std::string> ResolveModelPath(const std::string& path,
                                             absl::Span<const Plugin<skein_format_table>> formats);

// The same for a file of another kind, with `usual_names` and `extensions` in the place of a model's. `what` is for the
// message: "an adapter".
absl::StatusOr<std::string> ResolveFolder(const std::string& path, absl::string_view what,
                                          absl::Span<const char* const> usual_names,
                                          const std::vector<std::string>& extensions);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_MODEL_FOLDER_H_
