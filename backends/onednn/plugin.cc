// The onednn backend: device "cpu". Matrix products by oneDNN where there are many rows, everything else by Highway
// kernels.
#include <string>

#include "host/host_segment.h"
#include "kit/backend_table.h"
#include "onednn/cpu.h"
#include "onednn/matmul.h"
#include "onednn/panel_primitives.h"
#include "onednn/segment_runner.h"

namespace skein::onednn {
namespace {

// Makes oneDNN ready for the instructions that the device may use, and says in the log what it will run with.
void Prepare(const skein_host& host) {
  const MatMulPolicy policy = MatMulPolicy::FromEnvironment();
  PanelPrimitives::PrepareLibrary();  // after the policy has limited oneDNN's instructions
  if (host.log == nullptr) return;
  constexpr uint32_t kDebug = 0;
  const std::string text =
      std::string("cpu: tier ") + TierName(policy.tier) + "; kernels:\n" + DescribeMatMulChoices(policy.tier);
  host.log(host.context, kDebug, text.data(), text.size());
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
    return {
        .struct_size = sizeof(skein_backend_device),
        .weight_types = kit::kWeightTypes,
        .compute_types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_BF16 | kInt8Types,
        .deterministic_types = kInt8Types,
        .generations = kit::kGenerations,
        .features = SKEIN_FEATURE_HIDDEN,
        .rank = 100,
        .reserved = 0,
        .memory_bytes = 0,
        .name = "cpu",
        .description = "CPU: oneDNN matrix products, Highway kernels",
        .layouts = 1u << SKEIN_LAYOUT_ROWS | 1u << SKEIN_LAYOUT_PANELS,
        .reserved_2 = 0,
    };
  }
};

}  // namespace
}  // namespace skein::onednn

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::kit::AnswerForBackend<skein::onednn::Backend>(offer, answer, message);
}
