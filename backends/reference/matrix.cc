#include "reference/matrix.h"

namespace skein::reference {

Matrix::Matrix(kit::WeightArena& arena, uint64_t num_rows, uint64_t num_columns, uint32_t dtype, uint32_t compute_type)
    : num_rows_(num_rows), num_columns_(num_columns), arithmetic_(ArithmeticOf(dtype, compute_type)) {
  if (arithmetic_ != Arithmetic::kInt8) {
    floats_ = arena.Take<float>(num_rows * num_columns);
    return;
  }
  group_size_ = LayoutOf(dtype).group_size;
  num_groups_ = LayoutOf(dtype).NumGroups(num_columns);
  scales_ = arena.Take<float>(num_rows * num_groups_);
  codes_ = arena.Take<int8_t>(num_rows * num_groups_ * group_size_);
}

uint64_t Matrix::PackedBytes(uint64_t num_rows, uint64_t num_columns, uint32_t dtype, uint32_t compute_type) {
  if (ArithmeticOf(dtype, compute_type) != Arithmetic::kInt8) return num_rows * num_columns * sizeof(float);
  const QuantisedLayout layout = LayoutOf(dtype);
  const uint64_t num_groups = num_rows * layout.NumGroups(num_columns);
  return kit::WeightArena::Footprint(num_groups * sizeof(float)) + num_groups * layout.group_size;
}

void Matrix::Pack(const kit::TensorView& tensor) noexcept {
  if (arithmetic_ != Arithmetic::kInt8) {
    for (uint64_t row = 0; row < num_rows_; ++row) tensor.Expand(row, 0, num_columns_, floats_ + row * num_columns_);
    return;
  }
  const QuantisedLayout layout = LayoutOf(tensor.dtype);
  const unsigned char* group = tensor.data;
  for (uint64_t i = 0; i < num_rows_ * num_groups_; ++i, group += layout.group_bytes) {
    scales_[i] = F16ToF32(ScaleBits(group));
    for (uint32_t j = 0; j < layout.group_size; ++j) {
      codes_[i * layout.group_size + j] = static_cast<int8_t>(SignedCode(layout, group, j));
    }
  }
}

QuantisedRow Matrix::Codes(uint64_t row) const {
  const uint64_t first_group = row * num_groups_;
  return {.num_groups = num_groups_,
          .group_size = group_size_,
          .scales = scales_ + first_group,
          .codes = codes_ + first_group * group_size_};
}

}  // namespace skein::reference
