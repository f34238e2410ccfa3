#include "files/checkpoint/checkpoint_weights.h"

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/checkpoint/checkpoint_settings.h"
#include "model/elements.h"
#include "model/initial_state.h"

namespace skein {
namespace {

// "model" of "folder/model.pth": what to call a model whose file does not say.
std::string FileStem(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string stem = name.substr(0, name.rfind('.'));
  return IsUtf8Text(stem) ? stem : "";
}

// The type that holds the parameters as they are.
uint32_t ParameterType(const DtypeInfo& stored, const ValueMap& map) {
  // A power of 2 changes no bfloat16 but its exponent, which is float32's; in float16 there might be no room for it.
  const bool is_exact =
      map.IsIdentity() || (map.function == ValueMap::Function::kIdentity && stored.value_dtype == SKEIN_DTYPE_BF16);
  return is_exact ? stored.value_dtype : uint32_t{SKEIN_DTYPE_F32};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFile>> CheckpointWeights::Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                                   const skein_host& host, std::unique_ptr<File> file) {
  std::string path = file->path();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, Checkpoint::Open(formats, host, std::move(file)));
  std::vector<NamedShape> names;
  for (const CheckpointTensor& tensor : checkpoint->tensors()) names.push_back({tensor.name, tensor.shape});
  const absl::StatusOr<NamedModel> named = NameTensors(names, checkpoint->texts());
  if (!named.ok()) return Annotate(named.status(), path);
  std::unique_ptr<CheckpointWeights> model(new CheckpointWeights(host, std::move(path), std::move(checkpoint), *named));
  SKEIN_RETURN_IF_ERROR(model->ReadMetadata(*named->scheme));
  SKEIN_RETURN_IF_ERROR(model->ReadInitialState(*named));
  return std::unique_ptr<ModelFile>(std::move(model));
}

CheckpointWeights::CheckpointWeights(const skein_host& host, std::string path, std::unique_ptr<Checkpoint> checkpoint,
                                     const NamedModel& named)
    : ModelFile(host, std::move(path)), checkpoint_(std::move(checkpoint)), locations_(named.tensors) {
  config_ = named.config;
  for (const TensorLocation& location : locations_) {
    const CheckpointTensor& tensor = checkpoint_->tensors()[location.index];
    const DtypeInfo& dtype = *FindDtype(tensor.dtype);
    uint64_t num_elements = 0;
    NumElements(location.shape, &num_elements);  // fits: the tensor is there
    specs_.push_back({location.role, location.layer, ParameterType(dtype, location.map), dtype.dtype, SKEIN_LAYOUT_ROWS,
                      location.shape, tensor.name, num_elements / dtype.block_elements * dtype.block_bytes});
  }
}

absl::Status CheckpointWeights::ReadMetadata(const NamingScheme& scheme) {
  SKEIN_ASSIGN_OR_RETURN(CheckpointSettings settings, ReadSettings(*checkpoint_, path(), scheme, config_));
  config_.norm_epsilon = settings.norm_epsilon;
  config_.group_norm_epsilon = settings.group_norm_epsilon;
  metadata_ = std::move(settings.metadata);
  if (metadata_.name.empty()) metadata_.name = FileStem(path());
  vocabulary_ = settings.vocabulary;
  return absl::OkStatus();
}

absl::Status CheckpointWeights::ReadInitialState(const NamedModel& named) {
  if (named.state_tensors.empty()) return absl::OkStatus();
  initial_state_ = FreshState(config_);
  const std::vector<uint64_t> rows = {uint64_t{config_.num_heads} * config_.head_size, config_.head_size};
  for (uint32_t layer = 0; layer < config_.num_layers; ++layer) {
    const size_t index = named.state_tensors[layer];
    const std::string& name = checkpoint_->tensors()[index].name;
    std::vector<uint8_t> scratch;
    SKEIN_ASSIGN_OR_RETURN(const TensorView stored, StoredView(index, scratch));
    const absl::StatusOr<TensorView> view = ViewAsRole({Stored::kReshaped, 0, 1}, rows, stored, name, scratch);
    if (!view.ok()) return Annotate(view.status(), path());
    std::vector<float> values(rows[0] * rows[1]);
    SKEIN_RETURN_IF_ERROR(
        Annotate(CopyElements(*view, name, SKEIN_DTYPE_F32, reinterpret_cast<uint8_t*>(values.data())), path()));
    PlaceWkv(config_, layer, named.scheme->state_order, values.data(), absl::MakeSpan(initial_state_));
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorView> CheckpointWeights::StoredView(size_t tensor_index, std::vector<uint8_t>& scratch) const {
  const CheckpointTensor& tensor = checkpoint_->tensors()[tensor_index];
  TensorView view = {tensor.dtype, tensor.shape, tensor.strides, tensor.data};
  if (view.data == nullptr) {
    SKEIN_RETURN_IF_ERROR(Annotate(checkpoint_->Read(tensor_index, scratch), path()));
    view.data = scratch.data();
  }
  return view;
}

absl::StatusOr<ModelFile::StoredTensor> CheckpointWeights::View(size_t index, std::vector<uint8_t>& scratch) const {
  const TensorLocation& location = locations_[index];
  SKEIN_ASSIGN_OR_RETURN(const TensorView stored, StoredView(location.index, scratch));
  absl::StatusOr<TensorView> view =
      ViewAsRole(location.part, location.shape, stored, specs_[index].source_name, scratch);
  if (!view.ok()) return Annotate(view.status(), path());
  return StoredTensor{*std::move(view), location.map};
}

}  // namespace skein
