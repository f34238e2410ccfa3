// Products of bf16 panels with activations in bf16. The processor's own instructions for bf16 read the weights without
// expansion. Sums are float32. A row's result does not depend on the other rows.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_BF16_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_BF16_H_

#include <cstddef>
#include <cstdint>

#include "onednn/kernels/active_steps.h"

namespace skein::onednn {

#if defined(__x86_64__)
// tile [num_rows][64] = x [num_rows][num_inputs] by a kBf16 panel (packed_matrix.h). `ahead`: see prefetch.h.
// Needs Tier::kAvx512Bf16.
void MultiplyPanelBf16Avx512(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows,
                             float* tile, uint32_t ahead);
// The same bits from the active steps alone; up to kMaxSparseRows rows.
void MultiplySparsePanelBf16Avx512(const std::byte* panel, uint32_t num_inputs, const ActiveSteps& active,
                                   const uint16_t* x, uint32_t num_rows, float* tile);
#endif

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_BF16_H_
