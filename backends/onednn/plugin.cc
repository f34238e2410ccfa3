// The onednn backend: device "cpu". Matrix products by oneDNN where there are many rows, everything else by Highway
// kernels.
#include <string>

#include "host/host_segment.h"
#include "host/processor.h"
#include "kit/backend_table.h"
#include "onednn/cpu.h"
#include "onednn/matmul.h"
#include "onednn/panel_primitives.h"
#include "onednn/segment_runner.h"

namespace skein::onednn {
namespace {

enum class Severity : uint32_t { kDebug = 0, kWarning = 2 };  // as SKEIN_LOG_*

void Log(const skein_host& host, Severity severity, const std::string& text) {
  if (host.log == nullptr || text.empty()) return;
  host.log(host.context, static_cast<uint32_t>(severity), text.data(), text.size());
}

// Makes oneDNN ready for the instructions that the device may use, and says in the log what it will run with.
void Prepare(const skein_host& host) {
  const Tier tier = UsableTier();
  PanelPrimitives::PrepareLibrary();  // after oneDNN's instructions are limited to the tier
  Log(host, Severity::kWarning, TierWarning());
  Log(host, Severity::kWarning, KernelWarning());
  Log(host, Severity::kDebug,
      std::string("cpu: tier ") + TierName(tier) + "; kernels:\n" + DescribeMatMulChoices(tier));
}

std::string Description() {
  return kit::ProcessorName() + ", tier " + TierText() + "; oneDNN matrix products, Highway kernels";
}

struct Backend {
  class Device : public kit::HostDevice<SegmentRunner> {
   public:
    Device(const skein_host& host, uint32_t index) : HostDevice(host, index) { Prepare(host); }
  };
  using Segment = kit::HostSegment;
  static constexpr const char* kId = "onednn";
  static constexpr const char* kDescription = "CPUs, with oneDNN and Highway";
  static constexpr const char* kLibrary = "oneDNN";

  static uint32_t NumDevices() { return 1; }

  static skein_backend_device DescribeDevice(uint32_t /*index*/) {
    constexpr uint32_t kInt8Types = 1u << SKEIN_DTYPE_Q8 | 1u << SKEIN_DTYPE_Q4;
    skein_backend_device device = {
        .struct_size = sizeof(skein_backend_device),
        .weight_types = kit::kWeightTypes,
        .compute_types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_BF16 | kInt8Types,
        .deterministic_types = kInt8Types,
        .generations = kit::kGenerations,
        .features = SegmentRunner::kFeatures,
        .rank = 100,
        .reserved = 0,
        .memory_bytes = 0,
        .name = "cpu",
        .description = {},
        .layouts = 1u << SKEIN_LAYOUT_ROWS | 1u << SKEIN_LAYOUT_PANELS,
        .reserved_2 = 0,
        .num_threads = 0,
        .reserved_3 = 0,
        .auto_types = 0,
        .state_types = 0,
    };
    Description().copy(device.description, sizeof(device.description) - 1);
    return device;
  }
};

}  // namespace
}  // namespace skein::onednn

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::kit::AnswerForBackend<skein::onednn::Backend>(offer, answer, message);
}
