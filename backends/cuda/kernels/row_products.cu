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
// multiply) and a code of kQ4 4 (take out, subtract, convert, multiply). A multiprocessor of 128 lanes that memory
// feeds with 19 bytes a cycle (4.3 TB/s, 132 of them, 1.7 GHz) is busy for 0.15 of the time with f16, 0.45 with kQ8,
// and 1.2 with kQ4, which is bound by them and not by bytes. These are counts; nothing here was measured.
//
// Synchronisation: one barrier after a chunk of inputs is written, and one before the next overwrites it.
//
// Another type of weights: weight_vector.h, and a case in RowProducts.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarps = 4;
constexpr uint32_t kThreads = kWarps * kWarp;

// Each lane reads vectors of 8 to 32 floats' worth of inputs, four floats at a time. Four floats of room after each 32
// keep the lanes that read together in different banks, whatever the type.
__host__ __device__ constexpr uint32_t Padded(uint32_t column) { return column + column / 32 * 4; }

template <WeightType kType, uint32_t kRows>
struct Shape {
  static constexpr uint32_t kOutputs = kRows == 4 ? 4 : 2;  // of a warp
  static constexpr uint32_t kBlockOutputs = kWarps * kOutputs;
  // Vectors of an output that a lane has on their way.
  static constexpr uint32_t kDepth = kRows == 4 ? 2 : 4;
  // A step is a vector for each lane.
  static constexpr uint32_t kStepColumns = kWarp * ElementsOf(kType);
  // Inputs of a row in shared memory, whole rounds of kDepth steps.
  static constexpr uint32_t kChunk = kDepth * kStepColumns > 4096 / kRows ? kDepth* kStepColumns : 4096 / kRows;
  static_assert(kChunk % (kDepth * kStepColumns) == 0);
  static constexpr uint32_t kRowFloats = Padded(kChunk);
};

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

// Adds a vector of weights by the inputs of each row, in the order of the columns. `x`: the lane's inputs of the first
// row.
template <WeightType kType, uint32_t kRows, uint32_t kOutputs, uint32_t kRowFloats>
__device__ __forceinline__ void AddStep(const WeightVector<kType> (&weights)[kOutputs], const float* x,
                                        float (&sums)[kOutputs][kRows]) {
  float parts[kOutputs][kRows];
#pragma unroll
  for (uint32_t i = 0; i < kOutputs * kRows; ++i) {
    parts[i / kRows][i % kRows] = IsScaled(kType) ? 0 : sums[i / kRows][i % kRows];
  }
#pragma unroll
  for (uint32_t four = 0; four < ElementsOf(kType) / 4; ++four) {
    float4 w[kOutputs];
#pragma unroll
    for (uint32_t o = 0; o < kOutputs; ++o) w[o] = ExpandFour(weights[o], four);
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      const float4 in = *reinterpret_cast<const float4*>(x + r * kRowFloats + 4 * four);
#pragma unroll
      for (uint32_t o = 0; o < kOutputs; ++o) {
        float& part = parts[o][r];
        part = fmaf(w[o].x, in.x, part);
        part = fmaf(w[o].y, in.y, part);
        part = fmaf(w[o].z, in.z, part);
        part = fmaf(w[o].w, in.w, part);
      }
    }
  }
#pragma unroll
  for (uint32_t i = 0; i < kOutputs * kRows; ++i) {
    float& sum = sums[i / kRows][i % kRows];
    const float part = parts[i / kRows][i % kRows];
    sum = IsScaled(kType) ? fmaf(weights[i / kRows].scale, part, sum) : part;
  }
}

// The outputs of a warp: `first` and those after it, for rows `first_row` and those after it.
template <WeightType kType, uint32_t kRows>
class WarpProduct {
  using S = Shape<kType, kRows>;

 public:
  __device__ WarpProduct(const DeviceProduct& product, uint32_t first, uint32_t first_row)
      : product_(product), first_(first), first_row_(first_row), lane_(threadIdx.x % kWarp) {
#pragma unroll
    for (uint32_t d = 0; d < S::kDepth; ++d) Load(d, d);
  }

