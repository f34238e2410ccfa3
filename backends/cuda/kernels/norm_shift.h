// Steps ① and ⑤ of a layer: LayerNorm, the token shift and its blends. And the second shift of RWKV-6.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_NORM_SHIFT_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_NORM_SHIFT_H_

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/rounded_rows.h"
#include "equations/operands.h"

namespace skein::cuda {

inline constexpr uint32_t kMaxBlends = 6;

struct NormShiftArguments {
  kit::Rows x;
  kit::Norm norm;
  size_t state;  // bytes from the beginning of a slot to the shift row
  std::array<kit::Blend, kMaxBlends> blends;
  uint32_t num_blends;                          // none has a NULL mix
  kit::ShiftedRows kept;                        // without data: not kept
  std::array<RoundedRows, kMaxBlends> rounded;  // copies of the blends' rows, all in one type
  // A shift before this one (shift_products.h) has left its shift row to this kernel: its n, and where the row belongs.
  kit::Rows earlier;     // without data: none
  size_t earlier_state;  // bytes from the beginning of a slot
};
cudaError_t NormShift(const Queue& queue, const Batch& batch, const States& states,
                      const NormShiftArguments& arguments);

struct DataShiftArguments {
  kit::ShiftedRows rows;
  std::array<kit::DataBlend, kMaxBlends> blends;
  uint32_t num_blends;
};
cudaError_t DataShift(const Queue& queue, const DataShiftArguments& arguments);

// x = x + gate ⊙ value, the end of the channel-mix of RWKV-4, 5 and 6.
cudaError_t GatedAdd(const Queue& queue, kit::Rows x, kit::Rows gate, kit::Rows value);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_NORM_SHIFT_H_
