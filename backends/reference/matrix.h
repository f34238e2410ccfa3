// A matrix as the reference backend keeps it: rows of float32, or of codes and scales where codes are multiplied.
#ifndef SKEIN_BACKENDS_REFERENCE_MATRIX_H_
#define SKEIN_BACKENDS_REFERENCE_MATRIX_H_

#include <cstdint>
#include <span>

#include "host/weight_arena.h"
#include "kit/tensor.h"
#include "reference/arithmetic.h"
#include "reference/row.h"

namespace skein::reference {

// As kit::WeightStore wants a matrix. A row makes an output of a product, a column takes an input.
class Matrix {
 public:
  Matrix(kit::WeightArena& arena, uint64_t num_rows, uint64_t num_columns, uint32_t dtype, uint32_t compute_type);

  static uint64_t PackedBytes(uint64_t num_rows, uint64_t num_columns, uint32_t dtype, uint32_t compute_type);

  static bool TakesPanels(uint32_t /*dtype*/, uint32_t /*compute_type*/) { return false; }

  void Pack(const kit::TensorView& tensor) noexcept;

  uint64_t num_rows() const { return num_rows_; }
  uint64_t num_columns() const { return num_columns_; }
  Arithmetic arithmetic() const { return arithmetic_; }
  uint64_t group_size() const { return group_size_; }  // in kInt8

  // A row of a matrix in kF32 or kBf16, and one in kInt8.
  std::span<const float> Floats(uint64_t row) const { return {floats_ + row * num_columns_, num_columns_}; }
  QuantisedRow Codes(uint64_t row) const;

 private:
  uint64_t num_rows_;
  uint64_t num_columns_;
  Arithmetic arithmetic_;
  // Of the arena. In kF32 and kBf16:
  float* floats_ = nullptr;  // [num_rows][num_columns]
  // In kInt8, where a code takes a byte in Q4 too:
  uint64_t group_size_ = 0;
  uint64_t num_groups_ = 0;  // in a row
  float* scales_ = nullptr;  // [num_rows][num_groups]
  int8_t* codes_ = nullptr;  // [num_rows][num_groups][group_size]
};

}  // namespace skein::reference

#endif  // SKEIN_BACKENDS_REFERENCE_MATRIX_H_
