#include "cuda/matrix_form.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "numbers/half.h"
#include "numbers/panels.h"
#include "numbers/quantised.h"

namespace skein::cuda {
namespace {

// Row r, column c: a number that every type can say, of its own in the first rows and columns.
float ValueAt(uint64_t row, uint64_t column) { return static_cast<float>(16 * row + column); }

// A matrix in rows of a plain type.
std::vector<unsigned char> PlainRows(uint32_t dtype, uint64_t num_rows, uint64_t num_columns) {
  std::vector<unsigned char> bytes(num_rows * RowBytes(dtype, num_columns));
  std::vector<float> row(num_columns);
  for (uint64_t r = 0; r < num_rows; ++r) {
    for (uint64_t c = 0; c < num_columns; ++c) row[c] = ValueAt(r, c);
    RoundFloats(row.data(), num_columns, dtype, bytes.data() + r * RowBytes(dtype, num_columns));
  }
  return bytes;
}

TEST(MatrixFormTest, RowsAreFilledUpTo16BytesAndWholeGroups) {
  EXPECT_EQ(FormOf(SKEIN_DTYPE_F32, 3, 5).row_bytes, 32u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_F16, 3, 5).row_bytes, 16u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_BF16, 3, 8).row_bytes, 16u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_BF16, 3, 9).row_bytes, 32u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_Q8, 3, 129).row_bytes, 256u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_Q8, 3, 129).groups_per_row, 2u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_Q4, 3, 65).row_bytes, 64u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_Q4, 3, 65).groups_per_row, 2u);
}

TEST(MatrixFormTest, TheFootprintHasDataAndScalesAtAlignedStarts) {
  EXPECT_EQ(FormOf(SKEIN_DTYPE_F32, 3, 5).footprint(), 256u);
  EXPECT_EQ(FormOf(SKEIN_DTYPE_Q8, 3, 129).footprint(), 768u + 256u);
  // 2^20 rows of 2^14: more than 32 bits can count.
  EXPECT_EQ(FormOf(SKEIN_DTYPE_F16, 1u << 20, 1u << 14).data_bytes(), uint64_t{1} << 35);
}

TEST(MatrixFormTest, APlainRowKeepsItsElementsAndEndsInZeros) {
  for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    const std::vector<unsigned char> rows = PlainRows(dtype, 4, 5);
    const kit::TensorView view = {.dtype = dtype, .num_rows = 4, .num_columns = 5, .data = rows.data()};
    const MatrixForm form = FormOf(dtype, 4, 5);
    std::vector<unsigned char> packed(form.row_bytes, 0xFF);
    PackRow(view, form, 2, packed.data());
    const uint64_t element_bytes = FloatBytes(dtype);
    ASSERT_NE(element_bytes, 0u);
    std::vector<float> values(form.row_bytes / element_bytes);
    ExpandFloats(dtype, packed.data(), values.size(), values.data());
    for (uint64_t c = 0; c < values.size(); ++c) EXPECT_EQ(values[c], c < 5 ? ValueAt(2, c) : 0);
  }
}

TEST(MatrixFormTest, CodesAndScalesArePulledApart) {
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    constexpr uint64_t kNumColumns = 150;
    const QuantisedLayout& layout = LayoutOf(dtype);
    std::vector<uint8_t> rows(2 * RowBytes(dtype, kNumColumns));
    for (uint64_t r = 0; r < 2; ++r) {
      std::vector<float> row(kNumColumns);
      for (uint64_t c = 0; c < kNumColumns; ++c) row[c] = ValueAt(r + c / layout.group_size, c) - 1;
      ASSERT_TRUE(QuantiseRow(dtype, row, rows.data() + r * RowBytes(dtype, kNumColumns)));
    }
    const kit::TensorView view = {.dtype = dtype, .num_rows = 2, .num_columns = kNumColumns, .data = rows.data()};
    const MatrixForm form = FormOf(dtype, 2, kNumColumns);
    std::vector<unsigned char> codes(form.row_bytes), scales(2 * form.groups_per_row);
    PackRow(view, form, 1, codes.data());
    PackScales(view, form, 1, scales.data());
    for (uint64_t c = 0; c < form.groups_per_row * layout.group_size; ++c) {
      const uint8_t* group = view.row(1) + c / layout.group_size * layout.group_bytes;
      const int32_t code = dtype == SKEIN_DTYPE_Q8 ? static_cast<int8_t>(codes[c])
                                                   : (codes[c / 2] >> (c % 2 * 4) & 15) - layout.zero_code;
      EXPECT_EQ(code, SignedCode(layout, group, c % layout.group_size)) << c;
      uint16_t scale = 0;
      std::memcpy(&scale, scales.data() + c / layout.group_size * 2, 2);
      EXPECT_EQ(scale, ScaleBits(group));
      if (c >= kNumColumns) {
        EXPECT_EQ(code, 0) << "beyond the row";
      }
    }
  }
}

