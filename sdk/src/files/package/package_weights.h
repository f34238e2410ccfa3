// A .skein package as a ModelFile.
#ifndef SKEIN_FILES_PACKAGE_PACKAGE_WEIGHTS_H_
#define SKEIN_FILES_PACKAGE_PACKAGE_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/package/package.h"
#include "model/model_file.h"

namespace skein {

class PackageWeights final : public ModelFile {
 public:
  // The codes of Package::Open.
  static absl::StatusOr<std::unique_ptr<ModelFile>> Open(const skein_host& host, std::unique_ptr<File> file);

 private:
  PackageWeights(const skein_host& host, std::string path, std::unique_ptr<Package> package,
                 std::vector<float> initial_state);

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override;
  absl::Span<const uint8_t> StoredPanels(size_t index) const override { return package_->TensorBytes(index); }
  absl::Status CheckStoredBytes(size_t index) const override;

  const std::unique_ptr<Package> package_;
};

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_PACKAGE_WEIGHTS_H_
