// Products on the tensor cores, for steps ②, ④, ⑥ and ⑦ of a layer and the output head, from about five rows on.
//
// Launch: blocks of 128 threads over (rows in blocks of 8, 16, 32 or 64, outputs of all products of the list in blocks
// of 64). The weights are the side of 16 of m16n8k16: a warp makes 16 outputs for all rows of the block. The inputs of
// a product go by in stages of 64. Weights come by asynchronous copies, three stages ahead of their use, and the first
// three before the kernel before has ended. Inputs are one stage ahead in registers, and are rounded on their way to
// shared memory.
//
// A stage's rows of f16 or bf16, of weights as of inputs, are 128 bytes in shared memory, 8 pieces of 16: row r has
// piece p in place p ^ (r % 8), so that the eight rows which are read together lie in different banks. Codes stay codes
// in shared memory, in rows that are 16 bytes longer than a stage for the same end. A lane makes bf16 of four codes
// that lie side by side; the inputs of codes lie in an order which makes these four the ones that the instruction wants
// of the lane. A group's sum is scaled in float32.
//
// Limit: the weights' bytes up to 64 rows. A block has 24 KB of f16 on their way, and a multiprocessor at 4.3 TB/s over
// 132 needs 20 KB at 600 ns. Where a launch has fewer blocks than there are multiprocessors (a matrix of 2048 outputs
// has 32), it is bound by what these can take, 64 bytes a cycle each at best. The inputs are read by each block, as 4
// bytes: at 32 rows they are as many bytes as f16 weights, from the second level cache. For 32 rows, f16, at 1.7 GHz
// and 5.5 TB/s of that cache: a matrix of 2048 x 2048 needs 5 us where memory needs 2; three of them in one launch 9
// where memory needs 6; 8192 inputs and 2048 outputs 19 where memory needs 8. Sums in several parts of the inputs would
// give more blocks, at the price of a second step. These are counts; nothing here was measured.
//
// Synchronisation: one barrier a stage, after this stage's inputs are written and its weights have come. Behind it all
// warps are done with the stage before, so that its place takes new weights, and its inputs' place the next but one.
//
// Another type of weights: the cases of Tile and of LoadWeightFragment, and one in TileProducts.
#include <type_traits>

#include "cuda/kernels/bits.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarps = 4;
constexpr uint32_t kThreads = kWarps * kWarp;
constexpr uint32_t kWarpOutputs = 16;
constexpr uint32_t kOutputs = kWarps * kWarpOutputs;
constexpr uint32_t kStages = 4;  // in shared memory
constexpr uint32_t kStageColumns = 64;
constexpr uint32_t kStepColumns = 16;  // of one instruction
constexpr uint32_t kPiece = 16;        // bytes of a copy
constexpr uint32_t kMaxTiles = 8;      // of 8 rows, in a block

template <WeightType kType, uint32_t kTiles>
struct Tile {
  using Element = std::conditional_t<kType == WeightType::kF16, Half, Bf16>;
  static constexpr bool kIsScaled = IsScaled(kType);
  static constexpr uint32_t kRows = 8 * kTiles;
  static constexpr uint32_t kPieces = kStageColumns / ElementsOf(kType);  // of a row of weights
  static constexpr uint32_t kPitch = kPieces * kPiece + (kIsScaled ? kPiece : 0);
  static constexpr uint32_t kInputPitch = kStageColumns * 2;
  static constexpr uint32_t kGroupStages = kIsScaled ? GroupOf(kType) / kStageColumns : 1;
  static_assert(kStages % 2 == 0 && kStages % kGroupStages == 0 && kOutputs * kPieces % kThreads == 0);

  struct Shared {
    __align__(16) unsigned char weights[kStages][kOutputs * kPitch];
    __align__(16) unsigned char inputs[2][kRows * kInputPitch];
  };
  static_assert(sizeof(Shared) <= 48 * 1024);
};

// Bytes from the beginning of a stage's rows of 128 bytes.
__device__ __forceinline__ uint32_t Place(uint32_t row, uint32_t piece) {
  return (row * 8 + (piece ^ row % 8)) * kPiece;
}

__device__ __forceinline__ uint32_t Packed(float low, float high, Half) {
  return BitsAs<uint32_t>(__floats2half2_rn(InF16Range(low), InF16Range(high)));
}

__device__ __forceinline__ uint32_t Packed(float low, float high, Bf16) {
  return BitsAs<uint32_t>(__floats2bfloat162_rn(low, high));
}

