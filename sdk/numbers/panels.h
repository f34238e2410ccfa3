// The layouts of stored matrices (SKEIN_LAYOUT_* of skein/dtype.h, which defines panels): sizes of rows and panels, and
// matrices from rows to panels and back. Types are those that packages hold and backends take: F32, F16, BF16, Q8 and
// Q4.
#ifndef SKEIN_NUMBERS_PANELS_H_
#define SKEIN_NUMBERS_PANELS_H_

#include <cstdint>

#include "numbers/half.h"
#include "numbers/quantised.h"
#include "skein/dtype.h"
#include "skein/plugin.h"

namespace skein {

// Rows of a matrix that lie beside each other in a panel.
inline constexpr uint64_t kPanelRows = 64;

// Sizes are asked for below this many columns, so that they fit 64 bits.
inline constexpr uint64_t kMaxColumns = uint64_t{1} << 48;

// Bytes of a row of `num_columns` elements; 0 for any other type.
constexpr uint64_t RowBytes(uint32_t dtype, uint64_t num_columns) {
  if (!IsQuantised(dtype)) return num_columns * FloatBytes(dtype);
  return LayoutOf(dtype).NumGroups(num_columns) * LayoutOf(dtype).group_bytes;
}

// Bytes of a panel of rows of `num_columns` elements; 0 for any other type.
constexpr uint64_t PanelBytes(uint32_t dtype, uint64_t num_columns) {
  // Inputs are filled up to a multiple of these. Those of quantised types are filled up to whole groups.
  const uint64_t step = dtype == SKEIN_DTYPE_F32 ? 16 : dtype == SKEIN_DTYPE_BF16 ? 32 : 1;
  return kPanelRows * RowBytes(dtype, (num_columns + step - 1) / step * step);
}

constexpr uint64_t NumPanels(uint64_t num_rows) { return num_rows / kPanelRows + (num_rows % kPanelRows != 0 ? 1 : 0); }

// Inputs of a row that lie beside each other in a panel of a plain type.
constexpr uint64_t PairOf(uint32_t dtype) { return dtype == SKEIN_DTYPE_BF16 ? 2 : 1; }

// The index of element (row, column) in a panel of a plain type, `pair` being PairOf the type.
constexpr uint64_t PlaceInPanel(uint64_t pair, uint64_t row, uint64_t column) {
  return (column / pair * kPanelRows + row) * pair + column % pair;
}

// One panel from `num_rows` rows (1 to 64) without gaps, and back. Every byte of the panel is written. Elements are
// moved as they are, and so are the codes that fill up a row of Q8 or Q4. Any alignment.
void RowsToPanel(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows, uint8_t* panel);
void PanelToRows(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* panel, uint8_t* rows);

// The same for a whole matrix, panel by panel on the host's threads.
void RowsToPanels(const skein_host& host, uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows,
                  uint8_t* panels);
void PanelsToRows(const skein_host& host, uint32_t dtype, uint64_t num_rows, uint64_t num_columns,
                  const uint8_t* panels, uint8_t* rows);

}  // namespace skein

#endif  // SKEIN_NUMBERS_PANELS_H_
