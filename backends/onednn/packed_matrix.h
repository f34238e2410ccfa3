// A weight matrix as this backend multiplies by it: panels of 64 outputs, in which all inputs follow each other, so
// that a thread reads its share of a product as one stream. The panels are those of SKEIN_LAYOUT_PANELS, so that a
// matrix in a package may be used where it is mapped. Float32 and bf16 panels are also layouts that oneDNN multiplies
// by (BA16a64b, BA16a64b2a), so that one copy of the weights serves one row and many.
#ifndef SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_
#define SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "host/weight_arena.h"
#include "kit/tensor.h"
#include "onednn/kernels/panel.h"

namespace skein::onednn {

class PackedMatrix {
 public:
  // `dtype`: the type in which the matrix will come. The panels keep it, but with compute type BF16 all are bf16.
  PackedMatrix(kit::WeightArena& arena, uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype,
               uint32_t compute_type);

  // Over mapped panels, which the matrix does not own. Needs CanStay(panels).
  explicit PackedMatrix(const kit::TensorView& panels);

  // Whether the matrix would be packed to panels of `dtype`.
  static bool TakesPanels(uint32_t dtype, uint32_t compute_type);
  // Whether panels can be used where they lie: kernels want their data at the beginning of a cache line.
  static bool CanStay(const kit::TensorView& panels);

  // Bytes of one panel.
  static uint64_t PanelBytes(PanelType type, uint64_t num_inputs);

  static uint64_t PackedBytes(uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype, uint32_t compute_type);

  // Fills the panels from a tensor [num_outputs, num_inputs], in rows or in panels that TakesPanels. Once.
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
