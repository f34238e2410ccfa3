#include "devices/device_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"
#include "numbers/step_features.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// All generations hand on the residual stream. RWKV-7 also hands on the values of layer 0 (v_first).
uint32_t NumCarries(uint32_t generation) { return (generation == 7 ? SKEIN_CARRY_V_FIRST : SKEIN_CARRY_X) + 1; }

skein_tensor DescribeTensor(const TensorSpec& spec, uint32_t dtype, uint32_t layout,
                            const ModelFile::TensorData& data) {
  skein_tensor tensor = {};
  tensor.struct_size = sizeof(tensor);
  tensor.role = spec.role;
  tensor.layer = spec.layer;
  tensor.dtype = dtype;
  tensor.flags = data.mapped ? SKEIN_TENSOR_MAPPED : 0;
  tensor.num_dims = static_cast<uint32_t>(spec.shape.size());
  std::copy(spec.shape.begin(), spec.shape.end(), tensor.shape);
  tensor.data = data.data;
  tensor.size_bytes = data.size_bytes;
  tensor.layout = layout;
  return tensor;
}

uint64_t StoredBytes(const ModelFile& file) {
  uint64_t stored_bytes = 0;
  for (const TensorSpec& tensor : file.tensors()) stored_bytes += tensor.size_bytes;
  return stored_bytes;
}

}  // namespace

// Gives the weights of a file to the segments of a model, one after the other.
class DeviceModel::Loader {
 public:
  Loader(const ModelFile& file, const SegmentSettings& settings, Progress* progress)
      : file_(file),
        settings_(settings),
        scope_(progress, "loading", StoredBytes(file)),
        model_(new DeviceModel(file.config())) {}

  absl::Status AddSegment(const SegmentPlacement& placed, const std::shared_ptr<Device>& device) {
    const skein_segment_desc desc = DescribeSegment(file_, placed, settings_, device->description().info);
    absl::StatusOr<std::unique_ptr<Segment>> segment = Segment::Create(device, desc);
    SKEIN_RETURN_IF_ERROR(Noted(segment.status()));
    for (size_t i = 0; i < file_.tensors().size(); ++i) {
      if (BelongsTo(file_.tensors()[i], placed)) SKEIN_RETURN_IF_ERROR(Put(i, **segment));
    }
    SKEIN_RETURN_IF_ERROR(Noted((*segment)->Seal()));
    model_->segments_.push_back(*std::move(segment));
    return absl::OkStatus();
  }

  // The segment whose device had no room.
  const std::optional<size_t>& full_segment() const { return full_segment_; }

  std::unique_ptr<DeviceModel> Finish() {
    model_->MakePassages(settings_.limits);
    return std::move(model_);
  }

 private:
  absl::Status Put(size_t index, Segment& segment) {
    const TensorSpec& spec = file_.tensors()[index];
    const skein_backend_device& info = segment.device().description().info;
    const uint32_t dtype = WeightTypeOn(info, settings_.precision, spec);
    const uint32_t layout = LayoutOn(info, segment.desc().compute_type, spec, dtype);
    SKEIN_ASSIGN_OR_RETURN(const ModelFile::TensorData data, layout == SKEIN_LAYOUT_PANELS
                                                                 ? file_.ReadPanels(index, dtype, buffer_)
                                                                 : file_.ReadTensor(index, dtype, buffer_));
    SKEIN_RETURN_IF_ERROR(Annotate(Noted(segment.Put(DescribeTensor(spec, dtype, layout, data))),
                                   absl::StrCat("tensor \"", spec.source_name, "\"")));
    model_->weights_bytes_ += data.size_bytes;
    if (spec.role == SKEIN_ROLE_EMBEDDING) model_->embedding_bytes_ += data.size_bytes;
    scope_.Advance(spec.size_bytes);
    return absl::OkStatus();
  }

