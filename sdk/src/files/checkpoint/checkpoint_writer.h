// Writes a model as a `.safetensors` checkpoint with the names, shapes and orientations of the models' author, for
// other programs and for trainers.
#ifndef SKEIN_FILES_CHECKPOINT_CHECKPOINT_WRITER_H_
#define SKEIN_FILES_CHECKPOINT_CHECKPOINT_WRITER_H_

#include <string>

#include "absl/status/status.h"
#include "base/progress.h"
#include "files/package/manifest.h"
#include "files/package/output_file.h"
#include "model/model_file.h"

namespace skein {

// Writes `in` to `path`, which appears whole or not at all. The type of each tensor is that of `description.tensors`.
// It is float32 where that is q8 or q4, and where a tensor holds several roles of different types. The initial state is
// written as `time_state` tensors. "__metadata__" has "format" and, under the keys that plugin.h names, the name,
// licence, vocabulary, end token and chat template of `description`, and the epsilons that are not the author's.
// Provenance, example prompt, stop tokens and sampling have no place there. FAILED_PRECONDITION: `time_state` tensors
// cannot hold the initial state. INVALID_ARGUMENT: text that is not UTF-8. And the codes of ReadTensor and OutputFile.
absl::Status WriteCheckpoint(const ModelFile& in, const Manifest& description, const std::string& path,
                             IfExists if_exists, const ProgressScope& scope);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CHECKPOINT_WRITER_H_
