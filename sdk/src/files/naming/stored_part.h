// How the tensor of a role lies in a tensor of a checkpoint, which may be turned, or hold several roles.
#ifndef SKEIN_FILES_NAMING_STORED_PART_H_
#define SKEIN_FILES_NAMING_STORED_PART_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/tensor.h"

namespace skein {

// The shape of what is stored, for a role of shape [a, b] or [a], and n parts.
enum class Stored : uint8_t {
  kAsRole,         // [a, b]
  kTransposed,     // [b, a]
  kReshaped,       // the elements in the same order, in any other shape
  kRow,            // one row of [n, a, b]
  kTransposedRow,  // one row of [n, b, a]
  kRows,           // a run of rows of [n a, b]
  kColumns,        // a run of columns of [b, n a]
};

struct StoredPart {
  Stored stored = Stored::kAsRole;
  uint8_t part = 0;       // of a tensor that holds several roles, this one ...
  uint8_t num_parts = 1;  // ... of so many
};

// The stored shape without dimensions of size 1 that do not count. Not for kReshaped, where there are many.
std::vector<uint64_t> StoredShape(const StoredPart& part, absl::Span<const uint64_t> role_shape);

// The dimensions that remain of a stored tensor of `shape` when those of size 1 are dropped, from the back, until
// `wanted` are left: [1, 1, C] is a vector, but [1, N] stays a matrix of one row. More or fewer than `wanted` if it has
// no such shape.
std::vector<size_t> SqueezedDims(absl::Span<const uint64_t> shape, size_t wanted);

// The place of a role in a packed tensor of StoredShape: element [i, j] is `offset + i strides[0] + j strides[1]`.
struct PartLayout {
  uint64_t offset = 0;
  std::vector<uint64_t> strides;  // as many as the role has dimensions
};
PartLayout LayoutInPacked(const StoredPart& part, absl::Span<const uint64_t> role_shape);

// The stored tensor as a view in shape and orientation of the role: one that VisitElements can walk. `stored` may have
// up to SKEIN_MAX_DIMS dimensions; every element is readable. Where a view cannot do it (blocks that would have to be
// cut or turned, a reshape of what is not packed) the elements are written to `scratch`, as float32 if they come in
// blocks; `stored.data` may lie in `scratch`.
// INVALID_ARGUMENT: another shape than the part has; names what was expected. And the codes of VisitElements.
absl::StatusOr<TensorView> ViewAsRole(const StoredPart& part, absl::Span<const uint64_t> role_shape,
                                      const TensorView& stored, const std::string& name, std::vector<uint8_t>& scratch);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_STORED_PART_H_