  // Notes of a backend's status that the device has no room.
  absl::Status Noted(const absl::Status& status) {
    if (absl::IsResourceExhausted(status)) full_segment_ = model_->segments_.size();
    return status;
  }

  const ModelFile& file_;
  const SegmentSettings& settings_;
  const ProgressScope scope_;
  std::unique_ptr<DeviceModel> model_;
  std::optional<size_t> full_segment_;
  std::vector<uint8_t> buffer_;  // of the tensor that is being put
};

DeviceModel::DeviceModel(const ModelConfig& config)
    : state_floats_per_layer_(LayerStateFloats(config)),
      d_model_(config.d_model),
      num_carries_(NumCarries(config.generation)) {}

absl::StatusOr<std::unique_ptr<DeviceModel>> DeviceModel::Load(const ModelFile& file,
                                                               absl::Span<const SegmentPlacement> placement,
                                                               absl::Span<const std::shared_ptr<Device>> devices,
                                                               const SegmentSettings& settings, Progress* progress,
                                                               std::optional<size_t>* full_segment) {
  Loader loader(file, settings, progress);
  for (size_t i = 0; i < placement.size(); ++i) {
    const absl::Status added = loader.AddSegment(placement[i], devices[i]);
    *full_segment = loader.full_segment();
    SKEIN_RETURN_IF_ERROR(added);
  }
  return loader.Finish();
}

void DeviceModel::MakePassages(const SegmentLimits& limits) {
  std::set<const Device*> late;
  bool has_host = false;
  for (const auto& segment : segments_) {
    if (segment->ends_late()) {
      late.insert(&segment->device());
    } else {
      has_host = true;
    }
  }
  // Devices that are done when they return all work on the thread that asks.
  num_stages_ = static_cast<uint32_t>(late.size()) + (has_host ? 1 : 0);
  const PassageRoom room = {limits.max_entries, num_carries_, uint64_t{limits.max_tokens} * d_model_,
                            static_cast<uint32_t>(segments_.size() - 1)};
  // One step more than devices that work, so that none waits for the host.
  const size_t num_steps = late.empty() ? 1 : num_stages_ + 1;
  passages_.reserve(num_steps);
  for (size_t i = 0; i < num_steps; ++i) passages_.emplace_back(room);
}

// A device whose steps are done when they return gains nothing.
bool DeviceModel::feeds_drawn() const {
  const Segment& last = *segments_.back();
  return segments_.size() == 1 && last.ends_late() &&
         (last.device().description().info.features & SKEIN_FEATURE_FEED_DRAWN) != 0;
}

void DeviceModel::Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) noexcept {
  // Only the last device sees more of an entry than its tokens and slots.
  const uint32_t features = segments_.back()->device().description().info.features;
  for (skein_step_entry& entry : entries) {
    entry.status = (FeaturesOf(entry) & ~features) == 0 ? SKEIN_OK : SKEIN_UNIMPLEMENTED;
  }
  StepPassage& passage = PassageAt(num_steps_++);
  passage.Start(tokens, entries);
  Enter(passage, 0);
  MoveOthers(Movers::kLate);
}

absl::Status DeviceModel::Finish() noexcept {
  StepPassage& oldest = PassageAt(0);
  while (oldest.status().ok()) {
    // While a device works on this step, others work on the next ones.
    if (!oldest.is_done()) MoveOthers(Movers::kAll);
    Leave(oldest);
    if (!oldest.status().ok() || IsLast(oldest.segment_index())) break;
    Enter(oldest, oldest.segment_index() + 1);
  }
  first_step_ = (first_step_ + 1) % passages_.size();
  --num_steps_;
  MoveOthers(Movers::kLate);
  return oldest.status();
}

void DeviceModel::Enter(StepPassage& passage, size_t segment_index) noexcept {
  if (!lost_.ok()) return passage.Fail(lost_);
  passage.Enter(*segments_[segment_index], segment_index, IsLast(segment_index));
  if (absl::IsUnavailable(passage.status())) lost_ = passage.status();
}

