// The quantised blocks of GGML files: 32 values of one row, or 256 in the types with K, with their scales and, in some,
// offsets. The layouts are in the source.
#ifndef SKEIN_MODEL_GGML_BLOCKS_H_
#define SKEIN_MODEL_GGML_BLOCKS_H_

#include <cstddef>
#include <cstdint>

namespace skein {

inline constexpr size_t kGgmlBlockElements = 32;
inline constexpr size_t kGgmlKBlockElements = 256;  // Q4_K, Q5_K, Q6_K

// One block of type SKEIN_DTYPE_GGML_* as float32: 32 of them, or 256 in the types with K. `block` may be unaligned. To
// the bit what ggml itself computes.
void DequantizeGgmlBlock(uint32_t dtype, const uint8_t* block, float* out);

}  // namespace skein

#endif  // SKEIN_MODEL_GGML_BLOCKS_H_