// Nibbles 0 and 1 of a word as bf16, less 8. 128 + nibble has the nibble as the last bits of its bf16.
__device__ __forceinline__ uint32_t NibblesAsBf16(uint32_t word) {
  const uint32_t above = ((word | word << 12) & 0x000F000Fu) | 0x43004300u;
  constexpr uint32_t kBase = 0x43084308u;  // 136
  return BitsAs<uint32_t>(__hsub2(BitsAs<__nv_bfloat162>(above), BitsAs<__nv_bfloat162>(kBase)));
}

// Four codes side by side as two words of bf16.
template <WeightType kType>
__device__ __forceinline__ void ExpandCodes(const unsigned char* codes, uint32_t& low, uint32_t& high) {
  if constexpr (kType == WeightType::kQ8) {
    const uint32_t word = *reinterpret_cast<const uint32_t*>(codes);
    low = Packed(static_cast<int8_t>(word), static_cast<int8_t>(word >> 8), Bf16());
    high = Packed(static_cast<int8_t>(word >> 16), static_cast<int8_t>(word >> 24), Bf16());
  } else {
    const uint32_t word = *reinterpret_cast<const uint16_t*>(codes);
    low = NibblesAsBf16(word);
    high = NibblesAsBf16(word >> 8);
  }
}

// Weights [16 outputs, 16 inputs] of a step of a stage, for the warp whose outputs begin at `first`.
template <WeightType kType, uint32_t kPitch>
__device__ __forceinline__ void LoadWeightFragment(const unsigned char* stage, uint32_t first, uint32_t step,
                                                   uint32_t (&a)[4]) {
  const uint32_t lane = threadIdx.x % kWarp;
  if constexpr (IsScaled(kType)) {
    constexpr uint32_t kStepBytes = kStepColumns * kPiece / ElementsOf(kType);
    const unsigned char* codes = stage + (first + lane / 4) * kPitch + step * kStepBytes + lane % 4 * kStepBytes / 4;
    ExpandCodes<kType>(codes, a[0], a[2]);
    ExpandCodes<kType>(codes + 8 * kPitch, a[1], a[3]);
  } else {
    LoadMatrixX4(a, stage + Place(first + lane % 16, 2 * step + lane / 16));
  }
}

// A block's share of a product: 64 outputs, 8 to 64 rows.
template <WeightType kType, uint32_t kTiles>
class BlockProduct {
  using T = Tile<kType, kTiles>;

 public:
  __device__ BlockProduct(const DeviceProduct& product, uint32_t first_output, uint32_t first_row,
                          typename T::Shared& shared)
      : product_(product),
        first_output_(first_output),
        first_row_(first_row),
        num_stages_((product.weight.num_columns + kStageColumns - 1) / kStageColumns),
        shared_(shared) {}

  // Everything that does not depend on the kernel before.
  __device__ void Begin() {
#pragma unroll
    for (uint32_t stage = 0; stage < kStages - 1; ++stage) StartStage(stage, stage);
  }

  __device__ void Run() {
    LoadStageInputs(0);
    for (uint32_t begin = 0; begin < num_stages_; begin += kStages) {
#pragma unroll
      for (uint32_t place = 0; place < kStages; ++place) {
        if (begin + place < num_stages_) RunStage(begin + place, place);
      }
    }
  }

  __device__ void Store() const {
    const uint32_t lane = threadIdx.x % kWarp;
#pragma unroll
    for (uint32_t tile = 0; tile < kTiles; ++tile) {
#pragma unroll
      for (uint32_t i = 0; i < 4; ++i) {
        const uint32_t output = FirstOfLane() + i / 2 * 8;
        const uint32_t row = first_row_ + tile * 8 + lane % 4 * 2 + i % 2;
        if (output >= product_.out.width || row >= product_.out.count) continue;
        float* out = product_.out.data + size_t{row} * product_.out.width + output;
        *out = Finished(product_.then, sums_[tile][i], LoadEnd(product_, row, output));
      }
    }
  }

 private:
  __device__ uint32_t FirstOfWarp() const { return threadIdx.x / kWarp * kWarpOutputs; }
  // The outputs of a lane are this one and the eighth after it.
  __device__ uint32_t FirstOfLane() const { return first_output_ + FirstOfWarp() + threadIdx.x % kWarp / 4; }

