#include "onednn/packed_matrix.h"

#include <algorithm>
#include <cstring>

#include "numbers/half.h"
#include "skein/dtype.h"

namespace skein::onednn {
namespace {

PanelType TypeFor(uint32_t dtype, uint32_t compute_type) {
  if (compute_type == SKEIN_DTYPE_BF16 || dtype == SKEIN_DTYPE_BF16) return PanelType::kBf16;
  if (dtype == SKEIN_DTYPE_Q8) return PanelType::kQ8;
  if (dtype == SKEIN_DTYPE_Q4) return PanelType::kQ4;
  return dtype == SKEIN_DTYPE_F16 ? PanelType::kF16 : PanelType::kF32;
}

// The type of the elements or codes in a panel.
uint32_t DtypeOf(PanelType type) {
  switch (type) {
    case PanelType::kF32:
      return SKEIN_DTYPE_F32;
    case PanelType::kF16:
      return SKEIN_DTYPE_F16;
    case PanelType::kBf16:
      return SKEIN_DTYPE_BF16;
    case PanelType::kQ8:
      return SKEIN_DTYPE_Q8;
    case PanelType::kQ4:
      return SKEIN_DTYPE_Q4;
  }
  return SKEIN_DTYPE_NONE;
}

// Fills a bf16 panel with `num_rows` rows that come in another type.
void RoundToPanel(const kit::TensorView& tensor, uint64_t first_row, uint64_t num_rows, uint16_t* panel) {
  // Inputs that are moved at a time: a block of 64 outputs by these stays in the first-level cache.
  constexpr uint64_t kBlock = 32;
  constexpr uint64_t kPair = PairOf(SKEIN_DTYPE_BF16);
  const bool is_full = num_rows == kPanelRows && tensor.num_columns % kBlock == 0;
  if (!is_full) std::memset(panel, 0, PanelBytes(SKEIN_DTYPE_BF16, tensor.num_columns));
  float floats[kBlock];
  for (uint64_t first = 0; first < tensor.num_columns; first += kBlock) {
    const uint64_t count = std::min(kBlock, tensor.num_columns - first);
    for (uint64_t row = 0; row < num_rows; ++row) {
      tensor.Expand(first_row + row, first, count, floats);
      for (uint64_t i = 0; i < count; ++i) panel[PlaceInPanel(kPair, row, first + i)] = F32ToBf16(floats[i]);
    }
  }
}

}  // namespace

uint64_t PackedMatrix::PanelBytes(PanelType type, uint64_t num_inputs) {
  return skein::PanelBytes(DtypeOf(type), num_inputs);
}

bool PackedMatrix::TakesPanels(uint32_t dtype, uint32_t compute_type) {
  return DtypeOf(TypeFor(dtype, compute_type)) == dtype;
}

bool PackedMatrix::CanStay(const kit::TensorView& panels) {
  constexpr uintptr_t kLineBytes = 64;
  return reinterpret_cast<uintptr_t>(panels.data) % kLineBytes == 0;
}

PackedMatrix::PackedMatrix(kit::WeightArena& arena, uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype,
                           uint32_t compute_type)
    : type_(TypeFor(dtype, compute_type)),
      num_outputs_(static_cast<uint32_t>(num_outputs)),
      num_inputs_(static_cast<uint32_t>(num_inputs)),
      panel_bytes_(PanelBytes(type_, num_inputs)),
      packed_(arena.Take<std::byte>(num_panels() * panel_bytes_)),
      data_(packed_) {}

PackedMatrix::PackedMatrix(const kit::TensorView& panels)
    : type_(TypeFor(panels.dtype, SKEIN_DTYPE_NONE)),
      num_outputs_(static_cast<uint32_t>(panels.num_rows)),
      num_inputs_(static_cast<uint32_t>(panels.num_columns)),
      panel_bytes_(PanelBytes(type_, num_inputs_)),
      packed_(nullptr),
      data_(reinterpret_cast<const std::byte*>(panels.data)) {}

uint64_t PackedMatrix::PackedBytes(uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype, uint32_t compute_type) {
  return NumPanels(num_outputs) * PanelBytes(TypeFor(dtype, compute_type), num_inputs);
}

void PackedMatrix::Pack(const kit::TensorView& tensor) noexcept {
  if (tensor.layout == SKEIN_LAYOUT_PANELS) {
    std::memcpy(packed_, tensor.data, num_panels() * panel_bytes_);
    return;
  }
  for (uint32_t index = 0; index < num_panels(); ++index) {
    const uint64_t first_output = uint64_t{index} * kPanelWidth;
    const uint64_t count = std::min<uint64_t>(kPanelWidth, num_outputs_ - first_output);
    std::byte* panel = packed_ + index * panel_bytes_;
    if (DtypeOf(type_) == tensor.dtype) {
      RowsToPanel(tensor.dtype, count, num_inputs_, tensor.row(first_output), reinterpret_cast<uint8_t*>(panel));
      continue;
    }
    RoundToPanel(tensor, first_output, count, reinterpret_cast<uint16_t*>(panel));
  }
}

}  // namespace skein::onednn
