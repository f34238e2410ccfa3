// Activations in 8 bits, as products with quantised weights take them: each row and group of inputs has a scale, the
// largest magnitude divided by 127. The sums of such codes are exact integers. So every kernel gets the same sums, for
// any number of rows.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_INT8_ROWS_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_INT8_ROWS_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// Largest group, in inputs.
constexpr uint32_t kMaxGroupSize = 128;

// Some rows of a block of `row_stride` rows, group by group. The last group is filled up with zeros.
struct Int8Rows {
  const int8_t* codes;  // [groups][row_stride][group_size], -127 to 127; kernels may read 15 rows beyond the block
  const float* scales;  // [groups][row_stride]; NaN for a group that holds anything not finite
  const int32_t* sums;  // [groups][row_stride]: of the codes
  uint32_t group_size;  // inputs, at most kMaxGroupSize
  uint32_t row_stride;

  Int8Rows From(uint32_t row) const {
    return {codes + size_t{row} * group_size, scales + row, sums + row, group_size, row_stride};
  }
  // The same rows, a group on.
  Int8Rows NextGroup() const {
    return {codes + size_t{row_stride} * group_size, scales + row_stride, sums + row_stride, group_size, row_stride};
  }
};

// The floats that Int8Rows are made of, and the memory for these.
struct Int8Block {
  const float* x;  // [num_rows][num_inputs]
  uint32_t num_rows;
  uint32_t num_inputs;
  uint32_t group_size;
  int8_t* codes;
  float* scales;
  int32_t* sums;
};

// The work on a block is cut into items: a group of up to kItemRows rows. Items go through the groups of their rows,
// then to the next rows, so that x is read as a few streams.
constexpr uint32_t kItemRows = 8;
constexpr uint64_t NumItems(uint32_t num_rows, uint32_t num_inputs, uint32_t group_size) {
  return uint64_t{(num_rows + kItemRows - 1) / kItemRows} * ((num_inputs + group_size - 1) / group_size);
}

// Fills items [begin, end) of a block: codes[i] = x[i] / scale, to nearest, ties to even. A group below 2^-100 in
// magnitude counts as zero. Every instruction set gives the same bits.
void QuantiseItems(const Int8Block& block, uint64_t begin, uint64_t end);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_INT8_ROWS_H_
