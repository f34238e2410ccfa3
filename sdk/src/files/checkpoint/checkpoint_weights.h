// A checkpoint of any format and naming scheme as a ModelFile.
#ifndef SKEIN_FILES_CHECKPOINT_CHECKPOINT_WEIGHTS_H_
#define SKEIN_FILES_CHECKPOINT_CHECKPOINT_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/checkpoint/checkpoint.h"
#include "files/naming/naming.h"
#include "model/model_file.h"
#include "plugin/registry.h"

namespace skein {

class CheckpointWeights final : public ModelFile {
 public:
  // The codes of Checkpoint::Open, NameTensors and ReadSettings.
  static absl::StatusOr<std::unique_ptr<ModelFile>> Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                         const skein_host& host, std::unique_ptr<File> file);

 private:
  CheckpointWeights(const skein_host& host, std::string path, std::unique_ptr<Checkpoint> checkpoint,
                    const NamedModel& named);

  // The metadata, and the epsilons that the file or its neighbours tell.
  absl::Status ReadMetadata(const NamingScheme& scheme);
  absl::Status ReadInitialState(const NamedModel& named);

  // A tensor of the checkpoint as it is stored.
  absl::StatusOr<TensorView> StoredView(size_t tensor_index, std::vector<uint8_t>& scratch) const;

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override;
  absl::Status CheckStoredBytes(size_t) const override { return absl::OkStatus(); }

  const std::unique_ptr<Checkpoint> checkpoint_;
  const std::vector<TensorLocation> locations_;  // parallel to tensors()
};

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CHECKPOINT_WEIGHTS_H_
