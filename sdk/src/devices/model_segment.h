// A segment of a model as its device is told of it. Loads nothing.
#ifndef SKEIN_DEVICES_MODEL_SEGMENT_H_
#define SKEIN_DEVICES_MODEL_SEGMENT_H_

#include <cstdint>

#include "devices/placement.h"
#include "devices/precision.h"
#include "model/model_file.h"
#include "skein/backend.h"

namespace skein {

// The room that every device makes.
struct SegmentLimits {
  uint32_t num_slots = 0;
  uint32_t max_tokens = 0;
  uint32_t max_entries = 0;
};

// The settings that all segments of a model have in common.
struct SegmentSettings {
  Precision precision;
  uint32_t state_type = SKEIN_DTYPE_F32;  // skein_segment_desc.state_type
  bool is_deterministic = false;          // a row's results never depend on the other rows of its step
  SegmentLimits limits;
};

// Whether a tensor of the model lies in the segment.
bool BelongsTo(const TensorSpec& tensor, const SegmentPlacement& segment);

// The description of the segment for `device`, as `query` and `segment_create` take it.
skein_segment_desc DescribeSegment(const ModelFile& file, const SegmentPlacement& placed,
                                   const SegmentSettings& settings, const skein_backend_device& device);

// UNIMPLEMENTED: the device does not offer the types of the settings, or not deterministic segments in them.
absl::Status CheckSettings(const SegmentSettings& settings, const skein_backend_device& device);

}  // namespace skein

#endif  // SKEIN_DEVICES_MODEL_SEGMENT_H_
