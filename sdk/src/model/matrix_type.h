// The element type that a tensor gets when the matrices of its model are wanted in another type.
#ifndef SKEIN_MODEL_MATRIX_TYPE_H_
#define SKEIN_MODEL_MATRIX_TYPE_H_

#include <cstdint>

#include "absl/types/span.h"

namespace skein {

// The type of a tensor of `shape` whose own values are in `own`, where the matrices of its model are wanted in
// `wanted`:
// - Vectors are float32. Matrices are `wanted`, or `own` if that is NONE.
// - Low-rank factors and the embedding do not go below 8 bits: where `wanted` is Q4 they are Q8. The embedding in
//   4 bits would cause a sixth to a third of the whole loss of Q4, and save no time, since a token reads one row of it.
// - Short rows (up to 65 inputs in Q8, 17 in Q4) would take as much room in whole groups as in 16 bits. Such a matrix
//   has 16 bits: bf16 if it comes in bf16, else float16, which is more exact.
uint32_t TypeInModel(uint32_t role, absl::Span<const uint64_t> shape, uint32_t wanted, uint32_t own);

}  // namespace skein

#endif  // SKEIN_MODEL_MATRIX_TYPE_H_
