// The disk that a model's options give to its states.
#ifndef SKEIN_ENGINE_DISK_STATES_H_
#define SKEIN_ENGINE_DISK_STATES_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "model/model_file.h"
#include "placement/model_placer.h"
#include "runtime/options.h"
#include "state/state_disk.h"

namespace skein {

// Opens `state_folder`; nullptr if it is not set. States there are of this file's weights, adapters and initial state
// at this placement and its precision, and of no other. `max_host_states`: what host memory has room for, through which
// they go. INVALID_ARGUMENT: `state_disk` is no size or too small, or host memory is; others as StateDisk::Open and
// ModelFile::Fingerprint.
absl::StatusOr<std::shared_ptr<StateDisk>> OpenDiskStates(const ModelFile& file, const ModelPlacement& placement,
                                                          uint64_t max_host_states, const Options& options);

}  // namespace skein

#endif  // SKEIN_ENGINE_DISK_STATES_H_
