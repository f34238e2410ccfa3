#include "files/package/package_weights.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "files/package/package.h"
#include "model/tensor.h"
#include "numbers/panels.h"
#include "numbers/roles.h"

namespace skein {
namespace {

std::vector<TensorSpec> SpecsOf(const Manifest& manifest) {
  std::vector<TensorSpec> specs;
  for (const PackedTensor& tensor : manifest.tensors) {
    specs.push_back({.role = tensor.role,
                     .layer = tensor.layer,
                     .dtype = tensor.dtype,
                     .stored_dtype = tensor.dtype,
                     .layout = tensor.layout,
                     .shape = tensor.shape,
                     .source_name = TensorName(tensor.role, tensor.layer),
                     .size_bytes = tensor.size_bytes});
  }
  return specs;
}

class PackageWeights final : public WeightSource {
 public:
  PackageWeights(const skein_host& host, std::unique_ptr<Package> package)
      : host_(host), package_(std::move(package)), specs_(SpecsOf(package_->manifest())) {}

  absl::Span<const TensorSpec> tensors() const override { return specs_; }

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override {
    const TensorSpec& spec = specs_[index];
    const uint8_t* rows = package_->TensorBytes(index).data();
    if (spec.layout == SKEIN_LAYOUT_PANELS) {
      uint64_t size_bytes = 0;
      LayoutBytes(spec.dtype, SKEIN_LAYOUT_ROWS, spec.shape, &size_bytes);  // fits: its panels do
      scratch.resize(size_bytes);
      PanelsToRows(host_, spec.dtype, spec.shape[0], spec.shape[1], rows, scratch.data());
      rows = scratch.data();
    }
    return StoredTensor{{spec.dtype, spec.shape, PackedStrides(spec.shape), rows}};
  }

  absl::Span<const uint8_t> StoredPanels(size_t index) const override { return package_->TensorBytes(index); }
  absl::Status CheckStoredBytes(size_t index) const override { return package_->CheckTensor(index); }

 private:
  const skein_host& host_;
  const std::unique_ptr<Package> package_;
  const std::vector<TensorSpec> specs_;
};

}  // namespace

absl::StatusOr<ModelContents> OpenPackage(const skein_host& host, std::unique_ptr<File> file) {
  ModelContents contents;
  contents.path = file->path();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<Package> package, Package::Open(std::move(file)));
  SKEIN_ASSIGN_OR_RETURN(contents.initial_state, package->ReadInitialState());
  const Manifest& manifest = package->manifest();
  contents.config = manifest.config;
  contents.metadata = manifest.metadata;
  contents.metadata.source_format = "package";
  contents.vocabulary = {reinterpret_cast<const uint8_t*>(manifest.vocabulary.data()), manifest.vocabulary.size()};
  contents.fingerprint = manifest.fingerprint;
  contents.weights = std::make_unique<PackageWeights>(host, std::move(package));
  return contents;
}

}  // namespace skein
