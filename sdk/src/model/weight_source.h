// Where the weights of a model come from. The containers (files/package, files/checkpoint), made-up models
// (synthetic_weights.h) and models changed by adapters (adapted_weights.h) are sources; a ModelFile reads from one.
#ifndef SKEIN_MODEL_WEIGHT_SOURCE_H_
#define SKEIN_MODEL_WEIGHT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/stored_tensor.h"

namespace skein {

// One tensor of a model, in the shape and orientation of its role (backend.h).
struct TensorSpec {
  uint32_t role = 0;
  uint32_t layer = 0;
  // The smallest type that holds the source's values exactly: F32, F16, BF16, Q8 or Q4. Values stored in blocks of
  // other types count as F32; float64 values are rounded to it.
  uint32_t dtype = 0;
  uint32_t stored_dtype = 0;  // as in the file, for descriptions
  uint32_t layout = 0;        // SKEIN_LAYOUT_* in the file; PANELS only of matrices other than the embedding
  std::vector<uint64_t> shape;
  std::string source_name;  // as in the file; in a package, the name of its role
  uint64_t size_bytes = 0;  // as stored
};

// Immutable. Threads: any. An error's message begins with the path of the file at fault.
class WeightSource {
 public:
  WeightSource() = default;
  virtual ~WeightSource() = default;
  WeightSource(const WeightSource&) = delete;
  WeightSource& operator=(const WeightSource&) = delete;

  // Every tensor that a model of these dimensions has, once: embedding, embedding norm, the layers in order (roles in
  // order of number), output norm, head. The other functions take an index into this list.
  virtual absl::Span<const TensorSpec> tensors() const = 0;

  // The tensor in rows, also where it lies in the file in panels. The view points into the file if the container
  // allows, and lives as long as the source; else it points into `scratch`, which is resized.
  virtual absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const = 0;

  // The bytes in the file of a tensor whose layout is PANELS, aligned to 64 bytes. They live as long as the source.
  virtual absl::Span<const uint8_t> StoredPanels(size_t /*index*/) const { return {}; }

  // DATA_LOSS: the tensor's bytes in the file do not match their checksum. OK where the container has none.
  virtual absl::Status CheckStoredBytes(size_t /*index*/) const { return absl::OkStatus(); }

  // For sources that compute their values: fills `buffer` with the tensor as `dtype` (F32, F16, BF16, Q8 or Q4) without
  // rounding, and returns true. All others return false; their values are converted from the View.
  virtual bool Generate(size_t /*index*/, uint32_t /*dtype*/, std::vector<uint8_t>& /*buffer*/) const { return false; }

  // The same, for those who need each value once: calls `visit` with all values in order, piece by piece. An error of
  // `visit` is the result. All other sources do nothing, and return nullopt.
  virtual std::optional<absl::Status> VisitValues(
      size_t /*index*/, absl::FunctionRef<absl::Status(absl::Span<const float>)> /*visit*/) const {
    return std::nullopt;
  }
};

}  // namespace skein

#endif  // SKEIN_MODEL_WEIGHT_SOURCE_H_
