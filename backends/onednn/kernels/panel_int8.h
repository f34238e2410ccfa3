// Products of quantised panels (packed_matrix.h) with activations in 8 bits, one kernel per instruction set. For each
// group of inputs the products of codes are summed as integers, which is exact; the groups are added in order, in
// float32:
//   tile[row][output] = sum over groups of integer * (weight scale * row scale), by fused multiplications
// So a row's result depends neither on the rows beside it nor on the kernel. Only processors without fused
// multiplications round twice. Pure functions; any number of rows. The weights go by once, as one stream: all rows are
// done with a group before the next group.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_INT8_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_INT8_H_

#include <cstddef>
#include <cstdint>

#include "onednn/kernels/active_steps.h"
#include "onednn/kernels/int8_rows.h"
#include "onednn/kernels/panel.h"

namespace skein::onednn {

// tile [num_rows][64] = x by a panel of `num_groups` groups. `type` is kQ8 or kQ4, and x has its group size. `ahead`:
// see prefetch.h.
using MultiplyInt8 = void(PanelType type, const std::byte* panel, uint32_t num_groups, const Int8Rows& x,
                          uint32_t num_rows, float* tile, uint32_t ahead);

MultiplyInt8 MultiplyPanelInt8;  // for every instruction set of Highway, chosen at run time
#if defined(__x86_64__)
MultiplyInt8 MultiplyPanelInt8Vnni;  // needs Tier::kAvx512Vnni
MultiplyInt8 MultiplyPanelInt8Amx;   // needs Tier::kAmx

// MultiplyPanelInt8Vnni over the active steps alone; up to kMaxSparseRows rows.
void MultiplySparsePanelInt8Vnni(PanelType type, const std::byte* panel, uint32_t num_groups, const ActiveSteps& active,
                                 const Int8Rows& x, uint32_t num_rows, float* tile);
#endif

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_PANEL_INT8_H_
