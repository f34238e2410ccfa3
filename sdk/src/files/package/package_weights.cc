#include "files/package/package_weights.h"

#include <utility>

#include "base/status.h"
#include "model/panels.h"
#include "model/roles.h"

namespace skein {

absl::StatusOr<std::unique_ptr<ModelFile>> PackageWeights::Open(const skein_host& host, std::unique_ptr<File> file) {
  std::string path = file->path();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Package> package, Package::Open(std::move(file)));
  SKEIN_ASSIGN_OR_RETURN(std::vector<float> initial_state, package->ReadInitialState());
  return std::unique_ptr<ModelFile>(
      new PackageWeights(host, std::move(path), std::move(package), std::move(initial_state)));
}

PackageWeights::PackageWeights(const skein_host& host, std::string path, std::unique_ptr<Package> package,
                               std::vector<float> initial_state)
    : ModelFile(host, std::move(path)), package_(std::move(package)) {
  const Manifest& manifest = package_->manifest();
  config_ = manifest.config;
  metadata_ = manifest.metadata;
  metadata_.source_format = "package";
  initial_state_ = std::move(initial_state);
  vocabulary_ = {reinterpret_cast<const uint8_t*>(manifest.vocabulary.data()), manifest.vocabulary.size()};
  for (const PackedTensor& tensor : manifest.tensors) {
    specs_.push_back({tensor.role, tensor.layer, tensor.dtype, tensor.dtype, tensor.layout, tensor.shape,
                      TensorName(tensor.role, tensor.layer), tensor.size_bytes});
  }
  const MutexLock lock(fingerprint_mutex_);
  fingerprint_ = manifest.fingerprint;
}

absl::StatusOr<ModelFile::StoredTensor> PackageWeights::View(size_t index, std::vector<uint8_t>& scratch) const {
  const PackedTensor& tensor = package_->manifest().tensors[index];
  const uint8_t* rows = package_->TensorBytes(index).data();
  if (tensor.layout == SKEIN_LAYOUT_PANELS) {
    uint64_t size_bytes = 0;
    LayoutBytes(tensor.dtype, SKEIN_LAYOUT_ROWS, tensor.shape, &size_bytes);  // fits: its panels do
    scratch.resize(size_bytes);
    PanelsToRows(host_, tensor.dtype, tensor.shape, rows, scratch.data());
    rows = scratch.data();
  }
  return StoredTensor{{tensor.dtype, tensor.shape, PackedStrides(tensor.shape), rows}};
}

absl::Status PackageWeights::CheckStoredBytes(size_t index) const { return package_->CheckTensor(index); }

}  // namespace skein
