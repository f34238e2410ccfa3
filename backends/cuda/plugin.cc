// The cuda backend: devices "cuda:0", "cuda:1" and so on, the NVIDIA GPUs of the machine. Where there is no driver or
// no GPU, the plugin loads and says why it has no devices. Nothing here calls CUDA before a device is asked for.
#include <cstdint>
#include <memory>
#include <string>

#include "cuda/devices.h"
#include "cuda/fence.h"
#include "cuda/segment.h"
#include "cuda/switches.h"
#include "kit/backend_table.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarning = 2;  // SKEIN_LOG_WARNING

class Device {
 public:
  Device(const skein_host& host, uint32_t index) : host_(host) {
    place_.device = UsableDevices()[index];
    place_.capability = CapabilityOf(place_.device);
    place_.switches = ReadSwitches();
    const std::string warning = SwitchWarning();
    if (host.log != nullptr && !warning.empty()) host.log(host.context, kWarning, warning.data(), warning.size());
  }

  uint64_t FreeMemory() const { return FreeMemoryOf(place_.device); }
  skein_segment_cost Cost(const skein_segment_desc& desc) const { return SegmentCost(place_, desc); }
  std::unique_ptr<Segment> MakeSegment(const skein_segment_desc& desc) const {
    return cuda::MakeSegment(host_, place_, desc);
  }

 private:
  const skein_host& host_;
  SegmentPlace place_;
};

struct Backend {
  using Device = cuda::Device;
  using Segment = cuda::Segment;
  using Fence = cuda::Fence;
  static constexpr const char* kId = "cuda";
  static constexpr const char* kDescription = "NVIDIA GPUs";
  static constexpr const char* kLibrary = "cuBLASLt";

  // Without the switch the table has no functions for them.
  static bool BeginsExports() { return ReadSwitches().async_states; }
  static bool BeginsImports() { return ReadSwitches().async_states; }
  static uint32_t NumDevices() { return static_cast<uint32_t>(UsableDevices().size()); }
  static skein_backend_device DescribeDevice(uint32_t index) { return cuda::DescribeDevice(UsableDevices()[index]); }
};

}  // namespace
}  // namespace skein::cuda

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::kit::AnswerForBackend<skein::cuda::Backend>(offer, answer, message);
}
