// The arithmetics of matrix products, and which of them a matrix gets. Everything but products is float32 in each.
#ifndef SKEIN_BACKENDS_REFERENCE_ARITHMETIC_H_
#define SKEIN_BACKENDS_REFERENCE_ARITHMETIC_H_

#include <cstdint>

#include "numbers/quantised.h"

namespace skein::reference {

// The rounding of the inputs, and the form of the weights (row.h) that multiplies them.
enum class Arithmetic {
  kF32,   // inputs as they are, by the exact values of the weights
  kBf16,  // inputs rounded to bf16, by the exact values of the weights
  kInt8,  // inputs in 8 bits, in the groups of the weights' type, by the weights' codes
};

// `dtype`: the type in which the matrix is put. `compute_type`: of the segment, as in skein_segment_desc. In 8-bit
// models too, the inputs of a matrix that was not put in codes stay as they are.
constexpr Arithmetic ArithmeticOf(uint32_t dtype, uint32_t compute_type) {
  if (compute_type == SKEIN_DTYPE_BF16) return Arithmetic::kBf16;
  return IsQuantised(compute_type) && IsQuantised(dtype) ? Arithmetic::kInt8 : Arithmetic::kF32;
}

}  // namespace skein::reference

#endif  // SKEIN_BACKENDS_REFERENCE_ARITHMETIC_H_
