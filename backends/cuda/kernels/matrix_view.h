// A matrix of weights in the device's memory, as kernels read it.
//
// Rows are padded with zeros (in codes: with the code of zero) to a multiple of 16 bytes and to whole groups, so that
// every row starts at an address for 16-byte loads. Inputs are not padded: kernels look at `num_columns` before they
// read one.
//   kF32, kF16, kBf16: row by row.
//   kQ8: rows of signed bytes, groups of 128; beside them `scales` [num_rows][groups].
//   kQ4: rows of nibbles, input 2j in the low nibble of byte j, code + 8; groups of 64; `scales` as in kQ8.
// A matrix turned over has a row for each input, with the weights of all outputs. The groups of codes still go along
// the inputs: `scales` [groups of inputs][outputs, up to a multiple of 8]. A weight is code times scale. The types are
// those of skein/dtype.h, with the scales in an array of their own.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_MATRIX_VIEW_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_MATRIX_VIEW_H_

#include <cuda_fp16.h>

#include <cstddef>
#include <cstdint>

namespace skein::cuda {

enum class WeightType : uint8_t { kF32, kF16, kBf16, kQ8, kQ4 };

inline constexpr uint32_t kQ8Group = 128;
inline constexpr uint32_t kQ4Group = 64;

struct MatrixView {
  WeightType type;
  uint32_t num_rows;     // outputs
  uint32_t num_columns;  // inputs
  uint32_t row_bytes;    // from a row to the next
  const void* data;
  const __half* scales;     // kQ8 and kQ4
  uint32_t groups_per_row;  // of scales; turned over: scales from a group to the next
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_MATRIX_VIEW_H_
