// A model on its devices: loads the weights of every segment, and runs steps through the segments in order.
//
// Several steps are under way: while a device works on one, the devices before it work on the next ones. A device whose
// steps are done when they return works on the caller's thread.
#ifndef SKEIN_DEVICES_DEVICE_MODEL_H_
#define SKEIN_DEVICES_DEVICE_MODEL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/progress.h"
#include "devices/model_segment.h"
#include "devices/placement.h"
#include "devices/step_passage.h"
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

  // How many steps may be under way, and how many of them devices work on at the same time.
  uint32_t max_steps() const { return static_cast<uint32_t>(passages_.size()); }
  uint32_t num_stages() const { return num_stages_; }

  // Whether an entry may have a token that the step before draws (skein_step_entry.drawn_by).
  bool feeds_drawn() const;

  size_t num_segments() const { return segments_.size(); }

  using Clock = std::chrono::steady_clock;
  // Is told of each segment's part of a step: from when the segment had it to itself, until the host saw that it is
  // done.
  using OnSegment = std::function<void(size_t segment_index, Clock::time_point begin, Clock::time_point end)>;
  // `on_segment` throws nothing. Before the first step.
  void set_on_segment(OnSegment on_segment) {
    on_segment_ = std::move(on_segment);
    last_ends_.resize(segments_.size());
  }

  // Begins a step over `tokens`. There are fewer than max_steps() under way. Whatever fails, Finish tells.
  void Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) noexcept;

  // Waits for the oldest step. An entry that failed in one segment keeps that status and left no trace in the others.
  // An entry that needs a feature which its device lacks is UNIMPLEMENTED, and no device saw its wish. After an error
  // every slot that the step writes is undefined. From then on no device touches `tokens`, `entries` or their outputs.
  // UNAVAILABLE: a device is lost. Then no device is asked for a step any more.
  absl::Status Finish() noexcept;

  // The multiplications of each segment so far; zeros where its backend does not count them.
  std::vector<skein_segment_work> Work() const;

  // Whether BeginExport may come while steps are under way: every device exports beside its steps.
  bool exports_beside_steps() const;
  // Begins to export the state of a slot, of all layers, that no step under way writes. Until all fences were waited
  // for, `state` stays as it is, and no step is begun that writes the slot.
  absl::StatusOr<std::vector<SegmentFence>> BeginExport(uint32_t slot, absl::Span<float> state) const;

  // The same of imports. The slot is one that no step under way uses. Steps that begin later find the state there.
  bool imports_beside_steps() const;
  absl::StatusOr<std::vector<SegmentFence>> BeginImport(uint32_t slot, absl::Span<const float> state);

  // The state of a slot, in canonical layout (backend.h), of all layers. The three only while no step is under way, as
  // Work.
  absl::Status ExportState(uint32_t slot, absl::Span<float> state) const;
  absl::Status ImportState(uint32_t slot, absl::Span<const float> state);
  // The state of a slot is not needed any more. Devices give its memory back if they can.
  void DiscardState(uint32_t slot) noexcept;

 private:
  class Loader;

  explicit DeviceModel(const ModelConfig& config);

  enum class Movers {
    kLate,  // steps go on to devices that do not keep the caller
    kAll,
  };

  void MakePassages(const SegmentLimits& limits);
  // The part of a state that is a segment's.
  template <typename Float>
  absl::Span<Float> PartOf(absl::Span<Float> state, const Segment& segment) const {
    return state.subspan(segment.desc().first_layer * state_floats_per_layer_,
                         segment.desc().num_layers * state_floats_per_layer_);
  }
  bool IsLast(size_t segment_index) const { return segment_index + 1 == segments_.size(); }
  // By age: 0 is the oldest.
  StepPassage& PassageAt(size_t age) { return passages_[(first_step_ + age) % passages_.size()]; }
  // As those of the passage. They note that a device is lost.
  void Enter(StepPassage& passage, size_t segment_index) noexcept;
  void Leave(StepPassage& passage) noexcept;
  // Lets each step go on to its next segment whose device is done with it.
  void MoveOthers(Movers movers) noexcept;

  const uint64_t state_floats_per_layer_;
  const uint64_t d_model_;
  const uint32_t num_carries_;  // the SKEIN_CARRY_* below this number cross a cut in this generation
  uint64_t weights_bytes_ = 0;
  uint64_t embedding_bytes_ = 0;
  std::vector<std::unique_ptr<Segment>> segments_;
  uint32_t num_stages_ = 1;
  std::vector<StepPassage> passages_;  // a ring
  size_t first_step_ = 0;
  size_t num_steps_ = 0;  // under way
  absl::Status lost_;
  OnSegment on_segment_;                      // may be empty
  std::vector<Clock::time_point> last_ends_;  // by segment, if there is on_segment_
};

}  // namespace skein

#endif  // SKEIN_DEVICES_DEVICE_MODEL_H_
