// The memory that a model needs on its devices, by what their backends say of its segments.
#ifndef SKEIN_DEVICES_MEMORY_NEED_H_
#define SKEIN_DEVICES_MEMORY_NEED_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "skein/backend.h"

namespace skein {

// Adds up the segments of one model, device by device. Knows nothing of other models on the same devices.
class MemoryNeed {
 public:
  // Adds a segment of `num_slots` states on `device`. RESOURCE_EXHAUSTED: its device would need more than its
  // memory_bytes, or, where the device does not know them, more than any machine can address. The message has the
  // parts.
  absl::Status Add(const skein_backend_device& device, const skein_segment_cost& cost, uint32_t num_slots);

 private:
  std::map<std::string, uint64_t> bytes_;  // by name of the device
};

}  // namespace skein

#endif  // SKEIN_DEVICES_MEMORY_NEED_H_
