// A model file as the engine sees it: dimensions, metadata, and every tensor under its role, whatever the container.
// Opens .skein packages itself and everything else through the format plugins. Puts nothing on a device.
#ifndef SKEIN_MODEL_MODEL_FILE_H_
#define SKEIN_MODEL_MODEL_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "base/progress.h"
#include "model/config.h"
#include "model/metadata.h"
#include "model/tensor.h"
#include "model/value_map.h"
#include "skein/plugin.h"

namespace skein {

// One tensor of a model, in the shape and orientation of its role (backend.h).
struct TensorSpec {
  uint32_t role = 0;
  uint32_t layer = 0;
  // The type that holds the file's values as they are: F32, F16, BF16, Q8 or Q4. What is stored in blocks of other
  // types or in float64 counts as F32 (float64 values are rounded to float32).
  uint32_t dtype = 0;
  uint32_t stored_dtype = 0;  // as in the file, for descriptions
  uint32_t layout = 0;        // SKEIN_LAYOUT_* in the file; PANELS only of matrices other than the embedding
  std::vector<uint64_t> shape;
  std::string source_name;  // as in the file; in a package, the name of its role
  uint64_t size_bytes = 0;  // as stored
};

// Immutable. Threads: any. Keeps its file open (mapped) while it lives.
class ModelFile {
 public:
  virtual ~ModelFile() = default;
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  const std::string& path() const { return path_; }
  const ModelConfig& config() const { return config_; }
  const ModelMetadata& metadata() const { return metadata_; }

  // The embedded vocabulary of the tokenizer metadata().tokenizer_kind; empty if there is none. Lives as long as the
  // ModelFile.
  absl::Span<const uint8_t> vocabulary() const { return vocabulary_; }

  // The state that streams start from, in canonical layout (backend.h); empty if the file has none and streams start
  // from the fresh state. Every value is finite. Lives as long as the ModelFile.
  absl::Span<const float> initial_state() const { return initial_state_; }

  // Puts another initial state in its place: StateFloats() finite values. By the one who opened the file, before others
  // see it.
  void SetInitialState(std::vector<float> state) { initial_state_ = std::move(state); }

  // Every tensor that a model of these dimensions has, once: embedding, embedding norm, the layers in order (roles in
  // order of number), output norm, head.
  absl::Span<const TensorSpec> tensors() const { return specs_; }

  struct TensorData {
    const void* data;  // contiguous, perhaps unaligned
    uint64_t size_bytes;
    bool mapped;  // true: lives as long as the ModelFile; false: it is in the caller's buffer
  };
  // Reads tensor `index` in its role's shape and orientation, row-major, as `dtype`: F32, F16 or BF16, rounded to
  // nearest even, or, if its role is a matrix, Q8 or Q4 (quantise.h). Points into the file when nothing has to change,
  // else into `buffer`, which is resized; large tensors are converted on the host's threads. DATA_LOSS: a value is NaN
  // or infinite; the message names tensor and index. OUT_OF_RANGE: a finite value is too large for `dtype`.
  // INVALID_ARGUMENT: another type.
  virtual absl::StatusOr<TensorData> ReadTensor(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const;

  // The same in panels, of a matrix other than the embedding. Panels of this type in the file are pointed into, and are
  // aligned to 64 bytes. And INVALID_ARGUMENT: of another tensor.
  absl::StatusOr<TensorData> ReadPanels(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const;

  // Identifies the source weights: 32 hex digits over role, layer, shape and float32 values of every tensor, before any
  // rounding to a smaller type (see fingerprint.h). A package knows its own; for other files the first call reads
  // everything.
  absl::StatusOr<std::string> Fingerprint() const ABSL_LOCKS_EXCLUDED(fingerprint_mutex_);

  // Reads all data: in a package compares the checksums (DATA_LOSS names the first tensor that differs), and in any
  // file checks that every value is finite. `progress` may be nullptr.
  absl::Status Verify(Progress* progress) const;

 protected:
  ModelFile(const skein_host& host, std::string path) : host_(host), path_(std::move(path)) {}

  // A tensor in its role's shape and orientation, and what its values have to go through.
  struct StoredTensor {
    TensorView view;
    ValueMap map = {};
  };

  // Tensor `index` as it lies in the file, or its rows, where it lies there in panels. What the container cannot point
  // to it puts into `scratch`.
  virtual absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const = 0;
  // The bytes in the file of a tensor whose layout there is panels.
  virtual absl::Span<const uint8_t> StoredPanels(size_t /*index*/) const { return {}; }
  // Compares the checksum of tensor `index`; OK where the container has none.
  virtual absl::Status CheckStoredBytes(size_t index) const = 0;

  // OK if every value is finite of tensor `index`, whose layout in the file is panels, and what fills up its panels.
  absl::Status CheckStoredPanels(size_t index) const;

  // OK if ReadTensor may be asked for tensor `index` as `dtype`.
  absl::Status CheckRequest(size_t index, uint32_t dtype) const;

  // For a ModelFile that changes another: takes over everything that `base` says of itself but the fingerprint, which
  // is then computed from the values that View gives. `base` must outlive this.
  void DescribeAs(const ModelFile& base);
  // What another ModelFile's View gives.
  static absl::StatusOr<StoredTensor> ViewOf(const ModelFile& file, size_t index, std::vector<uint8_t>& scratch) {
    return file.View(index, scratch);
  }
  static absl::Span<const uint8_t> StoredPanelsOf(const ModelFile& file, size_t index) {
    return file.StoredPanels(index);
  }
  static absl::Status CheckStoredBytesOf(const ModelFile& file, size_t index) { return file.CheckStoredBytes(index); }
  // The host that `file` was opened with.
  static const skein_host& HostOf(const ModelFile& file) { return file.host_; }

  // Constant once the file is open; filled by the container's class.
  const skein_host& host_;
  const std::string path_;
  ModelConfig config_;
  ModelMetadata metadata_;
  absl::Span<const uint8_t> vocabulary_;
  std::vector<float> initial_state_;
  std::vector<TensorSpec> specs_;

  mutable Mutex fingerprint_mutex_;
  mutable std::string fingerprint_ ABSL_GUARDED_BY(fingerprint_mutex_);  // "" until known
};

}  // namespace skein

#endif  // SKEIN_MODEL_MODEL_FILE_H_
