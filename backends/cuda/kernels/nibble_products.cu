// Products by codes of kQ4 on the tensor cores, for steps ②, ④, ⑥ and ⑦ of a layer and the output head, one to four
// rows. RowProducts makes a float of each code, and is bound by that; here an instruction takes 256 codes.
//
// Nothing is rounded: a float32 is the sum of three bf16 (its first 8 bits, the next 8 and the last 8), which are three
// of the eight columns that the instruction has for inputs. Two rows fill six of them.
//
// Launch: blocks of 256 threads over (rows in pairs, outputs of all products of the list in blocks of 16). The weights
// are the side of 16 of m16n8k16. The warps of a block take turns with the groups of 64 inputs, and the block adds up
// their sums at the end, in the order of the warps. A lane's codes go from memory into the operand as they come: of the
// rows of outputs g and g + 8, g = lane / 4, it has inputs 16t to 16t + 15 of each group, t = lane % 4, and the inputs
// lie in an order that fits. A warp stages the inputs of its own groups.
//
// Limit: the bytes of the weights. A lane has 64 bytes of them on their way, the first ones before the kernel before
// has ended. The inputs are read by each block: at one row half as many bytes as its weights, from the second level
// cache. A code takes 2.9 instructions of the loop for sm_90, inputs included, where RowProducts has 4.4: at 4.3 TB/s,
// 132 multiprocessors and 1.7 GHz that is 0.86 of the time that memory needs. These are counts; nothing here was
// measured.
//
// Synchronisation: within a warp, one barrier before its inputs are overwritten and one after they are written. One
// barrier of the block before its sums are added up.
#include "cuda/kernels/bits.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/nibbles.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarps = 8;
constexpr uint32_t kThreads = kWarps * kWarp;
constexpr uint32_t kOutputs = 16;               // of a block
constexpr uint32_t kDepth = 4;                  // groups that a warp has on their way
constexpr uint32_t kRound = kWarps * kDepth;    // groups of a block
constexpr uint32_t kProducts = kQ4Group / 16;   // instructions of a group
constexpr uint32_t kLaneInputs = kQ4Group / 4;  // of a group
constexpr uint32_t kWordInputs = 8;             // codes in a word
constexpr uint32_t kParts = 3;                  // bf16 of a float32
constexpr uint32_t kColumns = 8;                // of the instruction's right operand
static_assert(kWarp == kDepth * kQ4Group / kWordInputs, "a lane stages the inputs of a word of codes");

// The inputs of a warp's groups: the right operands of its instructions, two words for a column and t.
template <uint32_t kRows>
struct StagedInputs {
  uint2 at[kDepth][kProducts][kParts * kRows][4];
};

// A warp's share of 16 outputs for kRows rows.
template <uint32_t kRows>
class WarpNibbles {
 public:
  __device__ WarpNibbles(const DeviceProduct& product, uint32_t first_output, uint32_t first_row,
                         StagedInputs<kRows>& staged)
      : product_(product),
        num_groups_((product.weight.num_columns + kQ4Group - 1) / kQ4Group),
        first_row_(first_row),
        staged_(staged) {
    const MatrixView& weight = product.weight;
    const uint32_t warp = threadIdx.x / kWarp, g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) {
      // Outputs beyond the last are made like the last, and not stored.
      const uint32_t output = min(first_output + g + 8 * i, weight.num_rows - 1);
      const char* row = static_cast<const char*>(weight.data) + size_t{output} * weight.row_bytes;
      next_codes_[i] = reinterpret_cast<const uint2*>(row) + warp * 4 + t;
      next_scales_[i] = weight.scales + size_t{output} * weight.groups_per_row + warp;
    }
#pragma unroll
    for (uint32_t d = 0; d < kDepth; ++d) Load(d, GroupOf(0, d));
    EndRound();
  }

  // Adds all groups of the warp.
  __device__ void Run(Inputs inputs) {
    for (uint32_t begin = 0; begin < num_groups_; begin += kRound) {
      if (begin != 0) __syncwarp();
      Stage(begin, inputs);
      __syncwarp();
#pragma unroll
      for (uint32_t d = 0; d < kDepth; ++d) {
        const uint32_t group = GroupOf(begin, d);
        if (group < num_groups_) Multiply(d);
        Load(d, group + kRound);
      }
      EndRound();
    }
  }

  // sums [16][8]: by output and column.
  __device__ void StoreTo(float* sums) const {
    const uint32_t g = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) sums[(g + i / 2 * 8) * kColumns + 2 * t + i % 2] = sums_[i];
  }

 private:
  static __device__ uint32_t GroupOf(uint32_t begin, uint32_t d) { return begin + d * kWarps + threadIdx.x / kWarp; }

  // The lane's codes of a group of the next round, and the scales of their outputs.
  __device__ void Load(uint32_t d, uint32_t group) {
    if (group >= num_groups_) return;
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) {
      // Weights are read once a step: they need not stay in the caches.
      codes_[d][i] = __ldcs(next_codes_[i] + d * kWarps * 4);
      scales_[d][i] = next_scales_[i][d * kWarps];
    }
  }

  __device__ void EndRound() {
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) {
      next_codes_[i] += kRound * 4;
      next_scales_[i] += kRound;
    }
  }

  // The inputs of a word of codes: codes k and k + 4 of the word are in one word of an operand.
  __device__ void Stage(uint32_t begin, Inputs inputs) {
    const uint32_t lane = threadIdx.x % kWarp, d = lane / 8, t = lane / 2 % 4, word = lane % 2;
    const uint32_t column = GroupOf(begin, d) * kQ4Group + t * kLaneInputs + word * kWordInputs;
    const bool are_aligned = AreRowsAligned(product_.in);
    // All loads before the first is looked at.
    float4 lows[kRows], highs[kRows];
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      lows[r] = LoadInputs(product_.in, first_row_ + r, column, are_aligned);
      highs[r] = LoadInputs(product_.in, first_row_ + r, column + 4, are_aligned);
    }