void DeviceModel::Leave(StepPassage& passage) noexcept {
  passage.Leave();
  if (absl::IsUnavailable(passage.status())) lost_ = passage.status();
  if (!on_segment_) return;
  const size_t index = passage.segment_index();
  const Clock::time_point end = Clock::now();
  on_segment_(index, std::max(passage.entered(), last_ends_[index]), end);
  last_ends_[index] = end;
}

void DeviceModel::MoveOthers(Movers movers) noexcept {
  for (size_t age = 0; age < num_steps_; ++age) {
    StepPassage& passage = PassageAt(age);
    while (passage.status().ok() && passage.is_done() && !IsLast(passage.segment_index())) {
      const size_t next = passage.segment_index() + 1;
      // A step may read what the one before it writes, so none overtakes another.
      const bool is_free = age == 0 || !PassageAt(age - 1).status().ok() || PassageAt(age - 1).segment_index() >= next;
      if (!is_free || (movers == Movers::kLate && !segments_[next]->ends_late())) break;
      Leave(passage);
      if (passage.status().ok()) Enter(passage, next);
    }
  }
}

std::vector<skein_segment_work> DeviceModel::Work() const {
  std::vector<skein_segment_work> work;
  for (const auto& segment : segments_) {
    absl::StatusOr<skein_segment_work> counted = segment->Work();
    work.push_back(counted.ok() ? *counted : skein_segment_work{});
  }
  return work;
}

// The head alone has no part of a state.
bool DeviceModel::exports_beside_steps() const {
  return std::all_of(segments_.begin(), segments_.end(), [](const auto& segment) {
    return segment->desc().num_layers == 0 || segment->exports_beside_steps();
  });
}

absl::StatusOr<std::vector<SegmentFence>> DeviceModel::BeginExport(uint32_t slot, absl::Span<float> state) const {
  std::vector<SegmentFence> fences;
  fences.reserve(segments_.size());
  for (const auto& segment : segments_) {
    const absl::Span<float> part = PartOf(state, *segment);
    if (part.empty()) continue;
    SKEIN_ASSIGN_OR_RETURN(SegmentFence begun, segment->BeginExport(slot, part));
    fences.push_back(std::move(begun));
  }
  return fences;
}

bool DeviceModel::imports_beside_steps() const {
  return std::all_of(segments_.begin(), segments_.end(), [](const auto& segment) {
    return segment->desc().num_layers == 0 || segment->imports_beside_steps();
  });
}

absl::StatusOr<std::vector<SegmentFence>> DeviceModel::BeginImport(uint32_t slot, absl::Span<const float> state) {
  std::vector<SegmentFence> fences;
  fences.reserve(segments_.size());
  for (const auto& segment : segments_) {
    const absl::Span<const float> part = PartOf(state, *segment);
    if (part.empty()) continue;
    SKEIN_ASSIGN_OR_RETURN(SegmentFence begun, segment->BeginImport(slot, part));
    fences.push_back(std::move(begun));
  }
  return fences;
}

absl::Status DeviceModel::ExportState(uint32_t slot, absl::Span<float> state) const {
  for (const auto& segment : segments_) {
    const absl::Span<float> part = PartOf(state, *segment);
    if (!part.empty()) SKEIN_RETURN_IF_ERROR(segment->ExportState(slot, part));
  }
  return absl::OkStatus();
}

absl::Status DeviceModel::ImportState(uint32_t slot, absl::Span<const float> state) {
  for (const auto& segment : segments_) {
    const absl::Span<const float> part = PartOf(state, *segment);
    if (!part.empty()) SKEIN_RETURN_IF_ERROR(segment->ImportState(slot, part));
  }
  return absl::OkStatus();
}

void DeviceModel::DiscardState(uint32_t slot) noexcept {
  for (const auto& segment : segments_) segment->DiscardState(slot);
}

}  // namespace skein
