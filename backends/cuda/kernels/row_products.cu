// Products on the CUDA cores, for steps ②, ④, ⑥ and ⑦ of a layer and the output head: up to four rows at a time go
// through the weights together.
//
// Launch: blocks of 128 threads over (rows in fours, outputs of all products of the list). A warp makes two outputs, or
// four where it has four rows: the lanes share out a row of weights 16 bytes at a time, and add up at the end. At one
// row, where there are few outputs and many inputs, as in the channel value of a small model, a warp makes one output:
// twice as many blocks have as many bytes on their way each, and no sum is another. The inputs of a block lie in shared
// memory, rounded, in chunks where they are many.
//
// Limit: the bytes of the weights, up to four rows. The first loads of a warp, 128 bytes a thread, are on their way
// before the kernel before has ended. Beside them a block reads its inputs from the second level cache: a quarter of
// its f16 weights' bytes at one row, a half at four and where a warp makes one output. At one row they are copied by
// themselves, so that 4096 of them cost one latency of that cache (some 0.3 us). With more rows, and before 8.0, a
// thread has four loads of them on their way, 2048 at one row. In instructions, at one row, a weight of f16 takes 2
// (convert, multiply) and a code of kQ4 3 (take out, subtract, multiply) and one more for eight. A multiprocessor of
// 128 lanes that memory feeds with 19 bytes a cycle (4.3 TB/s, 132 of them, 1.7 GHz) is busy for 0.15 of the time with
// f16 and 0.45 with kQ8. With kQ4 the loop has 4.4 instructions a code for sm_90, and takes 1.3 times as long as
// memory: nibble_products.cu is for these. These are counts; nothing here was measured.
//
// Synchronisation: one barrier after a chunk of inputs is written, and one before the next overwrites it.
//
// Another type of weights: weight_vector.h, and a case in RowProducts.
#include <algorithm>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/warp_product.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarps = 4;
constexpr uint32_t kThreads = kWarps * kWarp;

// Pieces of four inputs that a thread has on their way for each row: as many latencies of memory are waited for
// together.
template <uint32_t kRows>
inline constexpr uint32_t kPiecesAhead = 4 / kRows;

// Writes inputs [begin, end) of kRows rows, rounded, with zeros beyond the last row and column.
template <uint32_t kRows, uint32_t kRowFloats, bool kAreAligned>
__device__ __forceinline__ void StageRows(const kit::Rows& in, uint32_t first_row, uint32_t begin, uint32_t end,
                                          Inputs inputs, float* staged) {
  constexpr uint32_t kPieces = kPiecesAhead<kRows>;
  for (uint32_t first = begin + 4 * threadIdx.x; first < end; first += kPieces * 4 * kThreads) {
    float4 x[kPieces][kRows];
#pragma unroll
    for (uint32_t i = 0; i < kPieces * kRows; ++i) {
      const uint32_t column = first + i / kRows * 4 * kThreads;
      x[i / kRows][i % kRows] = LoadInputs(in, first_row + i % kRows, column, kAreAligned);
    }
#pragma unroll
    for (uint32_t i = 0; i < kPieces * kRows; ++i) {
      const uint32_t column = first + i / kRows * 4 * kThreads;
      if (column >= end) continue;
      float* const to = staged + i % kRows * kRowFloats + Padded(column - begin);
      *reinterpret_cast<float4*>(to) = Rounded(x[i / kRows][i % kRows], inputs);
    }
  }
}

// The same for one row whose inputs can be read four at a time: all of them are on their way together, and no register
// waits for one. A thread rounds what it has copied.
template <uint32_t kRowFloats>
__device__ __forceinline__ void StageRow(const kit::Rows& in, uint32_t row, uint32_t begin, uint32_t end, Inputs inputs,
                                         float* staged) {
  const float* const x = in.data + size_t{row} * in.width;
  for (uint32_t column = begin + 4 * threadIdx.x; column < end; column += 4 * kThreads) {
    const bool is_there = row < in.count && column < in.width;
    CopyAsync16(staged + Padded(column - begin), x + (is_there ? column : 0), is_there);
  }
  CopyAsyncCommit();
  CopyAsyncWait<0>();
  if (inputs == Inputs::kF32) return;
  for (uint32_t column = begin + 4 * threadIdx.x; column < end; column += 4 * kThreads) {
    float4* const own = reinterpret_cast<float4*>(staged + Padded(column - begin));
    *own = Rounded(*own, inputs);
  }
}