  // Starts the copies of a stage's weights to a place in shared memory. A stage beyond the last is an empty group.
  __device__ void StartStage(uint32_t stage, uint32_t place) {
    if (stage < num_stages_) {
      CopyWeights(stage, shared_.weights[place]);
      if constexpr (T::kIsScaled) LoadScales(stage, place);
    }
    CopyAsyncCommit();
  }

  __device__ void CopyWeights(uint32_t stage, unsigned char* to) {
    const MatrixView& weight = product_.weight;
#pragma unroll
    for (uint32_t i = 0; i < kOutputs * T::kPieces / kThreads; ++i) {
      const uint32_t row = (threadIdx.x + i * kThreads) / T::kPieces;
      const uint32_t piece = threadIdx.x % T::kPieces;
      const uint32_t index = stage * T::kPieces + piece;
      const bool is_valid = first_output_ + row < weight.num_rows && index * ElementsOf(kType) < weight.num_columns;
      const size_t from = is_valid ? size_t{first_output_ + row} * weight.row_bytes + size_t{index} * kPiece : 0;
      CopyAsync16(to + (T::kIsScaled ? row * T::kPitch + piece * kPiece : Place(row, piece)),
                  static_cast<const char*>(weight.data) + from, is_valid);
    }
  }

  // `place` is as good as `stage` here, and the compiler knows it.
  __device__ bool EndsGroup(uint32_t stage, uint32_t place) const {
    return place % T::kGroupStages == T::kGroupStages - 1 || stage + 1 == num_stages_;
  }

  // The scales of the group that ends with a stage.
  __device__ void LoadScales(uint32_t stage, uint32_t place) {
    if (!EndsGroup(stage, place)) return;
    const MatrixView& weight = product_.weight;
#pragma unroll
    for (uint32_t i = 0; i < 2; ++i) {
      const uint32_t output = FirstOfLane() + i * 8;
      const size_t group = size_t{output} * weight.groups_per_row + stage / T::kGroupStages;
      scales_[place][i] = output < weight.num_rows ? weight.scales[group] : __float2half_rn(0);
    }
  }

  // 16 threads read a row's inputs of a stage, four each.
  __device__ void LoadStageInputs(uint32_t stage) {
    const bool are_aligned = AreRowsAligned(product_.in);
#pragma unroll
    for (uint32_t i = 0; i < kTiles; ++i) {
      inputs_[i] = LoadInputs(product_.in, first_row_ + i * 8 + threadIdx.x / 16,
                              stage * kStageColumns + threadIdx.x % 16 * 4, are_aligned);
    }
  }

  __device__ void StoreStageInputs(unsigned char* to) {
    const uint32_t four = threadIdx.x % 16;
#pragma unroll
    for (uint32_t i = 0; i < kTiles; ++i) {
      const uint32_t row = i * 8 + threadIdx.x / 16;
      const float4 x = inputs_[i];
      const uint32_t low = Packed(x.x, x.y, typename T::Element()), high = Packed(x.z, x.w, typename T::Element());
      if constexpr (T::kIsScaled) {
        // The lane's four codes of a step are its columns 2t, 2t + 1, 2t + 8 and 2t + 9 of the instruction.
        *reinterpret_cast<uint32_t*>(to + Place(row, four / 4 * 2) + four % 4 * 4) = low;
        *reinterpret_cast<uint32_t*>(to + Place(row, four / 4 * 2 + 1) + four % 4 * 4) = high;
      } else {
        *reinterpret_cast<uint2*>(to + Place(row, four / 2) + four % 2 * 8) = make_uint2(low, high);
      }
    }
  }

  __device__ void RunStage(uint32_t stage, uint32_t place) {
    CopyAsyncWait<kStages - 2>();
    unsigned char* const inputs = shared_.inputs[place % 2];
    StoreStageInputs(inputs);
    __syncthreads();
    StartStage(stage + kStages - 1, (place + kStages - 1) % kStages);
    if (stage + 1 < num_stages_) LoadStageInputs(stage + 1);
    if constexpr (T::kIsScaled) {
      if (place % T::kGroupStages == 0) ClearParts();
      Multiply(shared_.weights[place], inputs, parts_);
      if (EndsGroup(stage, place)) AddParts(scales_[place]);
    } else {
      Multiply(shared_.weights[place], inputs, sums_);
    }
  }

