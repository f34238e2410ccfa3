#include "devices/device_model.h"

#include <algorithm>
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

// Takes back the wish for an output, with all that belongs to it.
void ForgoOutput(skein_step_entry& entry) {
  entry.output = SKEIN_STEP_NO_OUTPUT;
  entry.output_rows = nullptr;
  entry.output_tokens = nullptr;
  entry.mask = nullptr;
  entry.bias = nullptr;
  entry.num_bias = 0;
  entry.sampling = nullptr;
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
    if (model_->segments_.size() > 1) MakeRoomForCarries();
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

  void MakeRoomForCarries() {
    const uint64_t carry_floats = uint64_t{settings_.limits.max_tokens} * file_.config().d_model;
    for (auto& side : model_->carries_) {
      for (uint32_t carry = 0; carry < model_->num_carries_; ++carry) side[carry].resize(carry_floats);
    }
  }

  const ModelFile& file_;
  const SegmentSettings& settings_;
  const ProgressScope scope_;
  std::unique_ptr<DeviceModel> model_;
  std::optional<size_t> full_segment_;
  std::vector<uint8_t> buffer_;  // of the tensor that is being put
};

DeviceModel::DeviceModel(const ModelConfig& config)
    : state_floats_per_layer_(LayerStateFloats(config)), num_carries_(NumCarries(config.generation)) {}

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

absl::Status DeviceModel::Step(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) {
  // Only the last device sees more of an entry than its tokens and slots.
  const uint32_t features = segments_.back()->device().description().info.features;
  for (skein_step_entry& entry : entries) {
    entry.status = (FeaturesOf(entry) & ~features) == 0 ? SKEIN_OK : SKEIN_UNIMPLEMENTED;
  }
  for (size_t i = 0; i < segments_.size(); ++i) {
    PrepareEntries(i, entries);
    SKEIN_RETURN_IF_ERROR(segments_[i]->Step(PartOfStep(i, tokens)));
    for (size_t e = 0; e < entries.size(); ++e) {
      if (entries[e].status == SKEIN_OK) entries[e].status = segment_entries_[e].status;
    }
  }
  return absl::OkStatus();
}

void DeviceModel::PrepareEntries(size_t segment_index, absl::Span<const skein_step_entry> entries) {
  const bool is_last = segment_index + 1 == segments_.size();
  segment_entries_.assign(entries.begin(), entries.end());
  for (skein_step_entry& entry : segment_entries_) {
    // An entry that failed before stays in the batch, so that the rows of the others keep their places. It leaves no
    // trace.
    const bool has_failed = entry.status != SKEIN_OK;
    if (has_failed) entry.write_slot = SKEIN_SLOT_NONE;
    if (!is_last || has_failed) ForgoOutput(entry);
    entry.status = SKEIN_OK;
  }
}

skein_step DeviceModel::PartOfStep(size_t segment_index, absl::Span<const uint32_t> tokens) {
  const bool is_last = segment_index + 1 == segments_.size();
  skein_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = static_cast<uint32_t>(tokens.size());
  step.num_entries = static_cast<uint32_t>(segment_entries_.size());
  step.entry_size = sizeof(skein_step_entry);
  step.tokens = tokens.data();
  step.entries = segment_entries_.data();
  for (uint32_t carry = 0; carry < num_carries_; ++carry) {
    if (segment_index > 0) step.carries_in[carry] = carries_[(segment_index - 1) % 2][carry].data();
    if (!is_last) step.carries_out[carry] = carries_[segment_index % 2][carry].data();
  }
  return step;
}

std::vector<skein_segment_work> DeviceModel::Work() const {
  std::vector<skein_segment_work> work;
  for (const auto& segment : segments_) {
    absl::StatusOr<skein_segment_work> counted = segment->Work();
    work.push_back(counted.ok() ? *counted : skein_segment_work{});
  }
  return work;
}

absl::Status DeviceModel::ExportState(uint32_t slot, absl::Span<float> state) const {
  for (const auto& segment : segments_) {
    const uint64_t first = segment->desc().first_layer * state_floats_per_layer_;
    const uint64_t count = segment->desc().num_layers * state_floats_per_layer_;
    if (count > 0) SKEIN_RETURN_IF_ERROR(segment->ExportState(slot, state.subspan(first, count)));
  }
  return absl::OkStatus();
}

absl::Status DeviceModel::ImportState(uint32_t slot, absl::Span<const float> state) {
  for (const auto& segment : segments_) {
    const uint64_t first = segment->desc().first_layer * state_floats_per_layer_;
    const uint64_t count = segment->desc().num_layers * state_floats_per_layer_;
    if (count > 0) SKEIN_RETURN_IF_ERROR(segment->ImportState(slot, state.subspan(first, count)));
  }
  return absl::OkStatus();
}

}  // namespace skein
