// Which element type a tensor gets when the matrices of its model are wanted in another one.
#ifndef SKEIN_MODEL_MATRIX_TYPE_H_
#define SKEIN_MODEL_MATRIX_TYPE_H_

#include <cstdint>

#include "absl/types/span.h"

namespace skein {

// The type that a tensor of `shape` gets where the matrices of its model are to be in `wanted` and its own values are
// in `own`: vectors float32; matrices `wanted`, or, if that is NONE, `own`. Two kinds do not go below 8 bits and become
// Q8 where `wanted` is Q4: low-rank factors, and the embedding, whose 4 bits would cost a sixth to a third of all that
// Q4 loses and save no time, since a token reads one row of it. Where rows are so short that whole groups take as much
// room as 16 bits (up to 65 inputs in Q8, 17 in Q4), a matrix gets 16: bf16 if that is what it comes in, or float16,
// which is the closer one.
uint32_t TypeInModel(uint32_t role, absl::Span<const uint64_t> shape, uint32_t wanted, uint32_t own);

}  // namespace skein

#endif  // SKEIN_MODEL_MATRIX_TYPE_H_
