#include "model/package_model.h"

#include <utility>

#include "base/status.h"
#include "model/roles.h"

namespace skein {

absl::StatusOr<std::unique_ptr<ModelFile>> PackageModel::Open(const skein_host& host, std::unique_ptr<File> file) {
  std::string path = file->path();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Package> package, Package::Open(std::move(file)));
  SKEIN_ASSIGN_OR_RETURN(std::vector<float> initial_state, package->ReadInitialState());
  return std::unique_ptr<ModelFile>(
      new PackageModel(host, std::move(path), std::move(package), std::move(initial_state)));
}

PackageModel::PackageModel(const skein_host& host, std::string path, std::unique_ptr<Package> package,
                           std::vector<float> initial_state)
    : ModelFile(host, std::move(path)), package_(std::move(package)) {
  const Manifest& manifest = package_->manifest();
  config_ = manifest.config;
  metadata_ = manifest.metadata;
  metadata_.source_format = "package";
  initial_state_ = std::move(initial_state);
  vocabulary_ = {reinterpret_cast<const uint8_t*>(manifest.vocabulary.data()), manifest.vocabulary.size()};
  for (const PackedTensor& tensor : manifest.tensors) {
    specs_.push_back({tensor.role, tensor.layer, tensor.dtype, tensor.dtype, tensor.shape,
                      TensorName(tensor.role, tensor.layer), tensor.size_bytes});
  }
  const MutexLock lock(fingerprint_mutex_);
  fingerprint_ = manifest.fingerprint;
}

absl::StatusOr<ModelFile::StoredTensor> PackageModel::View(size_t index, std::vector<uint8_t>&) const {
  const PackedTensor& tensor = package_->manifest().tensors[index];
  return StoredTensor{{tensor.dtype, tensor.shape, PackedStrides(tensor.shape), package_->TensorBytes(index).data()}};
}

absl::Status PackageModel::CheckStoredBytes(size_t index) const { return package_->CheckTensor(index); }

}  // namespace skein
