#include "numbers/panels.h"

#include <algorithm>
#include <cstring>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "model/tensor.h"
#include "numbers/quantised.h"
#include "numbers/roles.h"
#include "skein/backend.h"

namespace skein {
namespace {

// How the inputs of a panel are grouped. Plain types have groups of one element.
struct PanelForm {
  uint32_t dtype;
  uint64_t column_step;    // inputs are filled up to a multiple of it
  uint64_t element_bytes;  // of plain types
  uint64_t group_bytes;    // of quantised types: a row's scale and codes
};
constexpr PanelForm kForms[] = {
    {SKEIN_DTYPE_F32, 16, 4, 0},
    {SKEIN_DTYPE_F16, 1, 2, 0},
    {SKEIN_DTYPE_BF16, 32, 2, 0},
    {SKEIN_DTYPE_Q8, kQ8GroupElements, 0, kQ8GroupBytes},
    {SKEIN_DTYPE_Q4, kQ4GroupElements, 0, kQ4GroupBytes},
};

const PanelForm* FindForm(uint32_t dtype) {
  const auto* found =
      std::find_if(std::begin(kForms), std::end(kForms), [&](const PanelForm& form) { return form.dtype == dtype; });
  return found == std::end(kForms) ? nullptr : found;
}

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
        move(row * num_columns + column, (column / kPair * kPanelRows + row) * kPair + column % kPair);
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

constexpr uint64_t kScaleBytes = sizeof(uint16_t);
constexpr uint64_t kWordBytes = sizeof(uint32_t);

// Calls `scale(place in rows, place in panel)` and `word(place in rows, place in panel)`, in bytes, for each.
template <typename Scale, typename Word>
void ForGroups(const PanelForm& form, uint64_t num_rows, uint64_t num_columns, const Scale& scale, const Word& word) {
  const uint64_t num_groups = (num_columns + form.column_step - 1) / form.column_step;
  const uint64_t num_words = (form.group_bytes - kScaleBytes) / kWordBytes;
  for (uint64_t group = 0; group < num_groups; ++group) {
    const uint64_t panel_scales = group * kPanelRows * form.group_bytes;
    const uint64_t panel_words = panel_scales + kPanelRows * kScaleBytes;
    for (uint64_t row = 0; row < num_rows; ++row) {
      const uint64_t row_group = (row * num_groups + group) * form.group_bytes;
      scale(row_group, panel_scales + row * kScaleBytes);
      for (uint64_t i = 0; i < num_words; ++i) {
        word(row_group + kScaleBytes + i * kWordBytes, panel_words + (i * kPanelRows + row) * kWordBytes);
      }
    }
  }
}

template <typename WordToPanel>
void RowsToQuantisedPanel(const PanelForm& form, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows,
                          uint8_t* panel, const WordToPanel& word_to_panel) {
  ForGroups(
      form, num_rows, num_columns,
      [&](uint64_t in_rows, uint64_t in_panel) { Store(Load<uint16_t>(rows + in_rows), panel + in_panel); },
      [&](uint64_t in_rows, uint64_t in_panel) {
        Store(word_to_panel(Load<uint32_t>(rows + in_rows)), panel + in_panel);
      });
}

template <typename WordToRow>
void QuantisedPanelToRows(const PanelForm& form, uint64_t num_rows, uint64_t num_columns, const uint8_t* panel,
                          uint8_t* rows, const WordToRow& word_to_row) {
  ForGroups(
      form, num_rows, num_columns,
      [&](uint64_t in_rows, uint64_t in_panel) { Store(Load<uint16_t>(panel + in_panel), rows + in_rows); },
      [&](uint64_t in_rows, uint64_t in_panel) {
        Store(word_to_row(Load<uint32_t>(panel + in_panel)), rows + in_rows);
      });
}

// Calls `work(first row, rows, panel)` for every panel of a matrix, on the host's threads.
void ForPanels(const skein_host& host, uint64_t num_rows,
               absl::FunctionRef<void(uint64_t first_row, uint64_t count, uint64_t panel)> work) {
  struct Call {
    uint64_t num_rows;
    absl::FunctionRef<void(uint64_t, uint64_t, uint64_t)> work;
  } call = {num_rows, work};
  host.parallel_for(
      host.context, (num_rows + kPanelRows - 1) / kPanelRows,
      [](void* argument, uint64_t panel) {
        const Call& mine = *static_cast<Call*>(argument);
        const uint64_t first_row = panel * kPanelRows;
        mine.work(first_row, std::min(kPanelRows, mine.num_rows - first_row), panel);
      },
      &call);
}

// Sizes of a matrix whose sizes fit.
struct Strides {
  Strides(uint32_t dtype, uint64_t num_columns) {
    PackedBytes(*FindDtype(dtype), {num_columns}, &row_bytes);
    PanelBytes(dtype, num_columns, &panel_bytes);
  }
  uint64_t row_bytes = 0;
  uint64_t panel_bytes = 0;
};

}  // namespace

std::string LayoutName(uint32_t layout) {
  if (layout == SKEIN_LAYOUT_ROWS) return "rows";
  return layout == SKEIN_LAYOUT_PANELS ? "panels" : absl::StrCat("layout ", layout);
}

bool RoleTakesLayout(uint32_t role, uint32_t layout) {
  return layout == SKEIN_LAYOUT_ROWS || (IsMatrixRole(role) && role != SKEIN_ROLE_EMBEDDING);
}

bool PanelBytes(uint32_t dtype, uint64_t num_columns, uint64_t* size_bytes) {
  const PanelForm* form = FindForm(dtype);
  if (form == nullptr) return false;
  const uint64_t num_steps = num_columns / form->column_step + (num_columns % form->column_step != 0 ? 1 : 0);
  const uint64_t step_bytes =
      kPanelRows * (form->group_bytes != 0 ? form->group_bytes : form->column_step * form->element_bytes);
  return !__builtin_mul_overflow(num_steps, step_bytes, size_bytes);
}

bool LayoutBytes(uint32_t dtype, uint32_t layout, absl::Span<const uint64_t> shape, uint64_t* size_bytes) {
  const DtypeInfo* info = FindDtype(dtype);
  if (info == nullptr) return false;
  if (layout == SKEIN_LAYOUT_ROWS) return PackedBytes(*info, shape, size_bytes);
  uint64_t panel_bytes = 0;
  if (layout != SKEIN_LAYOUT_PANELS || shape.size() != 2 || !PanelBytes(dtype, shape[1], &panel_bytes)) return false;
  const uint64_t num_panels = shape[0] / kPanelRows + (shape[0] % kPanelRows != 0 ? 1 : 0);
  return !__builtin_mul_overflow(num_panels, panel_bytes, size_bytes);
}

void RowsToPanel(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* rows, uint8_t* panel) {
  const PanelForm& form = *FindForm(dtype);
  if (num_rows < kPanelRows || num_columns % form.column_step != 0) {
    std::memset(panel, 0, Strides(dtype, num_columns).panel_bytes);
  }
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return RowsToPlainPanel<uint32_t, 1>(num_rows, num_columns, rows, panel);
    case SKEIN_DTYPE_F16:
      return RowsToPlainPanel<uint16_t, 1>(num_rows, num_columns, rows, panel);
    case SKEIN_DTYPE_BF16:
      return RowsToPlainPanel<uint16_t, 2>(num_rows, num_columns, rows, panel);
    case SKEIN_DTYPE_Q8:
      return RowsToQuantisedPanel(form, num_rows, num_columns, rows, panel, Q8WordToPanel);
    default:
      return RowsToQuantisedPanel(form, num_rows, num_columns, rows, panel, Q4WordToPanel);
  }
}

