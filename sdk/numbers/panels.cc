#include "numbers/panels.h"

#include <algorithm>
#include <cstring>

#include "numbers/parallel.h"

namespace skein {
namespace {

template <typename T>
T Load(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
template <typename T>
void Store(T value, uint8_t* to) {
  std::memcpy(to, &value, sizeof(value));
}

// Calls `move(place in rows, place in panel)`, in elements, for every element. `kPair` inputs lie beside each other.
// By blocks of 64 rows and a few inputs, which stay in the first-level cache.
template <uint64_t kPair, typename Move>
void ForElements(uint64_t num_rows, uint64_t num_columns, const Move& move) {
  constexpr uint64_t kBlock = 32;
  for (uint64_t first = 0; first < num_columns; first += kBlock) {
    const uint64_t end = std::min(first + kBlock, num_columns);
    for (uint64_t row = 0; row < num_rows; ++row) {
      for (uint64_t column = first; column < end; ++column) {
        move(row * num_columns + column, PlaceInPanel(kPair, row, column));
      }
    }
  }
}

template <typename Element, uint64_t kPair>
void RowsToPlainPanel(uint64_t num_rows, uint64_t num_columns, const uint8_t* rows, uint8_t* panel) {
  ForElements<kPair>(num_rows, num_columns, [&](uint64_t in_rows, uint64_t in_panel) {
    Store(Load<Element>(rows + in_rows * sizeof(Element)), panel + in_panel * sizeof(Element));
  });
}
template <typename Element, uint64_t kPair>
void PlainPanelToRows(uint64_t num_rows, uint64_t num_columns, const uint8_t* panel, uint8_t* rows) {
  ForElements<kPair>(num_rows, num_columns, [&](uint64_t in_rows, uint64_t in_panel) {
    Store(Load<Element>(panel + in_panel * sizeof(Element)), rows + in_rows * sizeof(Element));
  });
}

// Four bytes of codes of a row as a word of a panel, and back.
uint32_t Q8WordToPanel(uint32_t codes) { return codes ^ 0x80808080u; }

// In rows two neighbours share a byte; in panels input j of eight shares it with input 4 + j.
uint32_t Q4WordToPanel(uint32_t codes) {
  const auto spread = [](uint32_t two_bytes) {  // the four codes of two bytes, a byte each
    const uint32_t even = two_bytes & 0x0F0F, odd = two_bytes >> 4 & 0x0F0F;
    return (even & 0xFF) | (odd & 0xFF) << 8 | (even & 0xFF00) << 8 | (odd & 0xFF00) << 16;
  };
  return spread(codes & 0xFFFF) | spread(codes >> 16) << 4;
}
uint32_t Q4WordToRow(uint32_t word) {
  const auto gather = [](uint32_t codes) {  // four bytes with a code each, in two bytes
    return (codes & 0xF) | (codes >> 4 & 0xF0) | (codes >> 8 & 0xF00) | (codes >> 12 & 0xF000);
  };
  return gather(word & 0x0F0F0F0F) | gather(word >> 4 & 0x0F0F0F0F) << 16;
}

constexpr uint64_t kWordBytes = sizeof(uint32_t);

// Calls `scale(place in rows, place in panel)` and `word(place in rows, place in panel)`, in bytes, for each.
template <typename Scale, typename Word>
void ForGroups(const QuantisedLayout& layout, uint64_t num_rows, uint64_t num_columns, const Scale& scale,
               const Word& word) {
  const uint64_t num_groups = layout.NumGroups(num_columns);
  const uint64_t num_words = (layout.group_bytes - kScaleBytes) / kWordBytes;
  for (uint64_t group = 0; group < num_groups; ++group) {
    const uint64_t panel_scales = group * kPanelRows * layout.group_bytes;
    const uint64_t panel_words = panel_scales + kPanelRows * kScaleBytes;
    for (uint64_t row = 0; row < num_rows; ++row) {
      const uint64_t row_group = (row * num_groups + group) * layout.group_bytes;
      scale(row_group, panel_scales + row * kScaleBytes);
      for (uint64_t i = 0; i < num_words; ++i) {
        word(row_group + kScaleBytes + i * kWordBytes, panel_words + (i * kPanelRows + row) * kWordBytes);
      }
    }
  }
}

template <typename WordToPanel>
void RowsToQuantisedPanel(const QuantisedLayout& layout, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows,
                          uint8_t* panel, const WordToPanel& word_to_panel) {
  ForGroups(
      layout, num_rows, num_columns,
      [&](uint64_t in_rows, uint64_t in_panel) { Store(Load<uint16_t>(rows + in_rows), panel + in_panel); },
      [&](uint64_t in_rows, uint64_t in_panel) {
        Store(word_to_panel(Load<uint32_t>(rows + in_rows)), panel + in_panel);
      });
}

template <typename WordToRow>
void QuantisedPanelToRows(const QuantisedLayout& layout, uint64_t num_rows, uint64_t num_columns, const uint8_t* panel,
                          uint8_t* rows, const WordToRow& word_to_row) {
  ForGroups(
      layout, num_rows, num_columns,
      [&](uint64_t in_rows, uint64_t in_panel) { Store(Load<uint16_t>(panel + in_panel), rows + in_rows); },
      [&](uint64_t in_rows, uint64_t in_panel) {
        Store(word_to_row(Load<uint32_t>(panel + in_panel)), rows + in_rows);
      });
}

// Calls `work(first row, rows, panel)` for every panel of a matrix, on the host's threads.
template <typename Work>
void ForPanels(const skein_host& host, uint64_t num_rows, const Work& work) {
  ParallelEach(host, NumPanels(num_rows), [&](uint64_t panel) {
    const uint64_t first_row = panel * kPanelRows;
    work(first_row, std::min(kPanelRows, num_rows - first_row), panel);
  });
}

}  // namespace

void RowsToPanel(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows, uint8_t* panel) {
  const uint64_t panel_bytes = PanelBytes(dtype, num_columns);
  const bool is_full = num_rows == kPanelRows && panel_bytes == kPanelRows * RowBytes(dtype, num_columns);
  if (!is_full) std::memset(panel, 0, panel_bytes);
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return RowsToPlainPanel<uint32_t, 1>(num_rows, num_columns, rows, panel);
    case SKEIN_DTYPE_F16:
      return RowsToPlainPanel<uint16_t, 1>(num_rows, num_columns, rows, panel);
    case SKEIN_DTYPE_BF16:
      return RowsToPlainPanel<uint16_t, PairOf(SKEIN_DTYPE_BF16)>(num_rows, num_columns, rows, panel);
    case SKEIN_DTYPE_Q8:
      return RowsToQuantisedPanel(kQ8, num_rows, num_columns, rows, panel, Q8WordToPanel);
    default:
      return RowsToQuantisedPanel(kQ4, num_rows, num_columns, rows, panel, Q4WordToPanel);
  }
}

void PanelToRows(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* panel, uint8_t* rows) {
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return PlainPanelToRows<uint32_t, 1>(num_rows, num_columns, panel, rows);
    case SKEIN_DTYPE_F16:
      return PlainPanelToRows<uint16_t, 1>(num_rows, num_columns, panel, rows);
    case SKEIN_DTYPE_BF16:
      return PlainPanelToRows<uint16_t, PairOf(SKEIN_DTYPE_BF16)>(num_rows, num_columns, panel, rows);
    case SKEIN_DTYPE_Q8:
      return QuantisedPanelToRows(kQ8, num_rows, num_columns, panel, rows, Q8WordToPanel);  // its own inverse
    default:
      return QuantisedPanelToRows(kQ4, num_rows, num_columns, panel, rows, Q4WordToRow);
  }
}

void RowsToPanels(const skein_host& host, uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows,
                  uint8_t* panels) {
  const uint64_t row_bytes = RowBytes(dtype, num_columns), panel_bytes = PanelBytes(dtype, num_columns);
  ForPanels(host, num_rows, [=](uint64_t first_row, uint64_t count, uint64_t panel) {
    RowsToPanel(dtype, count, num_columns, rows + first_row * row_bytes, panels + panel * panel_bytes);
  });
}

void PanelsToRows(const skein_host& host, uint32_t dtype, uint64_t num_rows, uint64_t num_columns,
                  const uint8_t* panels, uint8_t* rows) {
  const uint64_t row_bytes = RowBytes(dtype, num_columns), panel_bytes = PanelBytes(dtype, num_columns);
  ForPanels(host, num_rows, [=](uint64_t first_row, uint64_t count, uint64_t panel) {
    PanelToRows(dtype, count, num_columns, panels + panel * panel_bytes, rows + first_row * row_bytes);
  });
}

}  // namespace skein
