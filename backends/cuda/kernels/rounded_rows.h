// How inputs of products are rounded, and copies of rows that are rounded where they are made.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_ROUNDED_ROWS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_ROUNDED_ROWS_H_

#include <cstdint>

namespace skein::cuda {

// How inputs are rounded before they are multiplied. Sums are float32 in every case.
enum class Inputs : uint8_t { kF32, kF16, kBf16 };

// A copy of rows of floats, rounded to 16 bits as products take them: rows of the same width without gaps, which is a
// multiple of 8, at a multiple of 16 bytes. Without data: there is none.
struct RoundedRows {
  uint16_t* data = nullptr;
  Inputs inputs = Inputs::kF16;  // not kF32
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_ROUNDED_ROWS_H_