void PanelToRows(uint32_t dtype, uint64_t num_rows, uint64_t num_columns, const uint8_t* panel, uint8_t* rows) {
  const PanelForm& form = *FindForm(dtype);
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return PlainPanelToRows<uint32_t, 1>(num_rows, num_columns, panel, rows);
    case SKEIN_DTYPE_F16:
      return PlainPanelToRows<uint16_t, 1>(num_rows, num_columns, panel, rows);
    case SKEIN_DTYPE_BF16:
      return PlainPanelToRows<uint16_t, 2>(num_rows, num_columns, panel, rows);
    case SKEIN_DTYPE_Q8:
      return QuantisedPanelToRows(form, num_rows, num_columns, panel, rows, Q8WordToPanel);  // its own inverse
    default:
      return QuantisedPanelToRows(form, num_rows, num_columns, panel, rows, Q4WordToRow);
  }
}

void RowsToPanels(const skein_host& host, uint32_t dtype, absl::Span<const uint64_t> shape, const uint8_t* rows,
                  uint8_t* panels) {
  const Strides strides(dtype, shape[1]);
  ForPanels(host, shape[0], [&](uint64_t first_row, uint64_t count, uint64_t panel) {
    RowsToPanel(dtype, count, shape[1], rows + first_row * strides.row_bytes, panels + panel * strides.panel_bytes);
  });
}

void PanelsToRows(const skein_host& host, uint32_t dtype, absl::Span<const uint64_t> shape, const uint8_t* panels,
                  uint8_t* rows) {
  const Strides strides(dtype, shape[1]);
  ForPanels(host, shape[0], [&](uint64_t first_row, uint64_t count, uint64_t panel) {
    PanelToRows(dtype, count, shape[1], panels + panel * strides.panel_bytes, rows + first_row * strides.row_bytes);
  });
}

}  // namespace skein
