// The quantised blocks of GGML files. A block is 32 values of one row, or 256 in IQ4_XS and the types with K, with
// scales and, in some types, offsets. The source describes the layouts.
#ifndef SKEIN_MODEL_GGML_BLOCKS_H_
#define SKEIN_MODEL_GGML_BLOCKS_H_

#include <cstddef>
#include <cstdint>

namespace skein {

inline constexpr size_t kGgmlBlockElements = 32;
inline constexpr size_t kGgmlKBlockElements = 256;  // Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS

// Writes one block of type SKEIN_DTYPE_GGML_* as 32 or 256 floats. `block` may be unaligned. The results are those of
// ggml itself, bit by bit.
void DequantizeGgmlBlock(uint32_t dtype, const uint8_t* block, float* out);

}  // namespace skein

#endif  // SKEIN_MODEL_GGML_BLOCKS_H_
