#include "files/checkpoint/checkpoint_part.h"

#include "base/status.h"
#include "model/elements.h"
#include "skein/dtype.h"

namespace skein {

absl::StatusOr<TensorView> ViewPart(const Checkpoint& checkpoint, size_t index, const StoredPart& part,
                                    absl::Span<const uint64_t> role_shape, std::vector<uint8_t>& scratch) {
  const CheckpointTensor& tensor = checkpoint.tensors()[index];
  SKEIN_ASSIGN_OR_RETURN(const uint8_t* data, checkpoint.Look(index, scratch));
  const TensorView stored = {tensor.dtype, tensor.shape, tensor.strides, data};
  return ViewAsRole(part, role_shape, stored, tensor.name, scratch);
}

absl::Status ReadPart(const Checkpoint& checkpoint, size_t index, const StoredPart& part,
                      absl::Span<const uint64_t> role_shape, float* values) {
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const TensorView view, ViewPart(checkpoint, index, part, role_shape, scratch));
  return CopyElements(view, checkpoint.tensors()[index].name, SKEIN_DTYPE_F32, reinterpret_cast<uint8_t*>(values));
}

}  // namespace skein
