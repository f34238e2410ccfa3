// A tensor as a source of weights holds it: numbers of any type, and the function that turns them into parameters.
#ifndef SKEIN_MODEL_STORED_TENSOR_H_
#define SKEIN_MODEL_STORED_TENSOR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "model/tensor.h"
#include "model/value_map.h"
#include "skein/plugin.h"

namespace skein {

struct StoredTensor {
  TensorView view;  // in the shape and orientation of the tensor's role
  ValueMap map = {};
};

// Writes the parameters as `dtype` (F32, F16, BF16, Q8 or Q4), packed and row-major, to `out`, which may be unaligned.
// Large matrices are converted on the host's threads. The codes of VisitMapped, and OUT_OF_RANGE: a finite parameter is
// too large for `dtype`. Messages begin with the `name` of the tensor.
absl::Status CopyParameters(const skein_host& host, const StoredTensor& stored, const std::string& name, uint32_t dtype,
                            uint8_t* out);

// OK if every parameter is finite. The codes of VisitMapped.
absl::Status CheckParameters(const skein_host& host, const StoredTensor& stored, const std::string& name);

}  // namespace skein

#endif  // SKEIN_MODEL_STORED_TENSOR_H_
