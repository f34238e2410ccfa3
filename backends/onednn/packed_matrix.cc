#include "onednn/packed_matrix.h"

#include <algorithm>
#include <cstring>

#include "kit/float_formats.h"
#include "skein/dtype.h"

namespace skein::onednn {
namespace {

PanelType TypeFor(uint32_t dtype, uint32_t compute_type) {
  if (compute_type == SKEIN_DTYPE_BF16 || dtype == SKEIN_DTYPE_BF16) return PanelType::kBf16;
  if (dtype == SKEIN_DTYPE_Q8) return PanelType::kQ8;
  if (dtype == SKEIN_DTYPE_Q4) return PanelType::kQ4;
  return dtype == SKEIN_DTYPE_F16 ? PanelType::kF16 : PanelType::kF32;
}

// Of the elements or codes that panels are made of.
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

// Inputs that are moved at a time: a block of 64 outputs by these stays in the first-level cache.
constexpr uint64_t kBlock = 32;

// Element (output, input) of a panel goes to [input / pair][output][input % pair].
template <typename Element, typename ReadRow>
void FillPanel(uint64_t num_outputs, uint64_t num_inputs, uint64_t pair, const ReadRow& read_row, Element* panel) {
  Element row[kBlock];
  for (uint64_t first = 0; first < num_inputs; first += kBlock) {
    const uint64_t count = std::min(kBlock, num_inputs - first);
    for (uint64_t output = 0; output < num_outputs; ++output) {
      read_row(output, first, count, row);
      for (uint64_t i = 0; i < count; ++i) {
        const uint64_t input = first + i;
        panel[(input / pair * kPanelWidth + output) * pair + input % pair] = row[i];
      }
    }
  }
}

// The four bytes of an output in a step, from the next four bytes of its row.
uint32_t StepWord(PanelType type, const unsigned char* codes) {
  uint32_t word;
  std::memcpy(&word, codes, sizeof(word));
  if (type == PanelType::kQ8) return word ^ 0x80808080u;
  // Codes 0 to 7, two in a byte: 0 to 3 go to the low nibbles, 4 to 7 to the high ones.
  const auto four_codes = [](uint32_t two_bytes) {
    const uint32_t even = two_bytes & 0x0F0F, odd = two_bytes >> 4 & 0x0F0F;
    return (even & 0xFF) | (odd & 0xFF) << 8 | (even & 0xFF00) << 8 | (odd & 0xFF00) << 16;
  };
  return four_codes(word & 0xFFFF) | four_codes(word >> 16) << 4;
}

// The codes and scales of `num_outputs` rows from `first_output`, in the order of a quantised panel. Outputs that fill
// up the panel have scale 0.
void FillQuantisedPanel(const kit::TensorView& tensor, uint64_t first_output, uint64_t num_outputs, PanelType type,
                        std::byte* panel) {
  const QuantisedPanel& layout = QuantisedPanelOf(type);
  const uint64_t stored_group_bytes = kit::LayoutOf(tensor.dtype).group_bytes;
  const uint32_t num_groups = layout.NumGroups(static_cast<uint32_t>(tensor.num_columns));
  for (uint32_t group = 0; group < num_groups; ++group, panel += layout.group_bytes()) {
    auto* scales = reinterpret_cast<uint16_t*>(panel);
    auto* words = reinterpret_cast<uint32_t*>(scales + kPanelWidth);
    for (uint32_t output = 0; output < kPanelWidth; ++output) {
      if (output >= num_outputs) {
        scales[output] = 0;
        for (uint32_t step = 0; step < layout.num_steps(); ++step) words[step * kPanelWidth + output] = 0;
        continue;
      }
      const unsigned char* from = tensor.row(first_output + output) + group * stored_group_bytes;
      scales[output] = kit::ScaleBits(from);
      for (uint32_t step = 0; step < layout.num_steps(); ++step) {
        words[step * kPanelWidth + output] = StepWord(type, from + kit::kScaleBytes + 4 * step);
      }
    }
  }
}

}  // namespace

uint64_t PackedMatrix::PanelBytes(PanelType type, uint64_t num_inputs) {
  return kit::PanelBytes(DtypeOf(type), num_inputs);
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
  return kit::NumPanels(num_outputs) * PanelBytes(TypeFor(dtype, compute_type), num_inputs);
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
    if (IsQuantised(type_)) {
      FillQuantisedPanel(tensor, first_output, count, type_, panel);
      continue;
    }
    const bool is_full = count == kPanelWidth && num_inputs_ % kBlock == 0;
    if (!is_full) std::memset(panel, 0, panel_bytes_);
    const auto read_floats = [&](uint64_t output, uint64_t input, uint64_t n, float* row) {
      tensor.Expand(first_output + output, input, n, row);
    };
    const auto read_bits = [&](uint64_t output, uint64_t input, uint64_t n, uint16_t* row) {
      std::memcpy(row, tensor.row(first_output + output) + input * sizeof(uint16_t), n * sizeof(uint16_t));
    };
    const auto read_rounded = [&](uint64_t output, uint64_t input, uint64_t n, uint16_t* row) {
      float floats[kBlock];
      tensor.Expand(first_output + output, input, n, floats);
      std::transform(floats, floats + n, row, kit::FloatToBfloat16);
    };
    if (type_ == PanelType::kF32) {
      FillPanel(count, num_inputs_, 1, read_floats, reinterpret_cast<float*>(panel));
    } else if (type_ == PanelType::kF16) {
      FillPanel(count, num_inputs_, 1, read_bits, reinterpret_cast<uint16_t*>(panel));
    } else if (tensor.dtype == SKEIN_DTYPE_BF16) {
      FillPanel(count, num_inputs_, 2, read_bits, reinterpret_cast<uint16_t*>(panel));
    } else {
      FillPanel(count, num_inputs_, 2, read_rounded, reinterpret_cast<uint16_t*>(panel));
    }
  }
}

}  // namespace skein::onednn
