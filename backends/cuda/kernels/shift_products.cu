// ShiftProducts: norm, token shift, blend and products of the blend.
//   Launch: blocks of 256 threads over (rows in fours, outputs of all products of the list). Each block makes the blend
//   of its rows by itself; as in row_products.cu a warp then makes a few outputs, and its first weights are on their
//   way before the kernel before has ended. Limit: latency. A row of x is read three times by each block, twice for its
//   moments, and lies in a cache from the first time on: for 2048 channels and five products of rank 32, at one row, 10
//   blocks with 24 KB of x and 64 KB of f16 weights each. Beyond some 64 rows the moments that each block takes by
//   itself cost more than a launch of their own would. These are counts; nothing here was measured. Synchronisation: a
//   barrier for the sums and one for the squares of all rows; one after a chunk of the blend is written, and one before
//   the next overwrites it. No state is written.
// Another type of weights: weight_vector.h, and a case in ShiftProducts.
#include <algorithm>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/row_norm.h"
#include "cuda/kernels/shift_products.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/warp_product.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 256;
constexpr uint32_t kWarps = kThreads / kWarp;

// Elements [column, column + 4) of a vector, zeros beyond its end.
__device__ __forceinline__ float4 LoadFour(const float* vector, uint32_t column, uint32_t width) {
  const uint32_t left = width - column;
  const float* x = vector + column;
  return make_float4(x[0], left > 1 ? x[1] : 0, left > 2 ? x[2] : 0, left > 3 ? x[3] : 0);
}

__device__ __forceinline__ void StoreFour(const float4& four, uint32_t column, uint32_t width, float* vector) {
  const float numbers[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
  for (uint32_t i = 0; i < 4; ++i) {
    if (column + i < width) vector[column + i] = numbers[i];
  }
}

__device__ __forceinline__ float4 Normalized(const float4& x, const Moments& moments, const float4& weight,
                                             const float4& bias) {
  return make_float4(Normalized(x.x, moments, weight.x, bias.x), Normalized(x.y, moments, weight.y, bias.y),
                     Normalized(x.z, moments, weight.z, bias.z), Normalized(x.w, moments, weight.w, bias.w));
}

// n + (before - n) ⊙ mix.
__device__ __forceinline__ float4 Blended(const float4& n, const float4& before, const float4& mix) {
  return make_float4(n.x + (before.x - n.x) * mix.x, n.y + (before.y - n.y) * mix.y, n.z + (before.z - n.z) * mix.z,
                     n.w + (before.w - n.w) * mix.w);
}

// The moments of rows [first, first + kCount), as RowMoments takes them. `first` may be one before the first row: what
// is no row has none.
template <uint32_t kCount>
struct SharedMoments {
  float sums[kCount][kWarps];
  float squares[kCount][kWarps];
};

template <uint32_t kCount>
__device__ __forceinline__ void RowsMoments(const kit::Rows& x, uint32_t first, float epsilon,
                                            SharedMoments<kCount>& scratch, Moments (&moments)[kCount]) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
#pragma unroll
  for (uint32_t i = 0; i < kCount; ++i) {
    float sum = 0;
    if (first + i < x.count) {
      const float* row = x.data + size_t{first + i} * x.width;
      for (uint32_t c = threadIdx.x; c < x.width; c += kThreads) sum += row[c];
    }
    sum = WarpSum(sum);
    if (lane == 0) scratch.sums[i][warp] = sum;
  }
  __syncthreads();
#pragma unroll
  for (uint32_t i = 0; i < kCount; ++i) {
    float sum = 0, squares = 0;
    for (uint32_t w = 0; w < kWarps; ++w) sum += scratch.sums[i][w];
    moments[i].mean = sum / static_cast<float>(x.width);
    if (first + i < x.count) {
      const float* row = x.data + size_t{first + i} * x.width;
      for (uint32_t c = threadIdx.x; c < x.width; c += kThreads) {
        squares += (row[c] - moments[i].mean) * (row[c] - moments[i].mean);
      }
    }
    squares = WarpSum(squares);
    if (lane == 0) scratch.squares[i][warp] = squares;
  }
  __syncthreads();
#pragma unroll
  for (uint32_t i = 0; i < kCount; ++i) {
    float squares = 0;
    for (uint32_t w = 0; w < kWarps; ++w) squares += scratch.squares[i][w];
    moments[i].scale = 1.0f / sqrtf(squares / static_cast<float>(x.width) + epsilon);
  }
}

