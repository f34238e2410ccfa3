// Which device runs which layers, by memory: the first devices are filled, and the rest goes to the next ones. Knows
// costs as a function, and no device.
#ifndef SKEIN_DEVICES_MEMORY_PLAN_H_
#define SKEIN_DEVICES_MEMORY_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "devices/placement.h"

namespace skein {

// The bytes that a segment takes on its device, states and scratch included.
using SegmentBytes = absl::FunctionRef<absl::StatusOr<uint64_t>(const SegmentPlacement&)>;

// The bytes that the model may take on a device. Asked only of those that are reached.
using RoomBytes = absl::FunctionRef<absl::StatusOr<uint64_t>(size_t device_index)>;

// Gives each of `devices` (device_index of SegmentPlacement), which is not empty, as many of the layers that are left
// as fit in its room, in this order. The embedding goes with the first segment, the head with the last. A device that
// has no room for a layer is left out. The last device gets all that is left, whether it fits or not. A cut always has
// layers on both sides. The codes are those of `room_of` and `bytes_of`.
absl::StatusOr<std::vector<SegmentPlacement>> PlaceByMemory(absl::Span<const size_t> devices, uint32_t num_layers,
                                                            RoomBytes room_of, SegmentBytes bytes_of);

}  // namespace skein

#endif  // SKEIN_DEVICES_MEMORY_PLAN_H_
