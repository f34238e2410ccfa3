// The place of a role's tensor in a tensor of a checkpoint, which may be transposed, or hold several roles.
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

// The shape of the stored tensor, for a role of shape [a, b] or [a], and n parts.
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
  uint8_t part = 0;       // of the roles in the tensor, this one
  uint8_t num_parts = 1;  // the number of roles in the tensor
};

// The stored shape without surplus dimensions of size 1. Not for kReshaped, which allows any shape.
std::vector<uint64_t> StoredShape(const StoredPart& part, absl::Span<const uint64_t> role_shape);

// The indices of the dimensions that remain when dimensions of size 1 are dropped, from the back, until `wanted` are
// left: [1, 1, C] is a vector, but [1, N] stays a matrix of one row. More or fewer than `wanted` remain if the shape
// does not allow that.
std::vector<size_t> SqueezedDims(absl::Span<const uint64_t> shape, size_t wanted);

// The place of a role in a packed tensor of StoredShape: element [i, j] is at `offset + i strides[0] + j strides[1]`.
struct PartLayout {
  uint64_t offset = 0;
  std::vector<uint64_t> strides;  // as many as the role has dimensions
};
PartLayout LayoutInPacked(const StoredPart& part, absl::Span<const uint64_t> role_shape);

// A view of the stored tensor in the shape and orientation of the role, for VisitElements. `stored` may have up to
// SKEIN_MAX_DIMS dimensions; every element is readable. Where no view is possible (blocks that would have to be cut or
// transposed, a reshape of a tensor that is not packed), the elements are written to `scratch`, as float32 if they come
// in blocks. `stored.data` may lie in `scratch`.
// INVALID_ARGUMENT: the stored tensor does not have the part's shape; names the expected one. And the codes of
// VisitElements.
absl::StatusOr<TensorView> ViewAsRole(const StoredPart& part, absl::Span<const uint64_t> role_shape,
                                      const TensorView& stored, const std::string& name, std::vector<uint8_t>& scratch);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_STORED_PART_H_
