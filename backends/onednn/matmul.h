// Which kernel multiplies some rows of activations by one panel of weights: a table, from best to plainest, whose last
// rows always work.
#ifndef SKEIN_BACKENDS_ONEDNN_MATMUL_H_
#define SKEIN_BACKENDS_ONEDNN_MATMUL_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "onednn/packed_matrix.h"
#include "onednn/panel_primitives.h"

namespace skein::onednn {

// Most rows that one call takes.
constexpr uint32_t kMaxTileRows = PanelPrimitives::kMaxRows;

// In which type activations are multiplied. Sums are float32 in either.
enum class Arithmetic { kF32, kBf16 };

// tile = x by a panel. Not all kernels look at all of it.
struct PanelProduct {
  PanelType type;
  const std::byte* panel;
  uint32_t num_inputs;
  uint32_t num_rows;       // 1 to kMaxTileRows
  const float* x;          // [num_rows][num_inputs]; for kF32
  const uint16_t* x_bf16;  // the same in bf16, for kBf16; up to a multiple of 16 rows may be read, and come to nothing
  float* tile;             // [num_rows, up to a multiple of 16][64]
  float* expanded;         // scratch for one kF32 panel
  PanelPrimitives* primitives;  // the calling thread's
};

struct MatMulChoice {
  const char* name;
  Arithmetic arithmetic;
  uint32_t panel_types;                               // bit per PanelType
  uint64_t min_row_inputs;                            // rows times inputs, from where its preparations pay
  bool needs_primitives;                              // of oneDNN, for the width
  bool (*run)(const PanelProduct& product) noexcept;  // false if oneDNN failed

  bool AppliesTo(const PanelProduct& product, Arithmetic wanted) const;
};

// From best to plainest, for each arithmetic.
std::span<const MatMulChoice> MatMulChoices();

// The first choice that applies.
const MatMulChoice& ChooseMatMul(const PanelProduct& product, Arithmetic arithmetic);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_MATMUL_H_
