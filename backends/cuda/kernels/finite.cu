// The check of a step's results.
//   Launch: a block of 1,024 threads a row. Bound by the time of a launch: a row of 4,096 is 16 KB.
//   Synchronisation: one vote of the block.
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/finite.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 1024;

__device__ __forceinline__ bool IsNotFinite(float x) {
  constexpr uint32_t kExponent = 0x7F800000u;
  return (__float_as_uint(x) & kExponent) == kExponent;
}

__global__ void __launch_bounds__(kThreads)
    FindNotFiniteKernel(const kit::Rows rows, const uint32_t* row_indices, uint32_t* is_bad) {
  DependencyWait();
  DependencyRelease();
  const uint32_t row_index = row_indices == nullptr ? blockIdx.x : row_indices[blockIdx.x];
  const float* row = rows.data + size_t{row_index} * rows.width;
  bool found = false;
#pragma unroll 4
  for (uint32_t i = threadIdx.x; i < rows.width; i += kThreads) found |= IsNotFinite(row[i]);
  const bool is_row_bad = __syncthreads_or(found) != 0;
  if (threadIdx.x == 0) is_bad[blockIdx.x] = is_row_bad ? 1 : 0;
}

}  // namespace

cudaError_t FindNotFinite(const Queue& queue, kit::Rows rows, const uint32_t* row_indices, uint32_t count,
                          uint32_t* is_bad) {
  if (count == 0) return cudaSuccess;
  return Launch(queue, dim3(count), kThreads, FindNotFiniteKernel, rows, row_indices, is_bad);
}

cudaError_t FindCode() {
  cudaFuncAttributes attributes = {};
  return cudaFuncGetAttributes(&attributes, FindNotFiniteKernel);
}

}  // namespace skein::cuda
