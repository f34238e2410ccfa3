#include "devices/model_segment.h"

#include <algorithm>
#include <iterator>

#include "base/status.h"
#include "numbers/roles.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// The type that most bytes of a segment's matrices will have.
uint32_t DominantType(const ModelFile& file, const SegmentPlacement& segment, const Precision& precision,
                      const skein_backend_device& device) {
  uint64_t bytes[32] = {};
  for (const TensorSpec& tensor : file.tensors()) {
    if (BelongsTo(tensor, segment) && IsMatrixRole(tensor.role)) {
      bytes[WeightTypeOn(device, precision, tensor) % 32] += tensor.size_bytes;
    }
  }
  const auto largest = std::max_element(std::begin(bytes), std::end(bytes));
  return *largest == 0 ? uint32_t{SKEIN_DTYPE_F32} : static_cast<uint32_t>(largest - std::begin(bytes));
}

}  // namespace

bool BelongsTo(const TensorSpec& tensor, const SegmentPlacement& segment) {
  switch (tensor.role) {
    case SKEIN_ROLE_EMBEDDING:
    case SKEIN_ROLE_EMBEDDING_NORM_W:
    case SKEIN_ROLE_EMBEDDING_NORM_B:
      return segment.embedding;
    case SKEIN_ROLE_OUTPUT_NORM_W:
    case SKEIN_ROLE_OUTPUT_NORM_B:
    case SKEIN_ROLE_HEAD:
      return segment.head;
    default:
      return tensor.layer >= segment.first_layer && tensor.layer - segment.first_layer < segment.num_layers;
  }
}

skein_segment_desc DescribeSegment(const ModelFile& file, const SegmentPlacement& placed,
                                   const SegmentSettings& settings, const skein_backend_device& device) {
  skein_segment_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.flags = (placed.embedding ? SKEIN_SEGMENT_EMBEDDING : 0) | (placed.head ? SKEIN_SEGMENT_HEAD : 0);
  desc.first_layer = placed.first_layer;
  desc.num_layers = placed.num_layers;
  desc.num_slots = settings.limits.num_slots;
  desc.max_tokens = settings.limits.max_tokens;
  desc.max_entries = settings.limits.max_entries;
  desc.weight_type = DominantType(file, placed, settings.precision, device);
  desc.compute_type = ComputeTypeFor(device, settings.precision, desc.weight_type);
  desc.model = file.config();
  desc.state_type = settings.state_type;
  const bool is_promised = (device.deterministic_types >> desc.compute_type & 1u) != 0;
  if (settings.is_deterministic && !is_promised) desc.flags |= SKEIN_SEGMENT_DETERMINISTIC;
  return desc;
}

absl::Status CheckSettings(const SegmentSettings& settings, const skein_backend_device& device) {
  SKEIN_RETURN_IF_ERROR(CheckPrecision(settings.precision, device));
  SKEIN_RETURN_IF_ERROR(CheckStateType(settings.state_type, device));
  return settings.is_deterministic ? CheckDeterministic(settings.precision, device) : absl::OkStatus();
}

}  // namespace skein
