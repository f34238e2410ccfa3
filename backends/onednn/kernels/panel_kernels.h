// Own kernels over one panel of weights (panel.h): products with few rows, where reading the weights is all the work,
// and the passes over memory before and after oneDNN's products.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_KERNELS_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "equations/operands.h"
#include "onednn/kernels/active_steps.h"
#include "onednn/kernels/panel.h"

namespace skein::onednn {

// Pure functions.
struct PanelKernels {
  // tile [num_rows][64] = x [num_rows][num_inputs] by a panel, in float32. Any number of rows; the panel is read once
  // for every six rows or fewer. `ahead`: see prefetch.h.
  void (*multiply)(PanelType type, const std::byte* panel, uint32_t num_inputs, const float* x, uint32_t num_rows,
                   float* tile, uint32_t ahead);

  // The same with x in bf16; the panel is kBf16.
  void (*multiply_bf16)(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows, float* tile,
                        uint32_t ahead);

  // `multiply` over the active steps alone. `type` is kF32, kF16 or kBf16; up to kMaxSparseRows rows.
  void (*multiply_sparse)(PanelType type, const std::byte* panel, uint32_t num_inputs, const ActiveSteps& active,
                          const float* x, uint32_t num_rows, float* tile);
  // `multiply_bf16` over the active steps alone.
  void (*multiply_sparse_bf16)(const std::byte* panel, uint32_t num_inputs, const ActiveSteps& active,
                               const uint16_t* x, uint32_t num_rows, float* tile);

  // The panel as a kF32 panel, exactly: out [num_inputs, up to a multiple of 16][64]. `type` is any but kF32.
  void (*expand)(PanelType type, const std::byte* panel, uint32_t num_inputs, float* out);

  // out[i] = x[i] in bf16, to nearest, ties to even.
  void (*round_to_bf16)(const float* x, size_t count, uint16_t* out);

  // Moves the first `num_columns` of each tile row to out[row], as `then` says.
  void (*finish_tile)(const float* tile, uint32_t num_rows, uint32_t num_columns, kit::Then then, float* const* out);
};

// The kernels for the best instruction set that Highway may use.
const PanelKernels& Panels();

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_KERNELS_H_
