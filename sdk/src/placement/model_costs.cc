#include "placement/model_costs.h"

#include <algorithm>
#include <optional>

#include "base/status.h"
#include "devices/memory_plan.h"

namespace skein {

absl::StatusOr<ModelCosts> ModelCosts::Create(Runtime& runtime, const ModelFile& file, DeviceList available,
                                              const std::string& device_memory) {
  ModelCosts costs(runtime, file, std::move(available));
  for (const DeviceDescription& device : costs.available_.devices) costs.names_.emplace_back(device.info.name);
  SKEIN_ASSIGN_OR_RETURN(costs.limits_, ParseDeviceMemory(device_memory, costs.names_));
  return costs;
}

absl::StatusOr<MemoryBudget> ModelCosts::BudgetOn(size_t device) {
  if (!budgets_[device]) {
    SKEIN_ASSIGN_OR_RETURN(const std::shared_ptr<Device> opened, Open(device));
    const absl::StatusOr<uint64_t> free_bytes = opened->FreeMemory(info(device).memory_bytes);
    if (absl::IsResourceExhausted(free_bytes.status())) {
      // Not even the question finds room: the others may have some.
      budgets_[device] = {.bytes = 0, .reason = std::string(free_bytes.status().message())};
    } else {
      SKEIN_RETURN_IF_ERROR(free_bytes.status());
      budgets_[device] = BudgetOf(*free_bytes, info(device).memory_bytes, limits_[device]);
    }
  }
  return *budgets_[device];
}

absl::StatusOr<std::shared_ptr<Device>> ModelCosts::Open(size_t device) {
  if (opened_[device] == nullptr) {
    SKEIN_ASSIGN_OR_RETURN(opened_[device], runtime_.OpenDevice(available_.devices[device]));
  }
  return opened_[device];
}

absl::StatusOr<skein_segment_cost> ModelCosts::Query(const SegmentPlacement& segment, const SegmentSettings& settings) {
  SKEIN_ASSIGN_OR_RETURN(const std::shared_ptr<Device> device, Open(segment.device_index));
  const skein_backend_device& info = device->description().info;
  SKEIN_RETURN_IF_ERROR(CheckSettings(settings, info));
  return device->Query(DescribeSegment(file_, segment, settings, info));
}

absl::StatusOr<MemoryParts> ModelCosts::Of(const SegmentPlacement& segment, const SegmentSettings& settings) {
  SKEIN_ASSIGN_OR_RETURN(const skein_segment_cost cost, Query(segment, settings));
  return MemoryParts(cost, settings.limits.num_slots);
}

absl::Status ModelCosts::CheckRoom(absl::Span<const SegmentPlacement> segments, const SegmentSettings& settings) {
  MemoryNeed need;
  for (const SegmentPlacement& segment : segments) {
    SKEIN_ASSIGN_OR_RETURN(const skein_segment_cost cost, Query(segment, settings));
    SKEIN_ASSIGN_OR_RETURN(const MemoryBudget budget, BudgetOn(segment.device_index));
    SKEIN_RETURN_IF_ERROR(need.Add(names_[segment.device_index], budget, cost, settings.limits.num_slots));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SegmentPlacement>> ModelCosts::Plan(absl::Span<const size_t> devices,
                                                               const SegmentSettings& settings) {
  const auto room_of = [&](size_t device) -> absl::StatusOr<uint64_t> {
    SKEIN_ASSIGN_OR_RETURN(const MemoryBudget budget, BudgetOn(device));
    return budget.bytes;
  };
  const auto bytes_of = [&](const SegmentPlacement& segment) -> absl::StatusOr<uint64_t> {
    SKEIN_ASSIGN_OR_RETURN(const MemoryParts parts, Of(segment, settings));
    return parts.total();
  };
  return PlaceByMemory(devices, file_.config().num_layers, room_of, bytes_of);
}

std::vector<size_t> ModelCosts::WithMoreDevices(std::vector<size_t> devices, const SegmentSettings& settings) const {
  const auto is_of_host = [this](size_t device) { return info(device).memory_bytes == 0; };
  bool is_complete = std::any_of(devices.begin(), devices.end(), is_of_host);
  for (size_t i = 0; i < num_devices() && !is_complete; ++i) {
    const bool runs_model =
        (info(i).generations >> file_.config().generation & 1u) != 0 && CheckSettings(settings, info(i)).ok();
    if (!runs_model || std::find(devices.begin(), devices.end(), i) != devices.end()) continue;
    devices.push_back(i);
    is_complete = is_of_host(i);
  }
  return devices;
}

}  // namespace skein
