// The layouts of stored tensors (SKEIN_LAYOUT_* of skein/dtype.h, which says what panels are): their names and sizes,
// and matrices from rows to panels and back.
#ifndef SKEIN_NUMBERS_PANELS_H_
#define SKEIN_NUMBERS_PANELS_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "skein/dtype.h"
#include "skein/plugin.h"

namespace skein {

// Rows of a matrix that lie beside each other.
inline constexpr uint64_t kPanelRows = 64;

// "rows", "panels"; "layout 9" for a number that is none.
std::string LayoutName(uint32_t layout);

// Whether a package may hold a tensor of this role in this layout: rows every one, panels matrices other than the
// embedding, of which only single rows are looked up.
bool RoleTakesLayout(uint32_t role, uint32_t layout);

// Bytes of a tensor of a type that packages hold, in rows or, if it has two dimensions, in panels; false if that does
// not fit or cannot be.
bool LayoutBytes(uint32_t dtype, uint32_t layout, absl::Span<const uint64_t> shape, uint64_t* size_bytes);

// Bytes of one panel of rows of `num_columns` elements of a type that packages hold; false if that does not fit.
bool PanelBytes(uint32_t dtype, uint64_t num_columns, uint64_t* size_bytes);

// One panel from `num_rows` rows (1 to 64) without gaps, and back. Every byte of the panel is written. What is given is
// not looked at: the codes that fill up a row of Q8 or Q4 are kept as they are. Any alignment.
void RowsToPanel(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows, uint8_t* panel);
void PanelToRows(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* panel, uint8_t* rows);

// The same for a matrix of `shape` [N, K], whose sizes fit (LayoutBytes), panel by panel on the host's threads.
void RowsToPanels(const skein_host& host, uint32_t dtype, absl::Span<const uint64_t> shape, const uint8_t* rows,
                  uint8_t* panels);
void PanelsToRows(const skein_host& host, uint32_t dtype, absl::Span<const uint64_t> shape, const uint8_t* panels,
                  uint8_t* rows);

}  // namespace skein

#endif  // SKEIN_NUMBERS_PANELS_H_