// The blend of a block's rows.
template <uint32_t kRows>
class BlockShift {
 public:
  __device__ BlockShift(const ShiftProductsArguments& in, const Batch& batch, const States& states, uint32_t first_row,
                        SharedMoments<kRows + 1>& scratch)
      : in_(in), first_row_(first_row), are_aligned_(AreRowsAligned(in.x)) {
    RowsMoments<kRows + 1>(in.x, first_row - 1, in.norm.epsilon, scratch, moments_);
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      states_[r] = nullptr;
      if (first_row + r >= in.x.count) continue;
      const Sequence& sequence = batch.sequences[batch.row_sequences[first_row + r]];
      if (sequence.first_row == first_row + r) states_[r] = SlotPart<float>(states, sequence.read_slot, in.state);
    }
  }

  // Writes columns [begin, end) of the blend, rounded, with zeros beyond the last row and column, into
  // staged [kRows][kRowFloats]. And the rows that are kept, of which each block writes its share.
  template <uint32_t kRowFloats>
  __device__ __forceinline__ void Stage(uint32_t begin, uint32_t end, Inputs inputs, float* staged) const {
    for (uint32_t column = begin + 4 * threadIdx.x; column < end; column += 4 * kThreads) {
      const bool is_mine = column / (4 * kThreads) % gridDim.y == blockIdx.y;
      StageFour<kRowFloats>(column, is_mine, inputs, staged + Padded(column - begin));
    }
  }

 private:
  template <uint32_t kRowFloats>
  __device__ __forceinline__ void StageFour(uint32_t column, bool is_kept, Inputs inputs, float* staged) const {
    const uint32_t width = in_.x.width;
    float4 weight = {}, bias = {}, mix = {};
    if (column < width) {
      weight = LoadFour(in_.norm.weight, column, width);
      bias = LoadFour(in_.norm.bias, column, width);
      mix = LoadFour(in_.mix, column, width);
    }
    float4 before = Normalized(LoadInputs(in_.x, first_row_ - 1, column, are_aligned_), moments_[0], weight, bias);
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      const uint32_t row = first_row_ + r;
      const bool is_there = row < in_.x.count && column < width;
      const float4 n = Normalized(LoadInputs(in_.x, row, column, are_aligned_), moments_[r + 1], weight, bias);
      if (is_there && states_[r] != nullptr) before = LoadFour(states_[r], column, width);
      const float4 blend = is_there ? Rounded(Blended(n, before, mix), inputs) : float4{};
      *reinterpret_cast<float4*>(staged + r * kRowFloats) = blend;
      if (is_there && is_kept) {
        StoreFour(n, column, width, in_.kept.n.data + size_t{row} * width);
        StoreFour(Blended(n, before, make_float4(1, 1, 1, 1)), column, width,
                  in_.kept.n_before.data + size_t{row} * width);
      }
      before = n;
    }
  }

  const ShiftProductsArguments& in_;
  const uint32_t first_row_;
  const bool are_aligned_;
  Moments moments_[kRows + 1];  // of the row before the first one, and of the rows
  const float* states_[kRows];  // of a row that begins a sequence: the shift row
};

// Blocks that a multiprocessor should have room for. With two, the codes of Q4 for two rows would spill on sm_100.
template <WeightType kType, uint32_t kRows>
inline constexpr uint32_t kBlocksAtOnce = kRows == 4 || (kType == WeightType::kQ4 && kRows == 2) ? 1 : 2;

