// The fingerprint of a model's source weights. A snapshot of a stream carries it, so that it is restored only under the
// same model.
//
// The same weights give the same fingerprint whatever the container, the naming scheme and the order of tensors,
// because it covers float32 values in the orientation of their roles. A package keeps the fingerprint of the file that
// it was converted from, so weights rounded to another type keep it too.
//
// The definition, which never changes: XXH3-128 (seed 0), written as 32 hex digits from its canonical big-endian form,
// over this sequence of little-endian uint64: generation, variant, then for each tensor in the order of
// WeightSource::tensors(): role, layer, number of dimensions, the dimensions, XXH3-64 (seed 0) of its values as packed
// little-endian float32.
#ifndef SKEIN_MODEL_FINGERPRINT_H_
#define SKEIN_MODEL_FINGERPRINT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/tensor.h"
#include "model/value_map.h"

namespace skein {

// XXH3-64 of the parameters of a tensor as packed float32. The codes of VisitMapped; `name` is for its messages.
// `goes_on` is asked every few thousand values; an error of it is the result.
absl::StatusOr<uint64_t> HashValues(const TensorView& view, const ValueMap& map, const std::string& name,
                                    absl::FunctionRef<absl::Status()> goes_on);

// Makes the fingerprint from the hashes of the tensors.
class FingerprintBuilder {
 public:
  FingerprintBuilder(uint32_t generation, uint32_t variant) : words_{generation, variant} {}

  void AddTensor(uint32_t role, uint32_t layer, absl::Span<const uint64_t> shape, uint64_t values_hash);
  std::string Finish() const;

 private:
  std::vector<uint64_t> words_;
};

}  // namespace skein

#endif  // SKEIN_MODEL_FINGERPRINT_H_
