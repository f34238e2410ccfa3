// The steps before and after a library's product: rows rounded to 16 bits, and the operation on its results.
//
// Launch: blocks of 256 threads; a thread makes four elements of a rounded row, or one result.
//
// Limit: bytes, 4 read and 2 written an element of RoundRows, 8 or 12 of FinishProduct. A layer's inputs at 512 rows of
// 2048 are 6 MB, 1.5 us at 4.3 TB/s. This is a count, not a measurement.
//
// Synchronisation: none.
#include "cuda/kernels/bits.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 256;
constexpr uint32_t kThreadElements = 4;
constexpr uint32_t kRowMultiple = 8;

__device__ __forceinline__ uint32_t Pair(float low, float high, Inputs inputs) {
  if (inputs == Inputs::kF16) return BitsAs<uint32_t>(__floats2half2_rn(InF16Range(low), InF16Range(high)));
  return BitsAs<uint32_t>(__floats2bfloat162_rn(low, high));
}

__global__ void __launch_bounds__(kThreads)
    RoundRowsKernel(const kit::Rows in, const Inputs inputs, const uint32_t out_width, uint2* out) {
  const uint32_t row = blockIdx.x, column = (blockIdx.y * kThreads + threadIdx.x) * kThreadElements;
  DependencyWait();
  DependencyRelease();
  if (column >= out_width) return;
  const float4 x = LoadInputs(in, row, column, AreRowsAligned(in));
  out[(size_t{row} * out_width + column) / kThreadElements] =
      make_uint2(Pair(x.x, x.y, inputs), Pair(x.z, x.w, inputs));
}

__global__ void __launch_bounds__(kThreads)
    FinishProductKernel(const float* product, const size_t count, const kit::Then then, float* out,
                        const RoundedRows rounded) {
  const size_t i = size_t{blockIdx.x} * kThreads + threadIdx.x;
  DependencyWait();
  DependencyRelease();
  if (i >= count) return;
  StoreElement(Finished(then, product[i], then == kit::Then::kAdd ? out[i] : 0), i, out, rounded);
}

}  // namespace

cudaError_t RoundRows(const Queue& queue, kit::Rows in, Inputs inputs, void* out) {
  if (inputs == Inputs::kF32) return cudaErrorInvalidValue;
  if (in.count == 0 || in.width == 0) return cudaSuccess;
  const uint32_t width = (in.width + kRowMultiple - 1) / kRowMultiple * kRowMultiple;
  constexpr uint32_t kBlockElements = kThreads * kThreadElements;
  const dim3 grid(in.count, (width + kBlockElements - 1) / kBlockElements);
  return Launch(queue, grid, kThreads, RoundRowsKernel, in, inputs, width, static_cast<uint2*>(out));
}

cudaError_t FinishProduct(const Queue& queue, kit::Rows product, kit::Then then, kit::Rows out,
                          const RoundedRows& rounded_out) {
  if (product.count != out.count || product.width != out.width) return cudaErrorInvalidValue;
  const size_t count = size_t{out.count} * out.width;
  if (count == 0) return cudaSuccess;
  const dim3 grid(static_cast<uint32_t>((count + kThreads - 1) / kThreads));
  return Launch(queue, grid, kThreads, FinishProductKernel, static_cast<const float*>(product.data), count, then,
                out.data, rounded_out);
}

}  // namespace skein::cuda
