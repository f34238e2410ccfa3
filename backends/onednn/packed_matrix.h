// A weight matrix as this backend multiplies by it: panels of 64 outputs, in which all inputs follow each other, so
// that a thread reads its share of a product as one stream. They are those of SKEIN_LAYOUT_PANELS, so that a matrix in
// a package may be used where it is mapped. Float32 and bf16 panels are at the same time layouts that oneDNN multiplies
// by (BA16a64b, BA16a64b2a): there is one copy of the weights for one row and for many.
#ifndef SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_
#define SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "host/weight_arena.h"
#include "kit/tensor.h"
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
// input j (0 to 3) in the low nibble of byte j and input 4 + j in its high nibble. So codes are unsigned, which is how
// processors multiply them by signed activations, and the zero point is to be taken off.
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

class PackedMatrix {
 public:
  // `dtype`: in which the matrix will come, which is how it stays; but compute type BF16 makes bf16 panels of every
  // type.
  PackedMatrix(kit::WeightArena& arena, uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype,
               uint32_t compute_type);

  // Mapped panels, which the matrix does not own. CanStay(panels).
  explicit PackedMatrix(const kit::TensorView& panels);

  // Whether panels of `dtype` are what the matrix would be packed to.
  static bool TakesPanels(uint32_t dtype, uint32_t compute_type);
  // Whether panels can be used where they lie: kernels want their data at the beginning of a cache line.
  static bool CanStay(const kit::TensorView& panels);

  // Bytes of one panel.
  static uint64_t PanelBytes(PanelType type, uint64_t num_inputs);

  static uint64_t PackedBytes(uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype, uint32_t compute_type);

  // Fills the panels from [num_outputs, num_inputs], in rows or in panels that it takes. Once.
  void Pack(const kit::TensorView& tensor) noexcept;

  uint32_t num_outputs() const { return num_outputs_; }
  uint32_t num_inputs() const { return num_inputs_; }
  PanelType type() const { return type_; }
  uint64_t panel_bytes() const { return panel_bytes_; }
  uint32_t num_panels() const { return (num_outputs_ + kPanelWidth - 1) / kPanelWidth; }
  const std::byte* panel(uint32_t index) const { return data_ + index * panel_bytes_; }

 private:
  PanelType type_;
  uint32_t num_outputs_;
  uint32_t num_inputs_;
  uint64_t panel_bytes_;
  std::byte* packed_;      // of the arena, which outlives the matrix; nullptr if the panels stay mapped
  const std::byte* data_;  // the panels
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_
