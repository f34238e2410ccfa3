// Numbers from one element type to another, through float32. Narrowing rounds to nearest, ties to even; denormals,
// infinities and NaN (kept quiet, sign and upper payload bits included) are exact whatever the thread's floating-point
// environment.
#ifndef SKEIN_MODEL_CONVERT_DTYPE_H_
#define SKEIN_MODEL_CONVERT_DTYPE_H_

#include <cstddef>
#include <cstdint>

namespace skein {

float F16ToF32(uint16_t half);
uint16_t F32ToF16(float value);  // 65520 and more become infinite
float Bf16ToF32(uint16_t brain);
uint16_t F32ToBf16(float value);

// Elements [first, first + count) of a packed array of type `dtype` (FindDtype knows it) as float32. `data` may be
// unaligned; of block types `first` and `count` are multiples of the block, but of Q8 and Q4, of which the array is a
// row, `count` may end at the row's end.
void ToF32(uint32_t dtype, const uint8_t* data, uint64_t first, size_t count, float* out);

// `count` numbers as `dtype`: F32, F16 or BF16. `out` may be unaligned.
void FromF32(const float* values, size_t count, uint32_t dtype, uint8_t* out);

}  // namespace skein

#endif  // SKEIN_MODEL_CONVERT_DTYPE_H_
