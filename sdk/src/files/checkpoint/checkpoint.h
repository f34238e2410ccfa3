// A checkpoint opened by a format plugin: raw tensors and metadata, checked again on this side of the boundary. The
// meaning of the names is in files/naming.
#ifndef SKEIN_FILES_CHECKPOINT_CHECKPOINT_H_
#define SKEIN_FILES_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "model/metadata.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

class SourceFolder;

// A tensor of a checkpoint as stored. FindDtype knows its type, it has at most SKEIN_MAX_DIMS dimensions, and its size
// fits in 64 bits.
struct CheckpointTensor {
  std::string name;
  uint32_t dtype = 0;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  // in elements; packed for block types and where `data` is nullptr
  const uint8_t* data = nullptr;  // all elements are inside the file; to be read through Checkpoint::Look alone
  uint64_t size_bytes = 0;        // packed
};

// Immutable. Threads: any.
class Checkpoint {
 public:
  // Asks every format plugin about `file`, and opens it with the plugin that is surest. Files beside it are opened with
  // the same FileAccess. `host` must outlive the Checkpoint. INVALID_ARGUMENT: the file is empty, stands in for another
  // (RefuseStandIn), or no plugin recognises it; names the formats that are read and what was found. UNIMPLEMENTED: a
  // GGUF file of another architecture. INTERNAL: the plugin reports something impossible. And the codes of
  // File::Open and of the plugin.
  static absl::StatusOr<std::unique_ptr<Checkpoint>> Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                          const skein_host& host, std::unique_ptr<File> file);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // Id of the plugin, such as "pth".
  const std::string& format() const { return format_.id; }
  absl::Span<const CheckpointTensor> tensors() const { return tensors_; }

  // The container's metadata, in its order.
  absl::Span<const ContainerText> texts() const { return texts_; }

  // The bytes of a file beside the checkpoint, such as "config.json". They live as long as the Checkpoint. NOT_FOUND:
  // there is no such file. And the codes of SourceFolder::OpenSibling.
  absl::StatusOr<absl::Span<const uint8_t>> OpenSibling(const std::string& name) const;

  // The bytes of a tensor, which lie as its strides say: in the file, or, if it has no `data`, in `buffer`, which is
  // resized. The first look at them compares the container's checksum (DATA_LOSS). And the plugin's codes.
  absl::StatusOr<const uint8_t*> Look(size_t index, std::vector<uint8_t>& buffer) const;

 private:
  Checkpoint(const Plugin<skein_format_table>& format, std::unique_ptr<SourceFolder> folder);

  absl::Status ReadDirectory();
  absl::StatusOr<CheckpointTensor> ReadInfo(uint64_t index) const;
  // The steps of ReadInfo: the type can be used; the size fits, and the file can hold it; strides and data are inside
  // the file.
  absl::Status CheckType(uint64_t index, const CheckpointTensor& tensor) const;
  absl::Status ComputeSize(uint64_t index, CheckpointTensor* tensor) const;
  absl::Status Place(uint64_t index, const skein_tensor_info& info, CheckpointTensor* tensor) const;
  // The error for something impossible that the plugin reports of tensor `index`.
  absl::Status Defect(uint64_t index, const std::string& what) const;
  absl::Status ReadTexts();

  const Plugin<skein_format_table> format_;
  const std::unique_ptr<SourceFolder> folder_;
  void* handle_ = nullptr;  // the plugin's
  std::vector<CheckpointTensor> tensors_;
  std::vector<ContainerText> texts_;
};

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_CHECKPOINT_H_
