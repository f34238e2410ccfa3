// The reference backend: device "reference", one thread. It defines the results of the other backends, in every type.
#include <algorithm>
#include <cstdint>
#include <string>

#include "equations/generations.h"
#include "host/host_segment.h"
#include "host/processor.h"
#include "kit/backend_table.h"
#include "kit/tensor_intake.h"
#include "reference/ops.h"

namespace skein::reference {
namespace {

// Of any matrix of the segment.
uint64_t MostInputs(const skein_segment_desc& desc) {
  uint64_t most = 0;
  for (const kit::ExpectedTensor& tensor : kit::ExpectedTensors(desc)) {
    if (tensor.use == kit::Use::kMatrix) most = std::max(most, tensor.shape[1]);
  }
  return most;
}

class SegmentRunner {
 public:
  using Matrix = reference::Matrix;
  static constexpr WkvOrder kWkvOrder = WkvOrder::kValueKey;
  static constexpr uint32_t kFeatures = SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS |
                                        SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_FEED_DRAWN | SKEIN_FEATURE_DETERMINISTIC;

  SegmentRunner(const skein_host& host, const skein_segment_desc& desc)
      : head_size_(desc.model.head_size),
        scratch_state_(host, uint64_t{head_size_} * head_size_, "a scratch state"),
        row_product_(host, MostInputs(desc)) {}

  static uint64_t ScratchBytes(const skein_host& /*host*/, const skein_segment_desc& desc) {
    return uint64_t{desc.model.head_size} * desc.model.head_size * sizeof(float) + RowProduct::Bytes(MostInputs(desc));
  }

  template <typename Equations>
  void Run(const kit::Batch& batch, uint32_t /*num_rows*/, const Equations& equations) {
    Ops ops(batch, head_size_, scratch_state_.data(), row_product_);
    equations(ops);
    work_ += ops.work();
  }

  kit::Work TotalWork() const { return work_; }

 private:
  const uint32_t head_size_;
  kit::HostArray<float> scratch_state_;
  RowProduct row_product_;
  kit::Work work_;
};

// The loops are built for the least processor, whatever the machine has.
std::string Description() { return kit::ProcessorName() + ", tier generic; plain loops on one thread"; }

struct Backend {
  using Device = kit::HostDevice<SegmentRunner>;
  using Segment = kit::HostSegment;
  static constexpr const char* kId = "reference";
  static constexpr const char* kDescription = "plain loops on one thread: the definition of every op in every type";
  static constexpr const char* kLibrary = "";

  static uint32_t NumDevices() { return 1; }

  static skein_backend_device DescribeDevice(uint32_t /*index*/) {
    constexpr uint32_t kComputeTypes =
        1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_BF16 | 1u << SKEIN_DTYPE_Q8 | 1u << SKEIN_DTYPE_Q4;
    skein_backend_device device = {
        .struct_size = sizeof(skein_backend_device),
        .weight_types = kit::kWeightTypes,
        .compute_types = kComputeTypes,
        .deterministic_types = kComputeTypes | 1u << SKEIN_DTYPE_NONE,
        .generations = kit::kGenerations,
        .features = SegmentRunner::kFeatures,
        .rank = 0,
        .reserved = 0,
        .memory_bytes = 0,
        .name = "reference",
        .description = {},
        .layouts = 1u << SKEIN_LAYOUT_ROWS,
        .reserved_2 = 0,
        .num_threads = 1,
        .reserved_3 = 0,
        .auto_types = 0,
        .state_types = 0,
    };
    Description().copy(device.description, sizeof(device.description) - 1);
    return device;
  }
};

}  // namespace
}  // namespace skein::reference

int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message) {
  return skein::kit::AnswerForBackend<skein::reference::Backend>(offer, answer, message);
}
