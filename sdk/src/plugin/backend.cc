#include "plugin/backend.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "plugin/message.h"

namespace skein {

std::vector<DeviceDescription> ListDevices(const PluginRegistry& plugins, std::vector<std::string>& problems) {
  std::vector<DeviceDescription> devices;
  for (const Plugin<skein_backend_table>& plugin : plugins.backends()) {
    skein_message message = {};
    uint32_t count = 0;
    absl::Status status = FromPlugin(plugin.table->device_count(&count, &message), message, plugin.id);
    for (uint32_t i = 0; status.ok() && i < count; ++i) {
      DeviceDescription device = {plugin, i, {}};
      device.info.struct_size = sizeof(device.info);
      status = FromPlugin(plugin.table->device_info(i, &device.info, &message), message, plugin.id);
      device.info.name[sizeof(device.info.name) - 1] = '\0';
      device.info.description[sizeof(device.info.description) - 1] = '\0';
      if (status.ok()) devices.push_back(std::move(device));
    }
    if (!status.ok()) problems.push_back(std::string(status.message()));
  }
  std::stable_sort(devices.begin(), devices.end(),
                   [](const DeviceDescription& a, const DeviceDescription& b) { return a.info.rank > b.info.rank; });
  return devices;
}

absl::StatusOr<std::shared_ptr<Device>> Device::Open(const skein_host& host, const DeviceDescription& description) {
  skein_message message = {};
  void* handle = nullptr;
  SKEIN_RETURN_IF_ERROR(FromPlugin(description.plugin.table->device_open(&host, description.index, &handle, &message),
                                   message, description.plugin.id));
  return std::shared_ptr<Device>(new Device(description, handle));
}

Device::~Device() { description_.plugin.table->device_close(handle_); }

absl::StatusOr<skein_segment_cost> Device::Query(const skein_segment_desc& desc) const {
  skein_message message = {};
  skein_segment_cost cost = {};
  cost.struct_size = sizeof(cost);
  SKEIN_RETURN_IF_ERROR(
      FromPlugin(description_.plugin.table->query(handle_, &desc, &cost, &message), message, description_.plugin.id));
  if (cost.supported == 0) {
    return absl::UnimplementedError(absl::StrCat("device ", description_.info.name, ": ", message.text));
  }
  return cost;
}

absl::StatusOr<std::unique_ptr<Segment>> Segment::Create(std::shared_ptr<Device> device,
                                                         const skein_segment_desc& desc) {
  const DeviceDescription& description = device->description();
  skein_message message = {};
  void* handle = nullptr;
  SKEIN_RETURN_IF_ERROR(FromPlugin(description.plugin.table->segment_create(device->handle_, &desc, &handle, &message),
                                   message, description.plugin.id));
  return std::unique_ptr<Segment>(new Segment(std::move(device), desc, handle));
}

Segment::~Segment() { table().segment_destroy(handle_); }

absl::Status Segment::Check(int32_t code, const skein_message& message) const {
  return FromPlugin(code, message, device_->description().plugin.id);
}

absl::Status Segment::Put(const skein_tensor& tensor) {
  skein_message message = {};
  return Check(table().put_tensor(handle_, &tensor, &message), message);
}

absl::Status Segment::Seal() {
  skein_message message = {};
  return Check(table().seal(handle_, &message), message);
}

absl::Status Segment::ExportState(uint32_t slot, absl::Span<float> state) const {
  skein_message message = {};
  return Check(table().state_export(handle_, slot, state.data(), state.size(), &message), message);
}

absl::Status Segment::ImportState(uint32_t slot, absl::Span<const float> state) {
  skein_message message = {};
  return Check(table().state_import(handle_, slot, state.data(), state.size(), &message), message);
}

absl::Status Segment::InitState(uint32_t slot) {
  skein_message message = {};
  return Check(table().state_init(handle_, slot, &message), message);
}

absl::Status Segment::Step(const skein_step& step) {
  skein_message message = {};
  void* fence = nullptr;
  SKEIN_RETURN_IF_ERROR(Check(table().step(handle_, &step, &fence, &message), message));
  if (fence == nullptr) return absl::OkStatus();
  if (!SKEIN_HAS(skein_backend_table, &table(), fence_wait) ||
      !SKEIN_HAS(skein_backend_table, &table(), fence_release)) {
    return absl::InternalError(absl::StrCat(
        device_->description().plugin.id, ": step gave a fence, but the table offers no fence_wait or fence_release"));
  }
  absl::Status status = Check(table().fence_wait(fence, -1, &message), message);
  table().fence_release(fence);
  return status;
}

absl::StatusOr<skein_segment_work> Segment::Work() const {
  if (!SKEIN_HAS(skein_backend_table, &table(), segment_work)) {
    return absl::UnimplementedError(absl::StrCat(device_->description().plugin.id, ": does not count multiplications"));
  }
  skein_message message = {};
  skein_segment_work work = {};
  work.struct_size = sizeof(work);
  SKEIN_RETURN_IF_ERROR(Check(table().segment_work(handle_, &work, &message), message));
  work.library[sizeof(work.library) - 1] = '\0';
  return work;
}

}  // namespace skein
