// A matrix as the reference backend keeps it: every element as float32, in rows.
#ifndef SKEIN_BACKENDS_REFERENCE_DENSE_MATRIX_H_
#define SKEIN_BACKENDS_REFERENCE_DENSE_MATRIX_H_

#include <cstdint>

#include "kit/tensor.h"
#include "kit/weight_arena.h"

namespace skein::reference {

class DenseMatrix {
 public:
  DenseMatrix(kit::WeightArena& arena, uint64_t num_rows, uint64_t num_columns, uint32_t /*dtype*/,
              uint32_t /*compute_type*/)
      : num_rows_(num_rows), num_columns_(num_columns), values_(arena.Take<float>(num_rows * num_columns)) {}

  static uint64_t PackedBytes(uint64_t num_rows, uint64_t num_columns, uint32_t /*dtype*/, uint32_t /*compute_type*/) {
    return num_rows * num_columns * sizeof(float);
  }

  static bool TakesPanels(uint32_t /*dtype*/, uint32_t /*compute_type*/) { return false; }

  void Pack(const kit::TensorView& tensor) noexcept {
    for (uint64_t row = 0; row < num_rows_; ++row) tensor.Expand(row, 0, num_columns_, values_ + row * num_columns_);
  }

  uint64_t num_rows() const { return num_rows_; }
  uint64_t num_columns() const { return num_columns_; }
  const float* operator[](uint64_t row) const { return values_ + row * num_columns_; }

 private:
  uint64_t num_rows_;
  uint64_t num_columns_;
  float* values_;  // of the arena
};

}  // namespace skein::reference

#endif  // SKEIN_BACKENDS_REFERENCE_DENSE_MATRIX_H_
