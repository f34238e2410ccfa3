// Reading a tensor of a checkpoint in the shape and orientation of a role.
#ifndef SKEIN_FILES_CHECKPOINT_CHECKPOINT_PART_H_
#define SKEIN_FILES_CHECKPOINT_CHECKPOINT_PART_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/checkpoint/checkpoint.h"
#include "files/naming/stored_part.h"
#include "model/tensor.h"

namespace skein {

// A view of the `part` of tensor `index`. It points into the file where the container allows, else into `scratch`. The
// codes of ViewAsRole and Checkpoint::Look.
absl::StatusOr<TensorView> ViewPart(const Checkpoint& checkpoint, size_t index, const StoredPart& part,
                                    absl::Span<const uint64_t> role_shape, std::vector<uint8_t>& scratch);

// The values of the same part as float32, row-major. `values` has room for them. The codes of ViewPart and
// CopyElements.
absl::Status ReadPart(const Checkpoint& checkpoint, size_t index, const StoredPart& part,
                      absl::Span<const uint64_t> role_shape, float* values);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CHECKPOINT_PART_H_
