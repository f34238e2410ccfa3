// The loop over many rows, for kernels that keep the sums of a few rows in registers.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_ROW_BLOCKS_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_ROW_BLOCKS_H_

#include <cstdint>
#include <type_traits>

// To stand before a loop over the registers of a block. Otherwise gcc 12 unrolls the loop only after it has decided
// which arrays become registers, and leaves the sums in memory.
#define SKEIN_UNROLL _Pragma("GCC unroll 8")

namespace skein::onednn {

// Calls block(rows, first_row) for blocks of at most kMaxRows (3 to 6) rows that cover `num_rows`; `rows` is a
// std::integral_constant. Blocks are of even size, 4 + 4 rows and not 6 + 2, since each block reads all weights.
template <uint32_t kMaxRows, typename Block>
inline __attribute__((always_inline)) void ForEachRowBlock(uint32_t num_rows, const Block& block) {
  static_assert(kMaxRows >= 3 && kMaxRows <= 6);
  uint32_t first_row = 0;
  for (uint32_t num_blocks = (num_rows + kMaxRows - 1) / kMaxRows; num_blocks > 0; --num_blocks) {
    const uint32_t rows = (num_rows - first_row + num_blocks - 1) / num_blocks;
    switch (rows) {
      case 1:
        block(std::integral_constant<uint32_t, 1>(), first_row);
        break;
      case 2:
        block(std::integral_constant<uint32_t, 2>(), first_row);
        break;
      case 3:
        block(std::integral_constant<uint32_t, 3>(), first_row);
        break;
      case 4:
        if constexpr (kMaxRows >= 4) block(std::integral_constant<uint32_t, 4>(), first_row);
        break;
      case 5:
        if constexpr (kMaxRows >= 5) block(std::integral_constant<uint32_t, 5>(), first_row);
        break;
      default:
        if constexpr (kMaxRows >= 6) block(std::integral_constant<uint32_t, 6>(), first_row);
        break;
    }
    first_row += rows;
  }
}

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_ROW_BLOCKS_H_
