// The onednn backend: device "cpu". Matrix products by oneDNN where there are many rows, everything else by Highway
// kernels.
#include "kit/plugin.h"

#include "onednn/engine.h"

namespace skein::onednn {
namespace {

struct Backend {
  using Engine = onednn::Engine;
  static constexpr const char* kId = "onednn";
  static constexpr const char* kDescription = "CPUs, with oneDNN and Highway";

  static skein_backend_device Device() {
    return {
        .struct_size = sizeof(skein_backend_device),
        .weight_types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_F16 | 1u << SKEIN_DTYPE_BF16,
        .compute_types = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_BF16,
        .deterministic_types = 0,
        .generations = kit::kGenerations,
        .features = SKEIN_FEATURE_HIDDEN,
        .rank = 100,
        .reserved = 0,
        .memory_bytes = 0,
        .name = "cpu",
        .description = "CPU: oneDNN matrix products, Highway kernels",
    };
  }
};

}  // namespace
}  // namespace skein::onednn

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::kit::AnswerForBackend<skein::onednn::Backend>(offer, answer, message);
}
