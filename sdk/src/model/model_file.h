// A model file as the engine sees it: dimensions, metadata, and every tensor under its role in the type that is asked
// for, whatever the container. OpenModelFile (files/open.h) makes one from a path. Puts nothing on a device.
#ifndef SKEIN_MODEL_MODEL_FILE_H_
#define SKEIN_MODEL_MODEL_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "base/progress.h"
#include "model/config.h"
#include "model/metadata.h"
#include "model/model_contents.h"
#include "model/weight_source.h"
#include "skein/plugin.h"

namespace skein {

// Immutable. Threads: any. Keeps its source of weights, and so the mapped file, while it lives.
class ModelFile final {
 public:
  // `contents.weights` is not null. `host` must outlive the ModelFile.
  ModelFile(const skein_host& host, ModelContents contents);
  ModelFile(const ModelFile&) = delete;
  ModelFile& operator=(const ModelFile&) = delete;

  const std::string& path() const { return contents_.path; }
  const ModelConfig& config() const { return contents_.config; }
  const ModelMetadata& metadata() const { return contents_.metadata; }

  // The embedded vocabulary of the tokenizer metadata().tokenizer_kind; empty if there is none. Lives as long as the
  // ModelFile.
  absl::Span<const uint8_t> vocabulary() const { return contents_.vocabulary; }

  // The state that streams start from, in canonical layout (backend.h). Empty: the file has none, and streams start
  // from the fresh state. Every value is finite. Lives as long as the ModelFile.
  absl::Span<const float> initial_state() const { return contents_.initial_state; }

  // Every tensor of the model, in the order of WeightSource::tensors().
  absl::Span<const TensorSpec> tensors() const { return contents_.weights->tensors(); }

  struct TensorData {
    const void* data;  // contiguous, perhaps unaligned
    uint64_t size_bytes;
    bool mapped;  // true: `data` lives as long as the ModelFile; false: it is in the caller's buffer
  };

  // Reads tensor `index` in its role's shape and orientation, row-major, as `dtype`: F32, F16 or BF16, rounded to
  // nearest even, or, if its role is a matrix, Q8 or Q4. `data` points into the file when nothing has to change, else
  // into `buffer`, which is resized. Large tensors are converted on the host's threads. DATA_LOSS: a value is NaN or
  // infinite; the message names tensor and index. OUT_OF_RANGE: a finite value is too large for `dtype`, or there is no
  // tensor `index`. INVALID_ARGUMENT: another type.
  absl::StatusOr<TensorData> ReadTensor(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const;

  // The same in panels, for a matrix other than the embedding. Panels of this type in the file are pointed into, and
  // are aligned to 64 bytes. The codes of ReadTensor, and INVALID_ARGUMENT: the tensor is no such matrix.
  absl::StatusOr<TensorData> ReadPanels(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const;

  // Identifies the source weights: 32 hex digits over role, layer, shape and float32 values of every tensor, before any
  // rounding to a smaller type (see fingerprint.h). A package knows its own; for other files the first call reads the
  // weights that ComputeFingerprintAhead has not read yet.
  absl::StatusOr<std::string> Fingerprint() const ABSL_LOCKS_EXCLUDED(fingerprint_mutex_);

  // Whether Fingerprint would give it at once.
  bool knows_fingerprint() const ABSL_LOCKS_EXCLUDED(fingerprint_mutex_);

  // Reads the weights for the fingerprint on the calling thread, tensor by tensor, the largest first. Ends early with
  // the error that `goes_on` gives, which is asked every few thousand values; what was read until then is kept.
  absl::Status ComputeFingerprintAhead(absl::FunctionRef<absl::Status()> goes_on) const
      ABSL_LOCKS_EXCLUDED(fingerprint_mutex_);

  // Reads all weights: compares the checksums of a package (DATA_LOSS names the first tensor that differs), and checks
  // in any file that every value is finite. `progress` may be nullptr.
  absl::Status Verify(Progress* progress) const;

 private:
  const std::string& NameOf(size_t index) const { return tensors()[index].source_name; }

  // OK if ReadTensor may be asked for tensor `index` as `dtype`.
  absl::Status CheckRequest(size_t index, uint32_t dtype) const;

  // A View as it lies, if it needs no conversion; it moves from `scratch` to `buffer` without a copy where it can.
  absl::StatusOr<TensorData> TakeView(size_t index, const TensorView& view, uint64_t size_bytes,
                                      std::vector<uint8_t>& scratch, std::vector<uint8_t>& buffer) const;

  // OK if every value of a tensor that is stored in panels is finite, and the rows that fill up its last panel too.
  absl::Status CheckStoredPanels(size_t index) const;

  // OK if every value of tensor `index` is finite, in the layout in which it is stored.
  absl::Status CheckValues(size_t index) const;

  // The hash of a tensor's values, once it is known.
  struct ValuesHash {
    std::atomic<uint64_t> value = 0;
    std::atomic<bool> is_known = false;  // set after `value`
  };

  // Makes hashes_[index] known. Two threads may both compute it; they find the same.
  absl::Status HashTensor(size_t index, absl::FunctionRef<absl::Status()> goes_on) const;
  absl::StatusOr<uint64_t> ComputeHash(size_t index, absl::FunctionRef<absl::Status()> goes_on) const;

  // Of hashes that are all known.
  std::string BuildFingerprint() const;

  const skein_host& host_;
  const ModelContents contents_;
  mutable std::vector<ValuesHash> hashes_;  // by tensor; self-synchronised

  mutable Mutex fingerprint_mutex_;
  mutable std::string fingerprint_ ABSL_GUARDED_BY(fingerprint_mutex_);  // "" until known
};

}  // namespace skein

#endif  // SKEIN_MODEL_MODEL_FILE_H_
