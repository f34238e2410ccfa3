// The memory that a model needs on its devices, by what their backends say of its segments.
#ifndef SKEIN_DEVICES_MEMORY_NEED_H_
#define SKEIN_DEVICES_MEMORY_NEED_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "devices/device_memory.h"
#include "skein/backend.h"

namespace skein {

// The parts of a need. A part or a sum that does not fit its number is the largest number.
struct MemoryParts {
  MemoryParts() = default;
  MemoryParts(const skein_segment_cost& cost, uint32_t num_slots);

  uint64_t weights_bytes = 0;
  uint64_t states_bytes = 0;
  uint64_t scratch_bytes = 0;

  uint64_t total() const;
  // "weights 13.9 GiB, states 65.0 MiB in 130 slots, scratch 84.0 MiB".
  std::string Text(uint32_t num_slots) const;
};

// Adds up the segments of one model, device by device. Knows nothing of other models on the same devices.
class MemoryNeed {
 public:
  // Adds a segment of `num_slots` states on the device of that name. RESOURCE_EXHAUSTED: it would need more than
  // `budget`. The message has the parts.
  absl::Status Add(const std::string& device_name, const MemoryBudget& budget, const skein_segment_cost& cost,
                   uint32_t num_slots);

 private:
  std::map<std::string, MemoryParts> devices_;  // by name
};

}  // namespace skein

#endif  // SKEIN_DEVICES_MEMORY_NEED_H_
