#include "cuda/matrix_form.h"

#include <cstring>

#include "numbers/quantised.h"

namespace skein::cuda {
namespace {

constexpr uint64_t kRowAlignment = 16;  // bytes of the widest load
constexpr uint64_t kScalesPerLoad = kRowAlignment / kScaleBytes;

static_assert(kQ8Group == kQ8.group_size && kQ4Group == kQ4.group_size, "matrix_view.h and quantised.h");

WeightType TypeOf(uint32_t dtype) {
  switch (dtype) {
    case SKEIN_DTYPE_F16:
      return WeightType::kF16;
    case SKEIN_DTYPE_BF16:
      return WeightType::kBf16;
    case SKEIN_DTYPE_Q8:
      return WeightType::kQ8;
    case SKEIN_DTYPE_Q4:
      return WeightType::kQ4;
    default:
      return WeightType::kF32;
  }
}

// Beyond the last row of the matrix come codes of zero.
void PackColumnCodes(const kit::TensorView& matrix, const MatrixForm& form, uint64_t column, unsigned char* out) {
  const QuantisedLayout& layout = LayoutOf(matrix.dtype);
  const uint64_t group_offset = column / layout.group_size * layout.group_bytes;
  const auto code = [&](uint64_t row) {
    if (row >= matrix.num_rows) return layout.zero_code;
    return SignedCode(layout, matrix.row(row) + group_offset, column % layout.group_size) + layout.zero_code;
  };
  for (uint64_t byte = 0; byte < form.row_bytes; ++byte) {
    out[byte] = static_cast<unsigned char>(layout.bits == 8 ? code(byte) : code(2 * byte) | code(2 * byte + 1) << 4);
  }
}

}  // namespace

MatrixForm FormOf(uint32_t dtype, uint64_t num_rows, uint64_t num_columns) {
  MatrixForm form = {.type = TypeOf(dtype),
                     .num_rows = static_cast<uint32_t>(num_rows),
                     .num_columns = static_cast<uint32_t>(num_columns),
                     .row_bytes = 0,
                     .groups_per_row = 0,
                     .num_scale_rows = 0};
  if (IsQuantised(dtype)) {
    const QuantisedLayout& layout = LayoutOf(dtype);
    form.groups_per_row = static_cast<uint32_t>(layout.NumGroups(num_columns));
    form.num_scale_rows = form.num_rows;
    form.row_bytes = static_cast<uint32_t>(form.groups_per_row * (layout.group_bytes - kScaleBytes));
  } else {
    form.row_bytes = static_cast<uint32_t>(AlignedUp(num_columns * FloatBytes(dtype), kRowAlignment));
  }
  return form;
}

MatrixForm TransposedForm(uint32_t dtype, uint64_t num_rows, uint64_t num_columns) {
  if (!IsQuantised(dtype)) return FormOf(dtype, num_columns, num_rows);
  const QuantisedLayout& layout = LayoutOf(dtype);
  return {.type = TypeOf(dtype),
          .num_rows = static_cast<uint32_t>(num_columns),
          .num_columns = static_cast<uint32_t>(num_rows),
          .row_bytes = static_cast<uint32_t>(AlignedUp((num_rows * layout.bits + 7) / 8, kRowAlignment)),
          .groups_per_row = static_cast<uint32_t>(AlignedUp(num_rows, kScalesPerLoad)),
          .num_scale_rows = static_cast<uint32_t>(layout.NumGroups(num_columns))};
}

void PackRow(const kit::TensorView& matrix, const MatrixForm& form, uint64_t row, unsigned char* out) {
  const unsigned char* from = matrix.row(row);
  if (!IsQuantised(matrix.dtype)) {
    std::memcpy(out, from, matrix.row_bytes());
    std::memset(out + matrix.row_bytes(), 0, form.row_bytes - matrix.row_bytes());
    return;
  }
  // A row comes in whole groups, the last one filled up with codes of zero.
  const QuantisedLayout& layout = LayoutOf(matrix.dtype);
  const uint64_t code_bytes = layout.group_bytes - kScaleBytes;
  for (uint32_t group = 0; group < form.groups_per_row; ++group) {
    std::memcpy(out + group * code_bytes, from + group * layout.group_bytes + kScaleBytes, code_bytes);
  }
}

void PackScales(const kit::TensorView& matrix, const MatrixForm& form, uint64_t row, unsigned char* out) {
  const uint64_t group_bytes = LayoutOf(matrix.dtype).group_bytes;
  for (uint32_t group = 0; group < form.groups_per_row; ++group) {
    std::memcpy(out + group * kScaleBytes, matrix.row(row) + group * group_bytes, kScaleBytes);
  }
}

void PackColumn(const kit::TensorView& matrix, const MatrixForm& form, uint64_t column, unsigned char* out) {
  if (IsQuantised(matrix.dtype)) return PackColumnCodes(matrix, form, column, out);
  const uint64_t element_bytes = FloatBytes(matrix.dtype);
  for (uint64_t row = 0; row < matrix.num_rows; ++row) {
    std::memcpy(out + row * element_bytes, matrix.row(row) + column * element_bytes, element_bytes);
  }
  const uint64_t bytes = matrix.num_rows * element_bytes;
  std::memset(out + bytes, 0, form.row_bytes - bytes);
}

void PackColumnScales(const kit::TensorView& matrix, const MatrixForm& form, uint64_t group, unsigned char* out) {
  const uint64_t group_bytes = LayoutOf(matrix.dtype).group_bytes;
  for (uint64_t row = 0; row < matrix.num_rows; ++row) {
    std::memcpy(out + row * kScaleBytes, matrix.row(row) + group * group_bytes, kScaleBytes);
  }
  std::memset(out + matrix.num_rows * kScaleBytes, 0, (form.groups_per_row - matrix.num_rows) * kScaleBytes);
}

}  // namespace skein::cuda
