// A checkpoint of any format and naming scheme as a source of weights.
#ifndef SKEIN_FILES_CHECKPOINT_CHECKPOINT_WEIGHTS_H_
#define SKEIN_FILES_CHECKPOINT_CHECKPOINT_WEIGHTS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "model/model_contents.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// The model in a checkpoint. `host` must outlive the result. The codes of Checkpoint::Open, NameTensors and
// ReadSettings.
absl::StatusOr<ModelContents> OpenCheckpoint(absl::Span<const Plugin<skein_format_table>> formats,
                                             const skein_host& host, std::unique_ptr<File> file);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CHECKPOINT_WEIGHTS_H_
