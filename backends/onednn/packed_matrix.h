// A weight matrix as this backend keeps it: panels of 64 outputs, in which all inputs follow each other, so that a
// thread reads its share of a product as one stream. Float32 and bf16 panels are at the same time layouts that oneDNN
// multiplies by (BA16a64b, BA16a64b2a): there is one copy of the weights for one row and for many.
#ifndef SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_
#define SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_

#include <cstddef>
#include <cstdint>

#include "kit/tensor.h"
#include "kit/weight_arena.h"

namespace skein::onednn {

// Outputs in a panel. The last panel of a matrix is filled up with zeros.
constexpr uint32_t kPanelWidth = 64;

// Element types of panels. Quantised types will join here.
enum class PanelType {
  kF32,   // [inputs, up to a multiple of 16][64]
  kF16,   // [inputs][64]
  kBf16,  // [inputs / 2, up to a multiple of 16][64][2]: two inputs beside each other
};

constexpr uint64_t RoundUp(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

class PackedMatrix {
 public:
  // `dtype`: in which the matrix will come; compute type BF16 makes bf16 panels of every type.
  PackedMatrix(kit::WeightArena& arena, uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype,
               uint32_t compute_type);

  static uint64_t PackedBytes(uint64_t num_outputs, uint64_t num_inputs, uint32_t dtype, uint32_t compute_type);

  // Fills the panels from [num_outputs, num_inputs]. Once.
  void Pack(const kit::TensorView& tensor) noexcept;

  uint32_t num_outputs() const { return num_outputs_; }
  uint32_t num_inputs() const { return num_inputs_; }
  PanelType type() const { return type_; }
  uint32_t num_panels() const { return (num_outputs_ + kPanelWidth - 1) / kPanelWidth; }
  const std::byte* panel(uint32_t index) const { return data_ + index * panel_bytes_; }

 private:
  PanelType type_;
  uint32_t num_outputs_;
  uint32_t num_inputs_;
  uint64_t panel_bytes_;
  std::byte* data_;  // of the arena, which outlives the matrix
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_PACKED_MATRIX_H_
