#include "model/checkpoint_model.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/utf8.h"

namespace skein {
namespace {

// "model" of "folder/model.pth": what to call a model whose file does not say.
std::string FileStem(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string stem = name.substr(0, name.rfind('.'));
  return IsUtf8Text(stem) ? stem : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFile>> CheckpointModel::Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                                 const skein_host& host, std::unique_ptr<File> file) {
  std::string path = file->path();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, Checkpoint::Open(formats, host, std::move(file)));
  std::vector<NamedShape> names;
  for (const CheckpointTensor& tensor : checkpoint->tensors()) names.push_back({tensor.name, tensor.shape});
  absl::StatusOr<NamedModel> named = NameTensors(names);
  if (!named.ok()) return Annotate(named.status(), path);
  std::unique_ptr<CheckpointModel> model(
      new CheckpointModel(host, std::move(path), std::move(checkpoint), *std::move(named)));
  SKEIN_RETURN_IF_ERROR(model->CheckBlockTypes());
  return std::unique_ptr<ModelFile>(std::move(model));
}

CheckpointModel::CheckpointModel(const skein_host& host, std::string path, std::unique_ptr<Checkpoint> checkpoint,
                                 NamedModel named)
    : ModelFile(host, std::move(path)), checkpoint_(std::move(checkpoint)), locations_(std::move(named.tensors)) {
  config_ = named.config;
  metadata_.name = FileStem(path_);
  metadata_.source_format = checkpoint_->format();
  for (const TensorLocation& location : locations_) {
    const CheckpointTensor& tensor = checkpoint_->tensors()[location.index];
    const DtypeInfo& dtype = *FindDtype(tensor.dtype);
    uint64_t num_elements = 0;
    NumElements(location.shape, &num_elements);  // fits: the tensor is there
    specs_.push_back({location.role, location.layer, dtype.value_dtype, dtype.dtype, location.shape, tensor.name,
                      num_elements / dtype.block_elements * dtype.block_bytes});
  }
}

absl::Status CheckpointModel::CheckBlockTypes() const {
  for (const TensorLocation& location : locations_) {
    const CheckpointTensor& tensor = checkpoint_->tensors()[location.index];
    if (FindDtype(tensor.dtype)->block_elements == 1 || (!location.sliced && !location.transposed)) continue;
    return absl::UnimplementedError(
        absl::StrCat(path(), ": tensor \"", tensor.name, "\": ", DtypeName(tensor.dtype),
                     " is not supported for this tensor, which is stored fused or transposed"));
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorView> CheckpointModel::View(size_t index, std::vector<uint8_t>& scratch) const {
  const TensorLocation& location = locations_[index];
  const CheckpointTensor& tensor = checkpoint_->tensors()[location.index];
  TensorView view;
  view.dtype = tensor.dtype;
  view.data = tensor.data;
  if (view.data == nullptr) {
    SKEIN_RETURN_IF_ERROR(Annotate(checkpoint_->Read(location.index, scratch), path()));
    view.data = scratch.data();
  }
  for (const size_t dim : location.kept_dims) {
    view.shape.push_back(tensor.shape[dim]);
    view.strides.push_back(tensor.strides[dim]);
  }
  if (location.sliced) {
    view.data += location.slice * view.strides[0] * FindDtype(tensor.dtype)->block_bytes;
    view.shape.erase(view.shape.begin());
    view.strides.erase(view.strides.begin());
  }
  if (location.transposed) {
    std::swap(view.shape[0], view.shape[1]);
    std::swap(view.strides[0], view.strides[1]);
  }
  return view;
}

}  // namespace skein
