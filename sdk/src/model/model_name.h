// The name of a model: by one rule, whatever its container is.
#ifndef SKEIN_MODEL_MODEL_NAME_H_
#define SKEIN_MODEL_MODEL_NAME_H_

#include <string>

#include "absl/strings/string_view.h"
#include "model/metadata.h"

namespace skein {

struct ModelName {
  std::string name;  // UTF-8
  NameSource source = NameSource::kNone;
};

// The first of these that says anything:
//   `stated`, the name in the file itself (general.name of GGUF, the manifest of a package; "": none);
//   the name of the file at `path` without its extension and without the number of a shard;
//   the name of the file's folder, after symbolic links; in a cache of Hugging Face that of the repository;
//   the name of the file to which a symbolic link leads.
// If none does, the file's name without its extension. Names that say nothing: "", those that programs give to every
// model ("model", "pytorch_model", "ggml-model-f16", "mp_rank_00_model_states", ...), and checksums.
ModelName NameModel(absl::string_view stated, const std::string& path);

// Whether the file at `path` has a name that programs give to every model. Then it stands in a folder of its own, and
// the files beside it belong to it.
bool IsNamedByItsFolder(const std::string& path);

// The source of a file's name in words: "manifest", "metadata" (of a checkpoint), "file name" or "folder name"; ""
// for kNone.
absl::string_view NameSourceText(const ModelMetadata& metadata);

}  // namespace skein

#endif  // SKEIN_MODEL_MODEL_NAME_H_
