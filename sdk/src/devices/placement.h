// Which device runs which layers, as the caller names them. Nothing here chooses by cost: memory_plan.h does.
#ifndef SKEIN_DEVICES_PLACEMENT_H_
#define SKEIN_DEVICES_PLACEMENT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

// A contiguous range of layers on one device.
struct SegmentPlacement {
  size_t device_index = 0;  // in the list that ParsePlacement was given
  uint32_t first_layer = 0;
  uint32_t num_layers = 0;
  bool embedding = false;  // starts from tokens: the first segment
  bool head = false;       // ends with logits: the last segment
};

// Reads `text` with the names of the devices, the best first. "" is the first device, "cpu" one device for all layers,
// "cpu=0-11,reference=12-23" a split (both ends included; a device may occur twice). The segments come in order of
// layers and cover every layer once. NOT_FOUND: no such device; lists those there are. INVALID_ARGUMENT: the message
// names the piece at fault.
absl::StatusOr<std::vector<SegmentPlacement>> ParsePlacement(absl::string_view text,
                                                             absl::Span<const std::string> device_names,
                                                             uint32_t num_layers);

// Whether `text` is a list of devices without layers, "cuda:0,cpu", which memory decides on.
bool IsDeviceList(absl::string_view text);

// The indices of the devices in such a list, in its order. NOT_FOUND as above. INVALID_ARGUMENT: a device twice.
absl::StatusOr<std::vector<size_t>> ParseDeviceList(absl::string_view text, absl::Span<const std::string> device_names);

// The text from which ParsePlacement makes `segments`.
std::string FormatPlacement(absl::Span<const SegmentPlacement> segments, absl::Span<const std::string> device_names);

}  // namespace skein

#endif  // SKEIN_DEVICES_PLACEMENT_H_
