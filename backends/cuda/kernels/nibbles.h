// Codes of kQ4 as the tensor cores take them. For device code alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_NIBBLES_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_NIBBLES_H_

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/bits.h"
#include "cuda/kernels/instructions.h"

namespace skein::cuda {

// The nibbles in bits 0 to 3 and 16 to 19 of a word as two bf16, less 8, whatever the other bits. 128 + nibble has the
// nibble as the last bits of its bf16.
__device__ __forceinline__ uint32_t NibblesAsBf16(uint32_t word) {
  const uint32_t above = MaskedOr(word, 0x000F000Fu, 0x43004300u);
  constexpr uint32_t kBase = 0x43084308u;  // 136
  return BitsAs<uint32_t>(__hsub2(BitsAs<__nv_bfloat162>(above), BitsAs<__nv_bfloat162>(kBase)));
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_NIBBLES_H_
