// The form of matrices in a device's memory (kernels/matrix_view.h): sizes, and rows on their way there. Host code
// alone; calls no CUDA.
#ifndef SKEIN_BACKENDS_CUDA_MATRIX_FORM_H_
#define SKEIN_BACKENDS_CUDA_MATRIX_FORM_H_

#include <cstdint>

#include "cuda/kernels/matrix_view.h"
#include "kit/tensor.h"
#include "skein/dtype.h"

namespace skein::cuda {

// Every array of weights starts at a multiple of these bytes.
inline constexpr uint64_t kWeightAlignment = 256;

constexpr uint64_t AlignedUp(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

struct MatrixForm {
  WeightType type;
  uint32_t num_rows;
  uint32_t num_columns;
  uint32_t row_bytes;       // from a row to the next
  uint32_t groups_per_row;  // of scales, as in MatrixView; 0 for plain types
  uint32_t num_scale_rows;  // of groups_per_row scales each

  uint64_t data_bytes() const { return uint64_t{num_rows} * row_bytes; }
  uint64_t scale_bytes() const { return uint64_t{num_scale_rows} * groups_per_row * sizeof(uint16_t); }
  // Both, each from its own aligned start.
  uint64_t footprint() const {
    return AlignedUp(data_bytes(), kWeightAlignment) + AlignedUp(scale_bytes(), kWeightAlignment);
  }
};

// Of a matrix in rows of `dtype`: F32, F16, BF16, Q8 or Q4. Dimensions are below 2^32 (segment_desc.h).
MatrixForm FormOf(uint32_t dtype, uint64_t num_rows, uint64_t num_columns);

// Of the same matrix turned over, for SparseProduct. Not F32.
MatrixForm TransposedForm(uint32_t dtype, uint64_t num_rows, uint64_t num_columns);
constexpr bool CanTranspose(uint32_t dtype) { return dtype != SKEIN_DTYPE_F32; }

// Row `row` as form.row_bytes bytes, filled up with zeros.
void PackRow(const kit::TensorView& matrix, const MatrixForm& form, uint64_t row, unsigned char* out);
// The scales of a row of Q8 or Q4: form.groups_per_row binary16 numbers.
void PackScales(const kit::TensorView& matrix, const MatrixForm& form, uint64_t row, unsigned char* out);
// Column `column` as row of the matrix turned over; `form` is its TransposedForm.
void PackColumn(const kit::TensorView& matrix, const MatrixForm& form, uint64_t column, unsigned char* out);
// Of Q8 or Q4: the scales of group `group` of each row, as row of the scales of the matrix turned over.
void PackColumnScales(const kit::TensorView& matrix, const MatrixForm& form, uint64_t group, unsigned char* out);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_MATRIX_FORM_H_
