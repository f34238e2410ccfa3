// Reads the elements of a tensor in order, checks them, and copies them to another type.
//
// Every function takes the `name` of the tensor for its messages and returns DATA_LOSS for the first element that is
// NaN or infinite, with its index.
#ifndef SKEIN_MODEL_ELEMENTS_H_
#define SKEIN_MODEL_ELEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "model/tensor.h"
#include "skein/plugin.h"

namespace skein {

// Calls `visit(values, first, count)` for consecutive runs of a few thousand elements as float32, in row-major order.
// The first error of `visit` ends it. UNIMPLEMENTED: a block type that is not packed.
absl::Status VisitElements(const TensorView& view, const std::string& name,
                           absl::FunctionRef<absl::Status(const float* values, uint64_t first, size_t count)> visit);

// Writes the elements as `dtype` (F32, F16, BF16, Q8 or Q4), packed, as ElementWriter does. `out` has room for them and
// may be unaligned. OUT_OF_RANGE: a finite element is too large for `dtype`.
absl::Status CopyElements(const TensorView& view, const std::string& name, uint32_t dtype, uint8_t* out);

// OK if every element is finite. Packed tensors of types that packages hold are scanned without conversion (finite.h).
absl::Status CheckFinite(const skein_host& host, const TensorView& view, const std::string& name);

}  // namespace skein

#endif  // SKEIN_MODEL_ELEMENTS_H_
