#include "files/checkpoint/checkpoint_weights.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "files/checkpoint/checkpoint.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/checkpoint/checkpoint_settings.h"
#include "files/checkpoint/config_file.h"
#include "files/naming/naming.h"
#include "model/elements.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

// The type that holds the parameters exactly.
uint32_t ParameterType(const DtypeInfo& stored, const ValueMap& map) {
  // A power of two changes nothing of a bfloat16 but its exponent, which has the range of float32's. A float16 might
  // leave its range.
  const bool is_exact =
      map.IsIdentity() || (map.function == ValueMap::Function::kIdentity && stored.value_dtype == SKEIN_DTYPE_BF16);
  return is_exact ? stored.value_dtype : uint32_t{SKEIN_DTYPE_F32};
}

TensorSpec SpecOf(const TensorLocation& location, const CheckpointTensor& tensor) {
  const DtypeInfo& dtype = *FindDtype(tensor.dtype);
  uint64_t num_elements = 0;
  NumElements(location.shape, &num_elements);  // fits: the tensor is there
  return {.role = location.role,
          .layer = location.layer,
          .dtype = ParameterType(dtype, location.map),
          .stored_dtype = dtype.dtype,
          .layout = SKEIN_LAYOUT_ROWS,
          .shape = location.shape,
          .source_name = tensor.name,
          .size_bytes = num_elements / dtype.block_elements * dtype.block_bytes};
}

class CheckpointWeights final : public WeightSource {
 public:
  CheckpointWeights(std::string path, std::unique_ptr<Checkpoint> checkpoint, std::vector<TensorLocation> locations)
      : path_(std::move(path)), checkpoint_(std::move(checkpoint)), locations_(std::move(locations)) {
    for (const TensorLocation& location : locations_) {
      specs_.push_back(SpecOf(location, checkpoint_->tensors()[location.index]));
    }
  }

  absl::Span<const TensorSpec> tensors() const override { return specs_; }

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override {
    const TensorLocation& location = locations_[index];
    absl::StatusOr<TensorView> view = ViewPart(*checkpoint_, location.index, location.part, location.shape, scratch);
    if (!view.ok()) return Annotate(view.status(), path_);
    return StoredTensor{*std::move(view), location.map};
  }

 private:
  const std::string path_;
  const std::unique_ptr<Checkpoint> checkpoint_;
  const std::vector<TensorLocation> locations_;  // parallel to specs_
  std::vector<TensorSpec> specs_;
};

// The state of `time_state` tensors inside the checkpoint, in canonical layout.
absl::StatusOr<std::vector<float>> ReadInitialState(const Checkpoint& checkpoint, const NamedModel& named,
                                                    const ModelConfig& config) {
  std::vector<float> state = FreshState(config);
  const std::vector<uint64_t> rows = {uint64_t{config.num_heads} * config.head_size, config.head_size};
  std::vector<float> values(rows[0] * rows[1]);
  for (uint32_t layer = 0; layer < config.num_layers; ++layer) {
    SKEIN_RETURN_IF_ERROR(
        ReadPart(checkpoint, named.state_tensors[layer], {Stored::kReshaped, 0, 1}, rows, values.data()));
    PlaceWkv(config, layer, named.scheme->state_order, values.data(), state);
  }
  return state;
}

absl::StatusOr<NamedModel> NameCheckpoint(const Checkpoint& checkpoint, const std::string& path) {
  std::vector<NamedShape> names;
  for (const CheckpointTensor& tensor : checkpoint.tensors()) names.push_back({tensor.name, tensor.shape});
  return NameTensors(names, checkpoint.texts(), [&] { return ConfigTiesHead(checkpoint, path); });
}

}  // namespace

absl::StatusOr<ModelContents> OpenCheckpoint(absl::Span<const Plugin<skein_format_table>> formats,
                                             const skein_host& host, std::unique_ptr<File> file) {
  ModelContents contents;
  contents.path = file->path();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, Checkpoint::Open(formats, host, std::move(file)));
  absl::StatusOr<NamedModel> named = NameCheckpoint(*checkpoint, contents.path);
  if (!named.ok()) return Annotate(named.status(), contents.path);
  contents.config = named->config;
  SKEIN_ASSIGN_OR_RETURN(CheckpointSettings settings,
                         ReadSettings(*checkpoint, contents.path, *named->scheme, contents.config));
  contents.config.norm_epsilon = settings.norm_epsilon;
  contents.config.group_norm_epsilon = settings.group_norm_epsilon;
  contents.metadata = std::move(settings.metadata);
  contents.vocabulary = settings.vocabulary;
  if (!named->state_tensors.empty()) {
    absl::StatusOr<std::vector<float>> state = ReadInitialState(*checkpoint, *named, contents.config);
    if (!state.ok()) return Annotate(state.status(), contents.path);
    contents.initial_state = *std::move(state);
  }
  contents.weights =
      std::make_unique<CheckpointWeights>(contents.path, std::move(checkpoint), std::move(named->tensors));
  return contents;
}

}  // namespace skein
