// Files of states that streams can start from: tuned states (tuned_state.h) and running ones (running_state.h), in any
// container that a format plugin reads.
#ifndef SKEIN_FILES_STATE_FILE_H_
#define SKEIN_FILES_STATE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/config.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// Reads the state in the file at `path` for a model of `config`, in canonical layout (backend.h), all layers.
// UNIMPLEMENTED: a `.st`. web-rwkv's states in such files are transposed, and nothing in them says so. And the codes of
// Checkpoint::Open, ReadTunedState and ReadRunningState. Messages start with the path.
absl::StatusOr<std::vector<float>> ReadStateFile(absl::Span<const Plugin<skein_format_table>> formats,
                                                 const skein_host& host, const std::string& path,
                                                 const ModelConfig& config);

}  // namespace skein

#endif  // SKEIN_FILES_STATE_FILE_H_
