// Numbers of every element type that checkpoints or packages hold (FindDtype) as float32.
#ifndef SKEIN_MODEL_CONVERT_DTYPE_H_
#define SKEIN_MODEL_CONVERT_DTYPE_H_

#include <cstddef>
#include <cstdint>

namespace skein {

// Elements [first, first + count) of a packed array of type `dtype` as float32. `data` may be unaligned. Of the block
// types of GGML files, `first` and `count` are multiples of the block. Of Q8 and Q4, the array is one row. F64 is
// rounded to nearest, ties to even.
void ToF32(uint32_t dtype, const uint8_t* data, uint64_t first, size_t count, float* out);

}  // namespace skein

#endif  // SKEIN_MODEL_CONVERT_DTYPE_H_
