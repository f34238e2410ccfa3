// The backend table of a plugin as checked C++: devices and segments that own what they hold, with statuses instead of
// codes.
#ifndef SKEIN_PLUGIN_BACKEND_H_
#define SKEIN_PLUGIN_BACKEND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "plugin/registry.h"
#include "skein/backend.h"

namespace skein {

// A device that some loaded backend offers.
struct DeviceDescription {
  Plugin<skein_backend_table> plugin;
  uint32_t index;  // in the plugin
  skein_backend_device info;
};

// All devices of all backends, the preferred first. A backend whose enumeration fails offers none, and is named in
// `problems`.
std::vector<DeviceDescription> ListDevices(const PluginRegistry& plugins, std::vector<std::string>& problems);

// An open device. Threads: any.
class Device {
 public:
  static absl::StatusOr<std::shared_ptr<Device>> Open(const skein_host& host, const DeviceDescription& description);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceDescription& description() const { return description_; }
  // UNIMPLEMENTED with the backend's reason if it would not run the segment.
  absl::StatusOr<skein_segment_cost> Query(const skein_segment_desc& desc) const;

 private:
  friend class Segment;
  Device(const DeviceDescription& description, void* handle) : description_(description), handle_(handle) {}

  const DeviceDescription description_;
  void* const handle_;
};

// A segment of a model on a device. Threads: one at a time.
class Segment {
 public:
  static absl::StatusOr<std::unique_ptr<Segment>> Create(std::shared_ptr<Device> device,
                                                         const skein_segment_desc& desc);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  const skein_segment_desc& desc() const { return desc_; }
  const Device& device() const { return *device_; }

  absl::Status Put(const skein_tensor& tensor);
  absl::Status Seal();
  absl::Status ExportState(uint32_t slot, absl::Span<float> state) const;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> state);
  absl::Status InitState(uint32_t slot);
  // Runs a step and waits for it. Entries carry their own statuses.
  absl::Status Step(const skein_step& step);
  // What it has multiplied so far. UNIMPLEMENTED: its backend does not count.
  absl::StatusOr<skein_segment_work> Work() const;

 private:
  Segment(std::shared_ptr<Device> device, const skein_segment_desc& desc, void* handle)
      : device_(std::move(device)), desc_(desc), handle_(handle) {}
  absl::Status Check(int32_t code, const skein_message& message) const;
  const skein_backend_table& table() const { return *device_->description().plugin.table; }

  const std::shared_ptr<Device> device_;
  const skein_segment_desc desc_;
  void* const handle_;
};

}  // namespace skein

#endif  // SKEIN_PLUGIN_BACKEND_H_
