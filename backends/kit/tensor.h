// A tensor as a backend receives it, after its description was checked.
#ifndef SKEIN_BACKENDS_KIT_TENSOR_H_
#define SKEIN_BACKENDS_KIT_TENSOR_H_

#include <cstdint>

#include "kit/float_formats.h"

namespace skein::kit {

// A matrix [num_rows, num_columns] or a vector (num_rows 1), row-major without gaps, perhaps unaligned. Owns nothing.
struct TensorView {
  uint32_t dtype = 0;  // F32, F16 or BF16
  uint64_t num_rows = 0;
  uint64_t num_columns = 0;
  const unsigned char* data = nullptr;

  uint64_t size() const { return num_rows * num_columns; }
  uint64_t row_bytes() const { return num_columns * FloatBytes(dtype); }
  // Expands elements [column, column + count) of a row.
  void Expand(uint64_t row, uint64_t column, uint64_t count, float* out) const {
    ExpandFloats(dtype, data + row * row_bytes() + column * FloatBytes(dtype), count, out);
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_TENSOR_H_
