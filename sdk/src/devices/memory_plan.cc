#include "devices/memory_plan.h"

#include "base/status.h"

namespace skein {
namespace {

// The largest number of layers with which `segment`, whose other fields are set, fits in `bytes`; 0 if none does. The
// number that is given was asked for, also where the cost does not grow with the layers.
absl::StatusOr<uint32_t> MostLayers(SegmentPlacement segment, uint32_t num_left, uint64_t bytes,
                                    SegmentBytes bytes_of) {
  uint32_t fits = 0;
  uint32_t too_many = num_left;  // the last layer goes with the head, which is elsewhere
  while (fits + 1 < too_many) {
    segment.num_layers = fits + (too_many - fits) / 2;
    SKEIN_ASSIGN_OR_RETURN(const uint64_t needed, bytes_of(segment));
    (needed <= bytes ? fits : too_many) = segment.num_layers;
  }
  return fits;
}

}  // namespace

absl::StatusOr<std::vector<SegmentPlacement>> PlaceByMemory(absl::Span<const size_t> devices, uint32_t num_layers,
                                                            RoomBytes room_of, SegmentBytes bytes_of) {
  std::vector<SegmentPlacement> segments;
  uint32_t next_layer = 0;
  for (const size_t& device : devices) {
    SegmentPlacement segment = {device, next_layer, num_layers - next_layer, next_layer == 0, true};
    const bool is_last = &device == &devices.back();
    if (is_last) {
      segments.push_back(segment);
      return segments;
    }
    SKEIN_ASSIGN_OR_RETURN(const uint64_t needed, bytes_of(segment));
    SKEIN_ASSIGN_OR_RETURN(const uint64_t room, room_of(device));
    if (needed <= room) {
      segments.push_back(segment);
      return segments;
    }
    segment.head = false;
    SKEIN_ASSIGN_OR_RETURN(segment.num_layers, MostLayers(segment, segment.num_layers, room, bytes_of));
    if (segment.num_layers > 0) segments.push_back(segment);
    next_layer += segment.num_layers;
  }
  return segments;
}

}  // namespace skein
