// A checkpoint of any format and naming scheme as a ModelFile.
#ifndef SKEIN_MODEL_CHECKPOINT_MODEL_H_
#define SKEIN_MODEL_CHECKPOINT_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "model/checkpoint.h"
#include "model/model_file.h"
#include "model/naming/naming.h"
#include "plugin/registry.h"

namespace skein {

class CheckpointModel final : public ModelFile {
 public:
  // The codes of Checkpoint::Open and NameTensors.
  static absl::StatusOr<std::unique_ptr<ModelFile>> Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                         const skein_host& host, std::unique_ptr<File> file);

 private:
  CheckpointModel(const skein_host& host, std::string path, std::unique_ptr<Checkpoint> checkpoint, NamedModel named);

  // UNIMPLEMENTED: a tensor in blocks that would have to be cut or turned.
  absl::Status CheckBlockTypes() const;

  absl::StatusOr<TensorView> View(size_t index, std::vector<uint8_t>& scratch) const override;
  absl::Status CheckStoredBytes(size_t) const override { return absl::OkStatus(); }

  const std::unique_ptr<Checkpoint> checkpoint_;
  const std::vector<TensorLocation> locations_;  // parallel to tensors()
};

}  // namespace skein

#endif  // SKEIN_MODEL_CHECKPOINT_MODEL_H_