TEST(MatrixFormTest, AColumnBecomesARow) {
  for (const uint32_t dtype : {SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    ASSERT_TRUE(CanTranspose(dtype));
    const std::vector<unsigned char> rows = PlainRows(dtype, 5, 7);
    const kit::TensorView view = {.dtype = dtype, .num_rows = 5, .num_columns = 7, .data = rows.data()};
    const MatrixForm form = TransposedForm(dtype, 5, 7);
    EXPECT_EQ(form.num_rows, 7u);
    EXPECT_EQ(form.num_columns, 5u);
    std::vector<unsigned char> packed(form.row_bytes, 0xFF);
    PackColumn(view, form, 6, packed.data());
    std::vector<float> values(form.row_bytes / 2);
    ExpandFloats(dtype, packed.data(), values.size(), values.data());
    for (uint64_t r = 0; r < values.size(); ++r) {
      EXPECT_EQ(values[r], r < 5 ? ValueAt(r, 6) : 0);
    }
  }
  EXPECT_FALSE(CanTranspose(SKEIN_DTYPE_F32));
}

TEST(MatrixFormTest, AColumnOfCodesBecomesARowAndScalesGoByGroup) {
  constexpr uint64_t kNumRows = 21, kNumColumns = 150;
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    ASSERT_TRUE(CanTranspose(dtype));
    const QuantisedLayout& layout = LayoutOf(dtype);
    std::vector<uint8_t> rows(kNumRows * RowBytes(dtype, kNumColumns));
    for (uint64_t r = 0; r < kNumRows; ++r) {
      std::vector<float> row(kNumColumns);
      for (uint64_t c = 0; c < kNumColumns; ++c) row[c] = ValueAt(r + c / layout.group_size, c * 37 % 41) - 20;
      ASSERT_TRUE(QuantiseRow(dtype, row, rows.data() + r * RowBytes(dtype, kNumColumns)));
    }
    const kit::TensorView view = {
        .dtype = dtype, .num_rows = kNumRows, .num_columns = kNumColumns, .data = rows.data()};
    const MatrixForm form = TransposedForm(dtype, kNumRows, kNumColumns);
    EXPECT_EQ(form.num_rows, kNumColumns);
    EXPECT_EQ(form.num_columns, kNumRows);
    EXPECT_EQ(form.row_bytes, dtype == SKEIN_DTYPE_Q8 ? 32u : 16u);
    EXPECT_EQ(form.groups_per_row, 24u);
    ASSERT_EQ(form.num_scale_rows, layout.NumGroups(kNumColumns));
    EXPECT_EQ(form.scale_bytes(), form.num_scale_rows * 48u);
    for (const uint64_t column : {0, 63, 64, 129, 149}) {
      const uint64_t group = column / layout.group_size;
      std::vector<unsigned char> codes(form.row_bytes, 0xFF), scales(2 * form.groups_per_row, 0xFF);
      PackColumn(view, form, column, codes.data());
      PackColumnScales(view, form, group, scales.data());
      for (uint64_t r = 0; r < form.row_bytes * 8 / layout.bits; ++r) {
        const int32_t code =
            layout.bits == 8 ? static_cast<int8_t>(codes[r]) : (codes[r / 2] >> (r % 2 * 4) & 15) - layout.zero_code;
        const uint8_t* from = r < kNumRows ? view.row(r) + group * layout.group_bytes : nullptr;
        EXPECT_EQ(code, from == nullptr ? 0 : SignedCode(layout, from, column % layout.group_size)) << r;
        if (r >= form.groups_per_row) continue;
        uint16_t scale = 0;
        std::memcpy(&scale, scales.data() + 2 * r, 2);
        EXPECT_EQ(scale, from == nullptr ? 0 : ScaleBits(from)) << r;
      }
    }
  }
}

}  // namespace
}  // namespace skein::cuda
