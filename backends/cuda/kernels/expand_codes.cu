// A matrix of codes as bf16, for products of so many rows that making it so once is less than what codes cost in each
// block of rows.
//
// Launch: blocks of 256 threads over (row, 16-byte vectors of its codes); a thread expands a vector.
//
// Limit: bytes, 1 or 0.5 read and 2 written a weight: 8192 x 2048 of kQ8 are 50 MB, 12 us at 4.3 TB/s where they have
// to leave the second level cache. This is a count, not a measurement.
//
// Synchronisation: none.
#include <cuda_bf16.h>

#include "cuda/kernels/bits.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 256;

__device__ __forceinline__ uint32_t Pair(float low, float high) {
  return BitsAs<uint32_t>(__floats2bfloat162_rn(low, high));
}

template <WeightType kType>
__global__ void __launch_bounds__(kThreads)
    ExpandCodesKernel(const __grid_constant__ MatrixView codes, const uint32_t row_vectors, uint4* out) {
  constexpr uint32_t kPieces = ElementsOf(kType) / 8;  // of 16 bytes of bf16
  const uint32_t row = blockIdx.x, index = blockIdx.y * kThreads + threadIdx.x;
  const WeightVector<kType> vector = LoadVector<kType>(codes, row, index);
  DependencyWait();
  DependencyRelease();
  if (index >= row_vectors) return;
  uint4* const to = out + (size_t{row} * row_vectors + index) * kPieces;
#pragma unroll
  for (uint32_t piece = 0; piece < kPieces; ++piece) {
    const float4 low = ExpandFour(vector, 2 * piece), high = ExpandFour(vector, 2 * piece + 1);
    const float scale = __half2float(vector.scale);
    to[piece] = make_uint4(Pair(low.x * scale, low.y * scale), Pair(low.z * scale, low.w * scale),
                           Pair(high.x * scale, high.y * scale), Pair(high.z * scale, high.w * scale));
  }
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const MatrixView& codes, void* out) {
  const uint32_t row_vectors = (codes.num_columns + ElementsOf(kType) - 1) / ElementsOf(kType);
  if (codes.num_rows == 0 || row_vectors == 0) return cudaSuccess;
  const dim3 grid(codes.num_rows, (row_vectors + kThreads - 1) / kThreads);
  return Launch(queue, grid, kThreads, ExpandCodesKernel<kType>, codes, row_vectors, static_cast<uint4*>(out));
}

}  // namespace

cudaError_t ExpandCodes(const Queue& queue, const MatrixView& codes, void* out) {
  if (codes.type == WeightType::kQ8) return LaunchType<WeightType::kQ8>(queue, codes, out);
  if (codes.type == WeightType::kQ4) return LaunchType<WeightType::kQ4>(queue, codes, out);
  return cudaErrorNotSupported;
}

MatrixView ExpandedView(const MatrixView& codes, const void* data) {
  const uint32_t elements = ElementsOf(codes.type);
  return {.type = WeightType::kBf16,
          .num_rows = codes.num_rows,
          .num_columns = codes.num_columns,
          .row_bytes = (codes.num_columns + elements - 1) / elements * elements * 2,
          .data = data,
          .scales = nullptr,
          .groups_per_row = 0};
}

}  // namespace skein::cuda