#pragma unroll
    for (uint32_t r = 0; r < kRows; ++r) {
      float4 low = Rounded(lows[r], inputs), high = Rounded(highs[r], inputs);
#pragma unroll
      for (uint32_t part = 0; part < kParts; ++part) {
        const uint32_t c = r * kParts + part;
        staged_.at[d][2 * word][c][t] = make_uint2(TakePart(low.x, high.x), TakePart(low.y, high.y));
        staged_.at[d][2 * word + 1][c][t] = make_uint2(TakePart(low.z, high.z), TakePart(low.w, high.w));
      }
    }
  }

  // The first 8 bits of two numbers as bf16; leaves the rest of the numbers. Cut off and not rounded, so that no number
  // grows too large, and three parts are all of a float32.
  static __device__ __forceinline__ uint32_t TakePart(float& low, float& high) {
    const uint32_t low_bits = __float_as_uint(low), high_bits = __float_as_uint(high);
    low -= __uint_as_float(low_bits & 0xFFFF0000u);
    high -= __uint_as_float(high_bits & 0xFFFF0000u);
    return __byte_perm(low_bits, high_bits, 0x7632);
  }

  __device__ void Multiply(uint32_t d) {
    const uint32_t column = threadIdx.x % kWarp / 4, t = threadIdx.x % 4;
    float group[4] = {};
#pragma unroll
    for (uint32_t i = 0; i < kProducts; ++i) {
      const uint32_t shift = i % 2 * 8;
      const uint32_t first = (i / 2 == 0 ? codes_[d][0].x : codes_[d][0].y) >> shift;
      const uint32_t eighth = (i / 2 == 0 ? codes_[d][1].x : codes_[d][1].y) >> shift;
      const uint32_t a[4] = {NibblesAsBf16(first), NibblesAsBf16(eighth), NibblesAsBf16(first >> 4),
                             NibblesAsBf16(eighth >> 4)};
      const uint2 in = column < kParts * kRows ? staged_.at[d][i][column][t] : make_uint2(0, 0);
      const uint32_t b[2] = {in.x, in.y};
      MmaM16N8K16(group, a, b, Bf16());
    }
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) sums_[i] = fmaf(__half2float(scales_[d][i / 2]), group[i], sums_[i]);
  }

  const DeviceProduct& product_;
  const uint32_t num_groups_;
  const uint32_t first_row_;
  StagedInputs<kRows>& staged_;
  // Of the lane's two outputs: where the next round begins, and what is loaded.
  const uint2* next_codes_[2];
  const __half* next_scales_[2];
  uint2 codes_[kDepth][2] = {};
  __half scales_[kDepth][2] = {};
  float sums_[4] = {};
};

template <uint32_t kRows>
__global__ void __launch_bounds__(kThreads, 3)
    NibbleProductsKernel(const __grid_constant__ ProductBlocks blocks, const Inputs inputs) {
  static_assert(kParts * kRows <= kColumns);
  __shared__ StagedInputs<kRows> staged[kWarps];
  __shared__ float sums[kWarps][kOutputs * kColumns];
  const uint32_t index = ProductOf(blocks, blockIdx.y);
  const DeviceProduct& product = blocks.products[index];
  const uint32_t first_output = (blockIdx.y - blocks.first_blocks[index]) * kOutputs, first_row = blockIdx.x * kRows;
  const uint32_t warp = threadIdx.x / kWarp;

  WarpNibbles<kRows> nibbles(product, first_output, first_row, staged[warp]);
  DependencyWait();
  DependencyRelease();
  // Of the thread's output, if it has one.
  const uint32_t output = first_output + threadIdx.x % kOutputs, row = first_row + threadIdx.x / kOutputs;
  const bool is_mine = threadIdx.x < kOutputs * kRows && output < product.out.width && row < product.out.count;
  const EndOperands end = is_mine ? LoadEnd(product, row, output) : EndOperands{};
  nibbles.Run(inputs);
  nibbles.StoreTo(sums[warp]);
  __syncthreads();
  if (!is_mine) return;
  float sum = 0;
#pragma unroll
  for (uint32_t w = 0; w < kWarps; ++w) {
    const float* parts = sums[w] + threadIdx.x % kOutputs * kColumns + threadIdx.x / kOutputs * kParts;
    sum += parts[0] + (parts[1] + parts[2]);
  }
  product.out.data[size_t{row} * product.out.width + output] = Finished(product.then, sum, end);
}

template <uint32_t kRows>
cudaError_t LaunchRows(const Queue& queue, const ProductList& list, Inputs inputs) {
  const ProductBlocks blocks = BlocksOf(list, kOutputs);
  const dim3 grid((list.products[0].in.count + kRows - 1) / kRows, NumBlocks(blocks));
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  return Launch(queue, grid, kThreads, NibbleProductsKernel<kRows>, blocks, inputs);
}

}  // namespace

cudaError_t NibbleProducts(const Queue& queue, const ProductList& list, Inputs inputs) {
  if (!IsConsistent(list)) return cudaErrorInvalidValue;
  if (list.count == 0) return cudaSuccess;
  if (list.products[0].weight.type != WeightType::kQ4) return cudaErrorNotSupported;
  return list.products[0].in.count <= 1 ? LaunchRows<1>(queue, list, inputs) : LaunchRows<2>(queue, list, inputs);
}

}  // namespace skein::cuda
