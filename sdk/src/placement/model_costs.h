// The cost of a model on the devices of this process, by what their backends say, and the memory that it may take
// there. Opens devices, loads nothing.
#ifndef SKEIN_PLACEMENT_MODEL_COSTS_H_
#define SKEIN_PLACEMENT_MODEL_COSTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "devices/device_memory.h"
#include "devices/memory_need.h"
#include "devices/model_segment.h"
#include "devices/placement.h"
#include "model/model_file.h"
#include "plugin/backend.h"
#include "plugin/device_list.h"
#include "runtime/runtime.h"

namespace skein {

// Devices go by their index in `available`. Threads: one at a time.
class ModelCosts {
 public:
  // `available` is what runtime.ListDevices gave. `device_memory` is the option. `runtime` and `file` outlive the
  // result. The codes of ParseDeviceMemory.
  static absl::StatusOr<ModelCosts> Create(Runtime& runtime, const ModelFile& file, DeviceList available,
                                           const std::string& device_memory);

  size_t num_devices() const { return available_.devices.size(); }
  const skein_backend_device& info(size_t device) const { return available_.devices[device].info; }
  absl::Span<const std::string> names() const { return names_; }
  // From here on, in place of what the device says.
  void SetBudget(size_t device, MemoryBudget budget) { budgets_[device] = std::move(budget); }

  // The device, opened the first time.
  absl::StatusOr<std::shared_ptr<Device>> Open(size_t device);

  // UNIMPLEMENTED: the device does not run the segment, or does not offer a type of `settings`.
  absl::StatusOr<MemoryParts> Of(const SegmentPlacement& segment, const SegmentSettings& settings);

  // RESOURCE_EXHAUSTED: a device has no room for its segments. And the codes of Of.
  absl::Status CheckRoom(absl::Span<const SegmentPlacement> segments, const SegmentSettings& settings);

  // PlaceByMemory (memory_plan.h) over `devices`. The last one may have too little.
  absl::StatusOr<std::vector<SegmentPlacement>> Plan(absl::Span<const size_t> devices, const SegmentSettings& settings);

  // `devices`, and behind them, the best first, the others that run the model with `settings`, up to the first whose
  // memory is not known. That one computes in the host's memory, and so would those behind it. No more if `devices` has
  // such a one.
  std::vector<size_t> WithMoreDevices(std::vector<size_t> devices, const SegmentSettings& settings) const;

 private:
  ModelCosts(Runtime& runtime, const ModelFile& file, DeviceList available)
      : runtime_(runtime),
        file_(file),
        available_(std::move(available)),
        budgets_(available_.devices.size()),
        opened_(available_.devices.size()) {}

  // The memory that the model may take on a device, which is asked for it the first time.
  absl::StatusOr<MemoryBudget> BudgetOn(size_t device);
  absl::StatusOr<skein_segment_cost> Query(const SegmentPlacement& segment, const SegmentSettings& settings);

  Runtime& runtime_;
  const ModelFile& file_;
  const DeviceList available_;
  std::vector<std::string> names_;
  std::vector<std::optional<uint64_t>> limits_;       // of the option
  std::vector<std::optional<MemoryBudget>> budgets_;  // of devices that were asked
  std::vector<std::shared_ptr<Device>> opened_;       // nullptr: not yet
};

}  // namespace skein

#endif  // SKEIN_PLACEMENT_MODEL_COSTS_H_