  // Each lane gets what is now in place of one of the outputs.
  __device__ void LoadBefore() {
    if (product_.then == kit::Then::kAdd && IsMine()) before_ = *Mine();
  }

  // Adds the steps from `begin` on whose inputs are staged.
  __device__ void AddChunk(uint32_t begin, uint32_t end, const float* staged) {
    const float* x = staged + Padded(lane_ * ElementsOf(kType));
    for (uint32_t step = begin; step < end; step += S::kDepth) {
#pragma unroll
      for (uint32_t d = 0; d < S::kDepth; ++d) {
        if (step + d >= end) continue;
        AddStep<kType, kRows, S::kOutputs, S::kRowFloats>(weights_[d], x + Padded((step + d - begin) * S::kStepColumns),
                                                          sums_);
        Load(d, step + d + S::kDepth);
      }
    }
  }

  __device__ void Store() {
    float mine = 0;
#pragma unroll
    for (uint32_t i = 0; i < S::kOutputs * kRows; ++i) {
      const float sum = WarpSum(sums_[i / kRows][i % kRows]);
      if (lane_ == i) mine = sum;
    }
    if (IsMine()) *Mine() = Finished(product_.then, mine, before_);
  }

 private:
  __device__ void Load(uint32_t place, uint32_t step) {
#pragma unroll
    for (uint32_t o = 0; o < S::kOutputs; ++o) {
      weights_[place][o] = LoadVector<kType>(product_.weight, first_ + o, step * kWarp + lane_);
    }
  }

  // Lane o * kRows + r writes output o of row r.
  __device__ uint32_t Row() const { return first_row_ + lane_ % kRows; }
  __device__ uint32_t Output() const { return first_ + lane_ / kRows; }
  __device__ bool IsMine() const {
    return lane_ < S::kOutputs * kRows && Row() < product_.out.count && Output() < product_.out.width;
  }
  __device__ float* Mine() const { return product_.out.data + size_t{Row()} * product_.out.width + Output(); }

  const DeviceProduct& product_;
  const uint32_t first_;
  const uint32_t first_row_;
  const uint32_t lane_;
  WeightVector<kType> weights_[S::kDepth][S::kOutputs];
  float sums_[S::kOutputs][kRows] = {};
  float before_ = 0;
};

template <WeightType kType, uint32_t kRows>
__global__ void __launch_bounds__(kThreads, 3)
    RowProductsKernel(const __grid_constant__ ProductBlocks blocks, const Inputs inputs) {
  using S = Shape<kType, kRows>;
  __shared__ __align__(16) float staged[kRows * S::kRowFloats];
  const uint32_t index = ProductOf(blocks, blockIdx.y);
  const DeviceProduct& product = blocks.products[index];
  const uint32_t first = (blockIdx.y - blocks.first_blocks[index]) * S::kBlockOutputs;
  const uint32_t first_row = blockIdx.x * kRows;
  const uint32_t num_steps = (product.weight.num_columns + S::kStepColumns - 1) / S::kStepColumns;
  constexpr uint32_t kChunkSteps = S::kChunk / S::kStepColumns;

  WarpProduct<kType, kRows> warp(product, first + threadIdx.x / kWarp * S::kOutputs, first_row);
  DependencyWait();
  DependencyRelease();
  warp.LoadBefore();
  for (uint32_t begin = 0; begin < num_steps; begin += kChunkSteps) {
    const uint32_t end = min(begin + kChunkSteps, num_steps);
    if (begin != 0) __syncthreads();
    Stage<kRows, S::kRowFloats>(product.in, first_row, begin * S::kStepColumns, end * S::kStepColumns, inputs, staged);
    __syncthreads();
    warp.AddChunk(begin, end, staged);
  }
  warp.Store();
}

template <WeightType kType, uint32_t kRows>
cudaError_t LaunchRows(const Queue& queue, const ProductList& list, Inputs inputs) {
  const ProductBlocks blocks = BlocksOf(list, Shape<kType, kRows>::kBlockOutputs);
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
