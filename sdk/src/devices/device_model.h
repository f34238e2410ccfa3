// A model on its devices: loads the weights of every segment, runs a step through the segments in order, and hands the
// carries across the cuts.
#ifndef SKEIN_DEVICES_DEVICE_MODEL_H_
#define SKEIN_DEVICES_DEVICE_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/progress.h"
#include "devices/model_segment.h"
#include "devices/placement.h"
#include "model/model_file.h"
#include "plugin/backend.h"

namespace skein {

// Threads: one at a time.
class DeviceModel {
 public:
  // Loads the tensors of `file` to `devices`, which match `placement` one to one, offer the types of `settings` and run
  // their segments (Device::Query). `file` must outlive the result, since backends keep the addresses of mapped
  // tensors. The codes of ModelFile::ReadTensor and of the backends. RESOURCE_EXHAUSTED: `*full_segment` is the index
  // of the segment whose device had no room, or not set if it was the host.
  static absl::StatusOr<std::unique_ptr<DeviceModel>> Load(const ModelFile& file,
                                                           absl::Span<const SegmentPlacement> placement,
                                                           absl::Span<const std::shared_ptr<Device>> devices,
                                                           const SegmentSettings& settings, Progress* progress,
                                                           std::optional<size_t>* full_segment);

  // Bytes of all tensors as the devices got them.
  uint64_t weights_bytes() const { return weights_bytes_; }
  // The share of the embedding.
  uint64_t embedding_bytes() const { return embedding_bytes_; }

  // Runs `tokens` through all segments. An entry that fails in one segment keeps that status and leaves no trace in the
  // others. An entry that needs a feature which its device lacks is UNIMPLEMENTED, and no device sees its wish. After
  // an error of the call every slot that the step writes is undefined. When the call returns, no device touches
  // `tokens`, `entries` or their outputs.
  absl::Status Step(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries);

  // The multiplications of each segment so far; zeros where its backend does not count them.
  std::vector<skein_segment_work> Work() const;

  // The state of a slot, in canonical layout (backend.h), of all layers.
  absl::Status ExportState(uint32_t slot, absl::Span<float> state) const;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> state);

 private:
  class Loader;

  explicit DeviceModel(const ModelConfig& config);

  // Fills segment_entries_ with what a segment gets of `entries`.
  void PrepareEntries(size_t segment_index, absl::Span<const skein_step_entry> entries);
  // The step of a segment over segment_entries_.
  skein_step PartOfStep(size_t segment_index, absl::Span<const uint32_t> tokens);

  const uint64_t state_floats_per_layer_;
  const uint32_t num_carries_;  // the SKEIN_CARRY_* below this number cross a cut in this generation
  uint64_t weights_bytes_ = 0;
  uint64_t embedding_bytes_ = 0;
  std::vector<std::unique_ptr<Segment>> segments_;
  // The carries across a cut, [max_tokens, d_model] each. Segments take turns: one reads the side that the one before
  // wrote. Empty with one segment.
  std::vector<float> carries_[2][SKEIN_MAX_CARRIES];
  std::vector<skein_step_entry> segment_entries_;  // of the segment that runs
};

}  // namespace skein

#endif  // SKEIN_DEVICES_DEVICE_MODEL_H_
