// Products on the CUDA cores, for steps ②, ④, ⑥ and ⑦ of a layer and the output head: up to four rows at a time go
// through the weights together.
//
// Launch: blocks of 128 threads over (rows in fours, outputs of all products of the list). A warp makes two outputs, or
// four where it has four rows: the lanes share out a row of weights 16 bytes at a time, and add up at the end. The
// inputs of a block lie in shared memory, rounded, in chunks where they are many.
//
// Limit: the bytes of the weights, up to four rows. The first loads of a warp, 128 bytes a thread, are on their way
// before the kernel before has ended. Beside them a block reads its inputs from the second level cache: a quarter of
// its f16 weights' bytes at one row, a half at four. In instructions, at one row, a weight of f16 takes 2 (convert,
// multiply) and a code of kQ4 3 (take out, subtract, multiply) and one more for eight. A multiprocessor of 128 lanes
// that memory feeds with 19 bytes a cycle (4.3 TB/s, 132 of them, 1.7 GHz) is busy for 0.15 of the time with f16 and
// 0.45 with kQ8. With kQ4 the loop has 4.4 instructions a code for sm_90, and takes 1.3 times as long as memory:
// nibble_products.cu is for these. These are counts; nothing here was measured.
//
// Synchronisation: one barrier after a chunk of inputs is written, and one before the next overwrites it.
//
// Another type of weights: weight_vector.h, and a case in RowProducts.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/warp_product.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarps = 4;
constexpr uint32_t kThreads = kWarps * kWarp;

// Writes inputs [begin, end) of kRows rows, rounded, with zeros beyond the last row and column.
template <uint32_t kRows, uint32_t kRowFloats>
__device__ __forceinline__ void Stage(const kit::Rows& in, uint32_t first_row, uint32_t begin, uint32_t end,
                                      Inputs inputs, float* staged) {
  const bool are_aligned = AreRowsAligned(in);
  for (uint32_t column = begin + 4 * threadIdx.x; column < end; column += 4 * kThreads) {
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      const float4 x = Rounded(LoadInputs(in, first_row + r, column, are_aligned), inputs);
      *reinterpret_cast<float4*>(staged + r * kRowFloats + Padded(column - begin)) = x;
    }
  }
}

template <WeightType kType, uint32_t kRows>
__global__ void __launch_bounds__(kThreads, IsScaled(kType) && kRows == 4 ? 2 : 3)
    RowProductsKernel(const __grid_constant__ ProductBlocks blocks, const Inputs inputs) {
  using S = WarpProductShape<kType, kRows>;
  __shared__ __align__(16) float staged[kRows * S::kRowFloats];
  const uint32_t index = ProductOf(blocks, blockIdx.y);
  const DeviceProduct& product = blocks.products[index];
  const uint32_t first = (blockIdx.y - blocks.first_blocks[index]) * kWarps * S::kOutputs;
  const uint32_t first_row = blockIdx.x * kRows;
  const uint32_t num_steps = (product.weight.num_columns + S::kStepColumns - 1) / S::kStepColumns;

  WarpProduct<kType, kRows> warp(product, first + threadIdx.x / kWarp * S::kOutputs, first_row);
  DependencyWait();
  DependencyRelease();
  warp.LoadEnd();
  for (uint32_t begin = 0; begin < num_steps; begin += S::kChunkSteps) {
    const uint32_t end = min(begin + S::kChunkSteps, num_steps);
    if (begin != 0) __syncthreads();
    Stage<kRows, S::kRowFloats>(product.in, first_row, begin * S::kStepColumns, end * S::kStepColumns, inputs, staged);
    __syncthreads();
    warp.AddChunk(begin, end, staged);
  }
  warp.Store();
}

template <WeightType kType, uint32_t kRows>
cudaError_t LaunchRows(const Queue& queue, const ProductList& list, Inputs inputs) {
  constexpr uint32_t kOutputs = kWarps * WarpProductShape<kType, kRows>::kOutputs;
  static_assert(kOutputs >= kLeastBlockOutputs);
  const ProductBlocks blocks = BlocksOf(list, kOutputs);
  const dim3 grid((list.products[0].in.count + kRows - 1) / kRows, NumBlocks(blocks));
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  return Launch(queue, grid, kThreads, RowProductsKernel<kType, kRows>, blocks, inputs);
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const ProductList& list, Inputs inputs) {
  const uint32_t num_rows = list.products[0].in.count;
  if (num_rows <= 1) return LaunchRows<kType, 1>(queue, list, inputs);
  if (num_rows == 2) return LaunchRows<kType, 2>(queue, list, inputs);
  return LaunchRows<kType, 4>(queue, list, inputs);
}

}  // namespace

cudaError_t RowProducts(const Queue& queue, const ProductList& list, Inputs inputs) {
  if (!IsConsistent(list)) return cudaErrorInvalidValue;
  if (list.count == 0) return cudaSuccess;
  switch (list.products[0].weight.type) {
    case WeightType::kF32:
      return LaunchType<WeightType::kF32>(queue, list, inputs);
    case WeightType::kF16:
      return LaunchType<WeightType::kF16>(queue, list, inputs);
    case WeightType::kBf16:
      return LaunchType<WeightType::kBf16>(queue, list, inputs);
    case WeightType::kQ8:
      return LaunchType<WeightType::kQ8>(queue, list, inputs);
    case WeightType::kQ4:
      return LaunchType<WeightType::kQ4>(queue, list, inputs);
  }
  return cudaErrorInvalidValue;
}

}  // namespace skein::cuda
