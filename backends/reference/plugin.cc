// The reference backend: device "reference", one thread, float32. It defines what the other backends compute.
#include "kit/plugin.h"

#include "reference/ops.h"

namespace skein::reference {
namespace {

class Engine {
 public:
  using Matrix = DenseMatrix;
  static constexpr kit::WkvOrder kWkvOrder = kit::WkvOrder::kValueKey;
  static constexpr const char* kLibrary = "";

  Engine(const skein_host& host, const skein_segment_desc& desc)
      : head_size_(desc.model.head_size), scratch_state_(host, uint64_t{head_size_} * head_size_, "a scratch state") {}

  static uint64_t ScratchBytes(const skein_host& /*host*/, const skein_segment_desc& desc) {
    return uint64_t{desc.model.head_size} * desc.model.head_size * sizeof(float);
  }

  template <typename Page>
  void Run(const kit::Batch& batch, uint32_t /*num_rows*/, const Page& page) {
    Ops ops(batch, head_size_, scratch_state_.data());
    page(ops);
    work_ += ops.work();
  }

  kit::Work TotalWork() const { return work_; }

 private:
  const uint32_t head_size_;
  kit::HostArray<float> scratch_state_;
  kit::Work work_;
};

struct Backend {
  using Engine = reference::Engine;
  static constexpr const char* kId = "reference";
  static constexpr const char* kDescription = "plain float32 loops on one thread: the definition of every op";

  static void Open(const skein_host& /*host*/) {}

  static skein_backend_device Device() {
    constexpr uint32_t kAutoAndF32 = 1u << SKEIN_DTYPE_NONE | 1u << SKEIN_DTYPE_F32;
    return {
        .struct_size = sizeof(skein_backend_device),
        .weight_types = kit::kWeightTypes,
        .compute_types = 1u << SKEIN_DTYPE_F32,
        .deterministic_types = kAutoAndF32,
        .generations = kit::kGenerations,
        .features = SKEIN_FEATURE_HIDDEN,
        .rank = 0,
        .reserved = 0,
        .memory_bytes = 0,
        .name = "reference",
        .description = "reference loops, one thread",
        .layouts = 1u << SKEIN_LAYOUT_ROWS,
        .reserved_2 = 0,
    };
  }
};

}  // namespace
}  // namespace skein::reference

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::kit::AnswerForBackend<skein::reference::Backend>(offer, answer, message);
}
