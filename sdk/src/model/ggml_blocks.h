// The quantised blocks of GGML files: 32 values of one row each, with a scale and, in some, an offset. The layouts are
// in the source.
#ifndef SKEIN_MODEL_GGML_BLOCKS_H_
#define SKEIN_MODEL_GGML_BLOCKS_H_

#include <cstddef>
#include <cstdint>

namespace skein {

inline constexpr size_t kGgmlBlockElements = 32;

// One block of type SKEIN_DTYPE_GGML_* as float32 [32]. `block` may be unaligned.
void DequantizeGgmlBlock(uint32_t dtype, const uint8_t* block, float* out);

}  // namespace skein

#endif  // SKEIN_MODEL_GGML_BLOCKS_H_
