// Blocks of random weights in any type, fast: a gigabyte takes about a second.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_RANDOM_BLOCK_H_
#define SKEIN_BACKENDS_CUDA_CHECK_RANDOM_BLOCK_H_

#include <cstdint>
#include <vector>

namespace skein::check {

// Bytes of a matrix in rows (skein/dtype.h).
uint64_t MatrixBytes(uint32_t dtype, uint64_t num_rows, uint64_t num_columns);

// `num_bytes` of values with this mean and deviation, uniformly spread, in F32, F16, BF16, Q8 or Q4. In the last two
// they are whole groups.
std::vector<uint8_t> RandomBlock(uint32_t dtype, uint64_t num_bytes, double mean, double deviation, uint64_t seed);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_RANDOM_BLOCK_H_
