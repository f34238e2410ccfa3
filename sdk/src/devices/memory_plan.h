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

// A device, and the bytes that the model may take there.
struct PlanDevice {
  size_t device_index = 0;  // as in SegmentPlacement
  uint64_t bytes = 0;
};

// Gives each of `devices`, which is not empty, as many of the layers that are left as fit in its bytes, in this order.
// The embedding goes with the first segment, the head with the last. A device that has no room for a layer is left out.
// The last device gets all that is left, whether it fits or not. A cut always has layers on both sides. The codes are
// those of `bytes_of`.
absl::StatusOr<std::vector<SegmentPlacement>> PlaceByMemory(absl::Span<const PlanDevice> devices, uint32_t num_layers,
                                                            SegmentBytes bytes_of);

}  // namespace skein

#endif  // SKEIN_DEVICES_MEMORY_PLAN_H_
