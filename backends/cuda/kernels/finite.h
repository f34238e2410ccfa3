// The check of a step's results for numbers that are not finite.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_FINITE_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_FINITE_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/launch.h"
#include "equations/operands.h"

namespace skein::cuda {

// is_bad[i] = 1 if a number of row row_indices[i] of `rows` is not finite, else 0, for `count` rows. `row_indices`
// NULL: the rows in order.
cudaError_t FindNotFinite(const Queue& queue, kit::Rows rows, const uint32_t* row_indices, uint32_t count,
                          uint32_t* is_bad);

// Whether the kernels were compiled for the device that is current: an error if they were not.
cudaError_t FindCode();

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_FINITE_H_