  __device__ void Multiply(const unsigned char* weights, const unsigned char* inputs, float (&sums)[kTiles][4]) {
    const uint32_t lane = threadIdx.x % kWarp;
#pragma unroll
    for (uint32_t step = 0; step < kStageColumns / kStepColumns; ++step) {
      uint32_t a[4];
      LoadWeightFragment<kType, T::kPitch>(weights, FirstOfWarp(), step, a);
      if constexpr (kTiles == 1) {
        uint32_t b[2];
        LoadMatrixX2(b, inputs + Place(lane % 8, 2 * step + lane / 8 % 2));
        MmaM16N8K16(sums[0], a, b, typename T::Element());
      } else {
#pragma unroll
        for (uint32_t tile = 0; tile < kTiles; tile += 2) {
          uint32_t b[4];
          LoadMatrixX4(b, inputs + Place(tile * 8 + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
          const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
          MmaM16N8K16(sums[tile], a, first, typename T::Element());
          MmaM16N8K16(sums[tile + 1], a, second, typename T::Element());
        }
      }
    }
  }

  __device__ void ClearParts() {
#pragma unroll
    for (uint32_t i = 0; i < kTiles * 4; ++i) parts_[i / 4][i % 4] = 0;
  }

  __device__ void AddParts(const __half (&scales)[2]) {
#pragma unroll
    for (uint32_t i = 0; i < kTiles * 4; ++i) {
      float& sum = sums_[i / 4][i % 4];
      sum = fmaf(__half2float(scales[i % 4 / 2]), parts_[i / 4][i % 4], sum);
    }
  }

  const DeviceProduct& product_;
  const uint32_t first_output_;
  const uint32_t first_row_;
  const uint32_t num_stages_;
  typename T::Shared& shared_;
  float4 inputs_[kTiles];
  __half scales_[kStages][2];
  float parts_[kTiles][4];  // sums of a group of codes
  float sums_[kTiles][4] = {};
};

template <WeightType kType, uint32_t kTiles>
__global__ void __launch_bounds__(kThreads, 3) TileProductsKernel(const __grid_constant__ ProductBlocks blocks) {
  __shared__ typename Tile<kType, kTiles>::Shared shared;
  const uint32_t index = ProductOf(blocks, blockIdx.y);
  const uint32_t first_output = (blockIdx.y - blocks.first_blocks[index]) * kOutputs;
  BlockProduct<kType, kTiles> block(blocks.products[index], first_output, blockIdx.x * kTiles * 8, shared);
  block.Begin();
  DependencyWait();
  DependencyRelease();
  block.Run();
  block.Store();
}

template <WeightType kType, uint32_t kTiles>
cudaError_t LaunchTiles(const Queue& queue, const ProductList& list) {
  const ProductBlocks blocks = BlocksOf(list, kOutputs);
  const dim3 grid((list.products[0].in.count + kTiles * 8 - 1) / (kTiles * 8), NumBlocks(blocks));
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  return Launch(queue, grid, kThreads, TileProductsKernel<kType, kTiles>, blocks);
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const ProductList& list) {
  const uint32_t num_rows = list.products[0].in.count;
  if (num_rows <= 8) return LaunchTiles<kType, 1>(queue, list);
  if (num_rows <= 16) return LaunchTiles<kType, 2>(queue, list);
  if (num_rows <= 32) return LaunchTiles<kType, 4>(queue, list);
  return LaunchTiles<kType, kMaxTiles>(queue, list);
}

// Whether the device has the instructions.
cudaError_t CheckCapability() {
  int device = 0, major = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  const cudaError_t error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  if (error != cudaSuccess) return error;
  return major >= 8 ? cudaSuccess : cudaErrorNotSupported;
}

}  // namespace

cudaError_t TileProducts(const Queue& queue, const ProductList& list, Inputs inputs) {
  if (!IsConsistent(list)) return cudaErrorInvalidValue;
  if (const cudaError_t error = CheckCapability(); error != cudaSuccess) return error;
  if (list.count == 0) return cudaSuccess;
  const WeightType type = list.products[0].weight.type;
  if (type == WeightType::kF16 && inputs == Inputs::kF16) return LaunchType<WeightType::kF16>(queue, list);
  if (inputs != Inputs::kBf16) return cudaErrorNotSupported;
  if (type == WeightType::kBf16) return LaunchType<WeightType::kBf16>(queue, list);
  if (type == WeightType::kQ8) return LaunchType<WeightType::kQ8>(queue, list);
  if (type == WeightType::kQ4) return LaunchType<WeightType::kQ4>(queue, list);
  return cudaErrorNotSupported;
}

}  // namespace skein::cuda
