// A model on its devices: loads the weights of every segment, runs a step through them in order, and hands the carries
// across the cuts.
#ifndef SKEIN_DEVICES_DEVICE_MODEL_H_
#define SKEIN_DEVICES_DEVICE_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/progress.h"
#include "devices/placement.h"
#include "model/model_file.h"
#include "plugin/backend.h"

namespace skein {

// What the option `type` means to a device.
struct Precision {
  std::string name;           // "auto", "f32", "f16", "bf16", "q8", "q4"
  uint32_t compute_type = 0;  // skein_segment_desc.compute_type, where the device offers it
  uint32_t matrix_dtype = 0;  // type of the matrices (TypeInModel in matrix_type.h); 0: as in the file
  // It is a type of the weights first: where a device does not offer the arithmetic, it computes in float32 with them.
  bool is_weight_type = false;
};

// INVALID_ARGUMENT: no such type; lists those there are.
absl::StatusOr<Precision> ParsePrecision(absl::string_view type);

// UNIMPLEMENTED: the device neither computes with the type nor, where that is enough, takes weights in it; lists the
// types that it offers.
absl::Status CheckPrecision(const Precision& precision, const skein_backend_device& device);

// Room on every device.
struct SegmentLimits {
  uint32_t num_slots = 0;
  uint32_t max_tokens = 0;
  uint32_t max_entries = 0;
};

// Threads: one at a time.
class DeviceModel {
 public:
  // Loads the tensors of `file` to `devices`, which match `placement` one to one. `file` must outlive the result.
  // UNIMPLEMENTED: a device does not run the model or the type. And the codes of ModelFile::ReadTensor and the
  // backends.
  static absl::StatusOr<std::unique_ptr<DeviceModel>> Load(const ModelFile& file,
                                                           absl::Span<const SegmentPlacement> placement,
                                                           absl::Span<const std::shared_ptr<Device>> devices,
                                                           const Precision& precision, const SegmentLimits& limits,
                                                           Progress* progress);

  // Of all tensors, as the devices got them; and of the embedding alone.
  uint64_t weights_bytes() const { return weights_bytes_; }
  uint64_t embedding_bytes() const { return embedding_bytes_; }

  // Runs `tokens` through all segments. An entry that fails in one segment keeps that status and leaves no trace in the
  // others. An entry that needs a feature which its device lacks is UNIMPLEMENTED, and no device gets to see its wish.
  // An error of the call means that every slot written is undefined. When it returns, no device touches `tokens`,
  // `entries` or their outputs.
  absl::Status Step(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries);

  // What each segment has multiplied so far; zeros where its backend does not say.
  std::vector<skein_segment_work> Work() const;

  // The state of a slot in canonical layout, all layers.
  absl::Status ExportState(uint32_t slot, absl::Span<float> state) const;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> state);

 private:
  explicit DeviceModel(const ModelConfig& config);

  const uint64_t state_floats_per_layer_;
  const uint32_t num_carries_;  // SKEIN_CARRY_* below it cross a cut in this generation
  uint64_t weights_bytes_ = 0;
  uint64_t embedding_bytes_ = 0;
  std::vector<std::unique_ptr<Segment>> segments_;
  // What crosses a cut, [max_tokens, d_model] each; in and out take turns. Empty with one segment.
  std::vector<float> carries_[2][SKEIN_MAX_CARRIES];
  std::vector<skein_step_entry> scratch_entries_;
};

}  // namespace skein

#endif  // SKEIN_DEVICES_DEVICE_MODEL_H_
