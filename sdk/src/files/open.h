// From a path to a model: which container, which naming scheme.
#ifndef SKEIN_FILES_OPEN_H_
#define SKEIN_FILES_OPEN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/adapter/adapter.h"
#include "model/model_file.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// Changes to a model while it is opened.
struct ModelChanges {
  std::vector<AdapterSource> adapters;  // merged into its weights, one after the other
  std::string state_path;               // of a state (state_file.h), in place of the file's initial state; "": none
};

// Opens a model and checks everything but the values of its weights. Puts nothing on a device.
//
// `path` is a file, or a folder that holds one under its usual name (model_folder.h), or "synthetic:SHAPE"
// (synthetic_weights.h). Packages are read here, all other files by `formats`. `host` must outlive the ModelFile.
// NOT_FOUND: no such file, or no model in the folder. INVALID_ARGUMENT: no format plugin recognises the file, or its
// tensors do not make a model. UNIMPLEMENTED: the file is recognised, but this version does not run its generation,
// naming scheme or type. DATA_LOSS: truncated or corrupt. And the codes of MergeAdapters and ReadStateFile.
absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(absl::Span<const Plugin<skein_format_table>> formats,
                                                         const skein_host& host, const std::string& path,
                                                         FileAccess access, const ModelChanges& changes = {});

}  // namespace skein

#endif  // SKEIN_FILES_OPEN_H_
