// The layout of weights in a panel, for the kernels: 64 outputs, in which all inputs follow each other. A matrix of
// panels is packed_matrix.h.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_H_

#include <cstddef>
#include <cstdint>

#include "numbers/panels.h"
#include "numbers/quantised.h"

namespace skein::onednn {

// Outputs in a panel. The last panel of a matrix is filled up with zeros.
constexpr uint32_t kPanelWidth = kPanelRows;

// Element types of panels.
enum class PanelType {
  kF32,   // [inputs, up to a multiple of 16][64]
  kF16,   // [inputs][64]
  kBf16,  // [inputs / 2, up to a multiple of 16][64][2]: two inputs beside each other
  kQ8,    // groups of 128 inputs: 64 binary16 scales, then steps of 4 inputs
  kQ4,    // groups of 64 inputs: 64 binary16 scales, then steps of 8 inputs
};

// A quantised panel is a row of groups, the last one filled up with zeros. A group is the scales of the 64 outputs,
// then steps of 256 bytes: 4 bytes for each output. A step of Q8 has an input per byte, code + 128. A step of Q4 has
// input j (0 to 3) in the low nibble of byte j and input 4 + j in its high nibble. So codes are unsigned, since
// processors multiply unsigned weights by signed activations. The kernels take the zero point off.
constexpr uint64_t kStepBytes = 4 * kPanelWidth;
struct QuantisedPanel {
  uint32_t group_size;  // inputs
  uint32_t step_size;   // inputs
  int32_t zero_point;

  constexpr uint32_t num_steps() const { return group_size / step_size; }
  constexpr uint64_t group_bytes() const { return kPanelWidth * sizeof(uint16_t) + num_steps() * kStepBytes; }
  constexpr uint32_t NumGroups(uint32_t num_inputs) const { return (num_inputs + group_size - 1) / group_size; }
};
constexpr QuantisedPanel kQ8Panel = {.group_size = kQ8.group_size, .step_size = 4, .zero_point = 128};
constexpr QuantisedPanel kQ4Panel = {.group_size = kQ4.group_size, .step_size = 8, .zero_point = kQ4.zero_code};

constexpr bool IsQuantised(PanelType type) { return type == PanelType::kQ8 || type == PanelType::kQ4; }
constexpr const QuantisedPanel& QuantisedPanelOf(PanelType type) {
  return type == PanelType::kQ8 ? kQ8Panel : kQ4Panel;
}

constexpr uint64_t RoundUp(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

// Inputs that lie beside each other in a panel.
constexpr uint32_t StepSizeOf(PanelType type) {
  if (IsQuantised(type)) return QuantisedPanelOf(type).step_size;
  return type == PanelType::kBf16 ? 2 : 1;
}

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_H_