template <uint32_t kRows, uint32_t kRowFloats>
__device__ __forceinline__ void Stage(const kit::Rows& in, uint32_t first_row, uint32_t begin, uint32_t end,
                                      Inputs inputs, float* staged) {
  if constexpr (kRows == 1) {
    if (HasAsyncCopies() && AreRowsAligned(in)) {
      return StageRow<kRowFloats>(in, first_row, begin, end, inputs, staged);
    }
  }
  // Two loops, since a branch at each load would make the loads wait for each other.
  if (AreRowsAligned(in)) {
    StageRows<kRows, kRowFloats, true>(in, first_row, begin, end, inputs, staged);
  } else {
    StageRows<kRows, kRowFloats, false>(in, first_row, begin, end, inputs, staged);
  }
}

// Blocks that a multiprocessor has room for at least. At one row, where latency counts most, seven: so many have 112 KB
// of weights on their way, and most matrices have no more blocks than there is room for.
template <WeightType kType, uint32_t kRows>
inline constexpr uint32_t kLeastBlocks = IsScaled(kType) && kRows == 4    ? 2
                                         : !IsScaled(kType) && kRows == 1 ? 7
                                                                          : 3;

template <WeightType kType, uint32_t kRows, uint32_t kOutputsOfWarp>
__global__ void __launch_bounds__(kThreads, (kLeastBlocks<kType, kRows>))
    RowProductsKernel(const __grid_constant__ ProductBlocks blocks, const Inputs inputs) {
  using S = WarpProductShape<kType, kRows, kOutputsOfWarp>;
  __shared__ __align__(16) float staged[kRows * S::kRowFloats];
  const uint32_t index = ProductOf(blocks, blockIdx.y);
  const DeviceProduct& product = blocks.products[index];
  const uint32_t first = (blockIdx.y - blocks.first_blocks[index]) * kWarps * S::kOutputs;
  const uint32_t first_row = blockIdx.x * kRows;
  const uint32_t num_steps = (product.weight.num_columns + S::kStepColumns - 1) / S::kStepColumns;

  WarpProduct<kType, kRows, kOutputsOfWarp> warp(product, first + threadIdx.x / kWarp * S::kOutputs, first_row);
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

template <WeightType kType, uint32_t kRows, uint32_t kOutputsOfWarp = kWarpOutputs<kRows>>
cudaError_t LaunchRows(const Queue& queue, const ProductList& list, Inputs inputs) {
  static_assert(kWarps * kWarpOutputs<kRows> >= kLeastBlockOutputs);
  const ProductBlocks blocks = BlocksOf(list, kWarps * kOutputsOfWarp);
  const dim3 grid((list.products[0].in.count + kRows - 1) / kRows, NumBlocks(blocks));
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  return Launch(queue, grid, kThreads, RowProductsKernel<kType, kRows, kOutputsOfWarp>, blocks, inputs);
}

// Whether a launch over one row is to have blocks of half the outputs: if it has too few for memory to be busy, 16 KB
// of each being on their way, and a row of weights is longer than what is on its way.
template <WeightType kType>
bool IsNarrow(const ProductList& list) {
  constexpr uint32_t kBusyBlocks = 184;  // 4.3 TB/s by 0.7 us
  using S = WarpProductShape<kType, 1>;
  uint32_t longest = 0;
  for (uint32_t i = 0; i < list.count; ++i) longest = std::max(longest, list.products[i].weight.num_columns);
  return NumBlocks(BlocksOf(list, kWarps * S::kOutputs)) < kBusyBlocks && longest > S::kDepth * S::kStepColumns;
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const ProductList& list, Inputs inputs) {
  const uint32_t num_rows = list.products[0].in.count;
  // Inputs of kQ4 would take shared memory from all but a few blocks.
  if constexpr (kType != WeightType::kQ4) {
    if (num_rows <= 1 && IsNarrow<kType>(list)) return LaunchRows<kType, 1, 1>(queue, list, inputs);
  }
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
