#include "devices/device_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/matrix_type.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"
#include "skein/dtype.h"

namespace skein {
namespace {

constexpr struct {
  const char* name;
  uint32_t compute_type;
  uint32_t matrix_dtype;
  bool is_weight_type;
} kPrecisions[] = {
    {"auto", SKEIN_DTYPE_NONE, SKEIN_DTYPE_NONE, true}, {"f32", SKEIN_DTYPE_F32, SKEIN_DTYPE_F32, false},
    {"f16", SKEIN_DTYPE_F16, SKEIN_DTYPE_F16, true},    {"bf16", SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16, false},
    {"q8", SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q8, true},       {"q4", SKEIN_DTYPE_Q4, SKEIN_DTYPE_Q4, true},
};

bool BelongsTo(const TensorSpec& tensor, const SegmentPlacement& segment) {
  switch (tensor.role) {
    case SKEIN_ROLE_EMBEDDING:
    case SKEIN_ROLE_EMBEDDING_NORM_W:
    case SKEIN_ROLE_EMBEDDING_NORM_B:
      return segment.embedding;
    case SKEIN_ROLE_OUTPUT_NORM_W:
    case SKEIN_ROLE_OUTPUT_NORM_B:
    case SKEIN_ROLE_HEAD:
      return segment.head;
    default:
      return tensor.layer >= segment.first_layer && tensor.layer - segment.first_layer < segment.num_layers;
  }
}

// The type in which a device gets a tensor: vectors in float32; matrices as named, or as in the file where the device
// takes that.
uint32_t TypeFor(const TensorSpec& tensor, const Precision& precision, const skein_backend_device& device) {
  const uint32_t wanted = TypeInModel(tensor.role, tensor.shape, precision.matrix_dtype, tensor.dtype);
  return (device.weight_types >> wanted & 1u) != 0 ? wanted : SKEIN_DTYPE_F32;
}

// The arithmetic of a device at a precision; NONE: float32 over the weights as they are.
uint32_t ComputeTypeFor(const Precision& precision, const skein_backend_device& device) {
  const bool is_offered = (device.compute_types >> precision.compute_type & 1u) != 0;
  return is_offered ? precision.compute_type : uint32_t{SKEIN_DTYPE_NONE};
}

// Panels go to a device as they lie in the file where it takes such and the type is the one wanted; arithmetic in
// bfloat16 wants bfloat16. Everything else is handed over in rows.
uint32_t LayoutFor(const TensorSpec& tensor, uint32_t dtype, uint32_t compute_type,
                   const skein_backend_device& device) {
  const bool takes_layout = (device.layouts >> tensor.layout & 1u) != 0;
  const bool suits_arithmetic = compute_type != SKEIN_DTYPE_BF16 || dtype == SKEIN_DTYPE_BF16;
  const bool is_as_stored = tensor.dtype == dtype;
  return takes_layout && suits_arithmetic && is_as_stored ? tensor.layout : uint32_t{SKEIN_LAYOUT_ROWS};
}

bool Offers(const skein_backend_device& device, const Precision& precision) {
  if (ComputeTypeFor(precision, device) == precision.compute_type) return true;
  return precision.is_weight_type && (device.weight_types >> precision.matrix_dtype & 1u) != 0;
}

// The type that most of a segment's matrices will have, by bytes.
uint32_t DominantType(const ModelFile& file, const SegmentPlacement& segment, const Precision& precision,
                      const skein_backend_device& device) {
  uint64_t bytes[32] = {};
  for (const TensorSpec& tensor : file.tensors()) {
    if (BelongsTo(tensor, segment) && IsMatrixRole(tensor.role)) {
      bytes[TypeFor(tensor, precision, device) % 32] += tensor.size_bytes;
    }
  }
  const auto largest = std::max_element(std::begin(bytes), std::end(bytes));
  return *largest == 0 ? uint32_t{SKEIN_DTYPE_F32} : static_cast<uint32_t>(largest - std::begin(bytes));
}

// All generations hand on the residual stream; RWKV-7 also what layer 0 makes of each token's value.
uint32_t NumCarries(uint32_t generation) { return (generation == 7 ? SKEIN_CARRY_V_FIRST : SKEIN_CARRY_X) + 1; }

}  // namespace

absl::Status CheckPrecision(const Precision& precision, const skein_backend_device& device) {
  if (Offers(device, precision)) return absl::OkStatus();
  std::string offered;
  for (const auto& known : kPrecisions) {
    const Precision other = {known.name, known.compute_type, known.matrix_dtype, known.is_weight_type};
    if (Offers(device, other)) absl::StrAppend(&offered, offered.empty() ? "" : ", ", known.name);
  }
  return absl::UnimplementedError(absl::StrCat("type ", precision.name, ": device ", device.name,
                                               " does not compute with it; it offers ", offered));
}

absl::StatusOr<Precision> ParsePrecision(absl::string_view type) {
  std::string known_names;
  for (const auto& known : kPrecisions) {
    if (type == known.name || (type.empty() && known.compute_type == SKEIN_DTYPE_NONE)) {
      return Precision{known.name, known.compute_type, known.matrix_dtype, known.is_weight_type};
    }
    absl::StrAppend(&known_names, known_names.empty() ? "" : ", ", known.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("type \"", type, "\": expected one of ", known_names));
}

DeviceModel::DeviceModel(const ModelConfig& config)
    : state_floats_per_layer_(LayerStateFloats(config)), num_carries_(NumCarries(config.generation)) {}

absl::StatusOr<std::unique_ptr<DeviceModel>> DeviceModel::Load(const ModelFile& file,
                                                               absl::Span<const SegmentPlacement> placement,
                                                               absl::Span<const std::shared_ptr<Device>> devices,
                                                               const Precision& precision, const SegmentLimits& limits,
                                                               Progress* progress) {
  const ModelConfig& config = file.config();
  std::unique_ptr<DeviceModel> model(new DeviceModel(config));
  uint64_t total_bytes = 0;
  for (const TensorSpec& tensor : file.tensors()) total_bytes += tensor.size_bytes;
  const ProgressScope scope(progress, "loading", total_bytes);

  std::vector<uint8_t> buffer;
  for (size_t i = 0; i < placement.size(); ++i) {
    const skein_backend_device& device = devices[i]->description().info;
    SKEIN_RETURN_IF_ERROR(CheckPrecision(precision, device));
    skein_segment_desc desc = {};
    desc.struct_size = sizeof(desc);
    desc.flags = (placement[i].embedding ? SKEIN_SEGMENT_EMBEDDING : 0) | (placement[i].head ? SKEIN_SEGMENT_HEAD : 0);
    desc.first_layer = placement[i].first_layer;
    desc.num_layers = placement[i].num_layers;
    desc.num_slots = limits.num_slots;
    desc.max_tokens = limits.max_tokens;
    desc.max_entries = limits.max_entries;
    desc.compute_type = ComputeTypeFor(precision, device);
    desc.weight_type = DominantType(file, placement[i], precision, device);
    desc.model = config;
    SKEIN_RETURN_IF_ERROR(devices[i]->Query(desc).status());
    SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Segment> segment, Segment::Create(devices[i], desc));
    for (size_t t = 0; t < file.tensors().size(); ++t) {
      const TensorSpec& spec = file.tensors()[t];
      if (!BelongsTo(spec, placement[i])) continue;
      const uint32_t dtype = TypeFor(spec, precision, device);
      const uint32_t layout = LayoutFor(spec, dtype, desc.compute_type, device);
      SKEIN_ASSIGN_OR_RETURN(const ModelFile::TensorData data, layout == SKEIN_LAYOUT_PANELS
                                                                   ? file.ReadPanels(t, dtype, buffer)
                                                                   : file.ReadTensor(t, dtype, buffer));
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
      SKEIN_RETURN_IF_ERROR(Annotate(segment->Put(tensor), absl::StrCat("tensor \"", spec.source_name, "\"")));
      model->weights_bytes_ += data.size_bytes;
      if (spec.role == SKEIN_ROLE_EMBEDDING) model->embedding_bytes_ += data.size_bytes;
      scope.Advance(spec.size_bytes);
    }
    SKEIN_RETURN_IF_ERROR(segment->Seal());
    model->segments_.push_back(std::move(segment));
  }
  if (placement.size() > 1) {
    for (auto& side : model->carries_) {
      for (uint32_t c = 0; c < model->num_carries_; ++c) side[c].resize(uint64_t{limits.max_tokens} * config.d_model);
    }
  }
  return model;
}

absl::Status DeviceModel::Step(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) {
  // Only the last device sees more of an entry than its tokens and slots.
  const uint32_t features = segments_.back()->device().description().info.features;
  for (skein_step_entry& entry : entries) {
    entry.status = (FeaturesOf(entry) & ~features) == 0 ? SKEIN_OK : SKEIN_UNIMPLEMENTED;
  }
  for (size_t i = 0; i < segments_.size(); ++i) {
    Segment& segment = *segments_[i];
    const bool last = i + 1 == segments_.size();
    scratch_entries_.assign(entries.begin(), entries.end());
    for (skein_step_entry& entry : scratch_entries_) {
      // What failed before stays in the batch, so that the rows of the others keep their places, but leaves no trace.
      if (entry.status != SKEIN_OK) entry.write_slot = SKEIN_SLOT_NONE;
      if (!last || entry.status != SKEIN_OK) entry.output = SKEIN_STEP_NO_OUTPUT;
      entry.status = SKEIN_OK;
    }
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = static_cast<uint32_t>(tokens.size());
    step.num_entries = static_cast<uint32_t>(entries.size());
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens.data();
    step.entries = scratch_entries_.data();
    for (uint32_t carry = 0; carry < num_carries_; ++carry) {
      if (i > 0) step.carries_in[carry] = carries_[(i - 1) % 2][carry].data();
      if (!last) step.carries_out[carry] = carries_[i % 2][carry].data();
    }
    SKEIN_RETURN_IF_ERROR(segment.Step(step));
    for (size_t e = 0; e < entries.size(); ++e) {
      if (entries[e].status == SKEIN_OK) entries[e].status = scratch_entries_[e].status;
    }
  }
  return absl::OkStatus();
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
