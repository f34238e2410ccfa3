// A tensor as a backend receives it, after its description was checked.
#ifndef SKEIN_BACKENDS_KIT_TENSOR_H_
#define SKEIN_BACKENDS_KIT_TENSOR_H_

#include <cstdint>

#include "numbers/half.h"
#include "numbers/panels.h"
#include "numbers/quantised.h"
#include "skein/dtype.h"

namespace skein::kit {

// The types in which matrices may come, as skein_backend_device.weight_types says it.
constexpr uint32_t kWeightTypes = 1u << SKEIN_DTYPE_F32 | 1u << SKEIN_DTYPE_F16 | 1u << SKEIN_DTYPE_BF16 |
                                  1u << SKEIN_DTYPE_Q8 | 1u << SKEIN_DTYPE_Q4;

// A matrix [num_rows, num_columns] or a vector (num_rows 1), without gaps, perhaps unaligned. Owns nothing.
struct TensorView {
  uint32_t dtype = 0;  // F32, F16, BF16, Q8 or Q4
  uint64_t num_rows = 0;
  uint64_t num_columns = 0;
  const unsigned char* data = nullptr;
  uint32_t layout = SKEIN_LAYOUT_ROWS;

  // Of rows only:
  uint64_t size() const { return num_rows * num_columns; }
  uint64_t row_bytes() const { return RowBytes(dtype, num_columns); }
  const unsigned char* row(uint64_t index) const { return data + index * row_bytes(); }
  // Expands elements [column, column + count) of a row.
  void Expand(uint64_t row_index, uint64_t column, uint64_t count, float* out) const {
    if (IsQuantised(dtype)) {
      ExpandQuantised(dtype, row(row_index), column, count, out);
    } else {
      ExpandFloats(dtype, row(row_index) + column * FloatBytes(dtype), count, out);
    }
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_TENSOR_H_