template <WeightType kType, uint32_t kRows>
__global__ void __launch_bounds__(kThreads, (kBlocksAtOnce<kType, kRows>))
    ShiftProductsKernel(const Batch batch, const States states, const __grid_constant__ ShiftProductsArguments in,
                        const __grid_constant__ ProductBlocks blocks, const Inputs inputs) {
  using S = WarpProductShape<kType, kRows>;
  __shared__ __align__(16) float staged[kRows * S::kRowFloats];
  __shared__ SharedMoments<kRows + 1> scratch;
  const uint32_t index = ProductOf(blocks, blockIdx.y);
  const DeviceProduct& product = blocks.products[index];
  const uint32_t first = (blockIdx.y - blocks.first_blocks[index]) * kWarps * S::kOutputs;
  const uint32_t first_row = blockIdx.x * kRows;
  const uint32_t num_steps = (in.x.width + S::kStepColumns - 1) / S::kStepColumns;

  WarpProduct<kType, kRows> warp(product, first + threadIdx.x / kWarp * S::kOutputs, first_row);
  DependencyWait();
  DependencyRelease();
  const BlockShift<kRows> shift(in, batch, states, first_row, scratch);
  for (uint32_t begin = 0; begin < num_steps; begin += S::kChunkSteps) {
    const uint32_t end = min(begin + S::kChunkSteps, num_steps);
    if (begin != 0) __syncthreads();
    shift.template Stage<S::kRowFloats>(begin * S::kStepColumns, end * S::kStepColumns, inputs, staged);
    __syncthreads();
    warp.AddChunk(begin, end, staged);
  }
  warp.Store();
}

template <WeightType kType, uint32_t kRows>
cudaError_t LaunchRows(const Queue& queue, const Batch& batch, const States& states,
                       const ShiftProductsArguments& arguments, const ProductList& list, Inputs inputs) {
  const ProductBlocks blocks = BlocksOf(list, kWarps * WarpProductShape<kType, kRows>::kOutputs);
  const dim3 grid((arguments.x.count + kRows - 1) / kRows, NumBlocks(blocks));
  return Launch(queue, grid, kThreads, ShiftProductsKernel<kType, kRows>, batch, states, arguments, blocks, inputs);
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const Batch& batch, const States& states,
                       const ShiftProductsArguments& arguments, const ProductList& list, Inputs inputs) {
  const uint32_t num_rows = arguments.x.count;
  if (num_rows == 1) return LaunchRows<kType, 1>(queue, batch, states, arguments, list, inputs);
  if (num_rows == 2) return LaunchRows<kType, 2>(queue, batch, states, arguments, list, inputs);
  return LaunchRows<kType, 4>(queue, batch, states, arguments, list, inputs);
}

bool FitsTo(const kit::Rows& x, const ProductList& list) {
  return IsConsistent(list) && std::all_of(list.products.begin(), list.products.begin() + list.count, [&](auto& each) {
           return each.in.count == x.count && each.in.width == x.width && each.then != kit::Then::kAdd;
         });
}

}  // namespace

cudaError_t ShiftProducts(const Queue& queue, const Batch& batch, const States& states,
                          const ShiftProductsArguments& arguments, const ProductList& list, Inputs inputs) {
  if (list.count == 0 || arguments.x.count == 0 || !FitsTo(arguments.x, list)) return cudaErrorInvalidValue;
  switch (list.products[0].weight.type) {
    case WeightType::kF32:
      return LaunchType<WeightType::kF32>(queue, batch, states, arguments, list, inputs);
    case WeightType::kF16:
      return LaunchType<WeightType::kF16>(queue, batch, states, arguments, list, inputs);
    case WeightType::kBf16:
      return LaunchType<WeightType::kBf16>(queue, batch, states, arguments, list, inputs);
    case WeightType::kQ8:
      return LaunchType<WeightType::kQ8>(queue, batch, states, arguments, list, inputs);
    case WeightType::kQ4:
      return LaunchType<WeightType::kQ4>(queue, batch, states, arguments, list, inputs);
  }
  return cudaErrorInvalidValue;
}

}  // namespace skein::cuda
