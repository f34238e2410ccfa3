// Products on the tensor cores, for steps ②, ④, ⑥ and ⑦ of a layer and the output head, from about five rows on.
//
// Launch: blocks of 128 threads over (rows in blocks of 8, 16, 32 or 64, outputs of all products of the list in blocks
// of 64); tiles of 128 outputs are in wide_tile_products.cu. The weights are the side of 16 of m16n8k16: a warp makes
// 16 outputs for all rows of the block. The inputs of a product go by in stages of 64. Weights come by asynchronous
// copies, three stages ahead of their use, and the first three before the kernel before has ended. Inputs are one stage
// ahead in registers, and are rounded on their way to shared memory. Where whoever made the inputs has rounded them too
// (RoundedRows), they come by asynchronous copies like the weights, both seven stages ahead, or five at 64 rows.
//
// A stage's rows of f16 or bf16, of weights as of inputs, are 128 bytes in shared memory, 8 pieces of 16: row r has
// piece p in place p ^ (r % 8), so that the eight rows which are read together lie in different banks. Codes stay codes
// in shared memory, in rows that are 16 bytes longer than a stage for the same end. A lane makes bf16 of four codes
// that lie side by side; the inputs of codes lie in an order which makes these four the ones that the instruction wants
// of the lane. A group's sum is scaled in float32.
//
// Where a matrix has few outputs and many inputs, its sums have several parts (PartsOf): so many inputs each, fixed by
// its shape, and added in their order. Which block makes which part changes no bit. One block makes them all, or each
// has a block of its own: then the parts lie in `scratch`, and the block that comes last adds them up.
//
// Limit: the weights' bytes up to 64 rows. A block has 24 KB of f16 on their way, and a multiprocessor at 4.3 TB/s over
// 132 needs 20 KB at 600 ns. Where a launch has fewer blocks than there are multiprocessors (a matrix of 2048 outputs
// has 32), it is bound by what these can take, 64 bytes a cycle each at best. The inputs are read by each block, as 4
// bytes: at 32 rows they are as many bytes as f16 weights, from the second level cache. Parts in blocks of their own
// are 32 KB a block at 64 rows, there and back, as many bytes as 256 inputs of its weights. Without them, for 32 rows,
// f16, at 1.7 GHz and 5.5 TB/s of that cache: a matrix of 2048 x 2048 needs 5 us where memory needs 2; three of them in
// one launch 9 where memory needs 6; 8192 inputs and 2048 outputs 19 where memory needs 8.
// With rounded inputs a block has 56 KB of weights on their way, 40 at 64 rows, all of them before the kernel before
// has ended where its part has no more stages, and its inputs are half the bytes: at 32 rows a half of the weights', at
// 64 as many. No latency of a load is left in a stage. These are counts; nothing here was measured.
//
// Synchronisation: one barrier a stage, after this stage's inputs are written or have come and its weights have come.
// Behind it all warps are done with the stage before, so that its place takes new weights, and its inputs' place the
// next but one. Parts in blocks of their own: a barrier after a part is written; one thread's fence, count and fence,
// which hand the parts to the last block; and a barrier after it knows whether it is the last.
//
// Another type of weights: the cases of Tile and of LoadWeightFragment, and one in TileProducts.
#include <algorithm>
#include <type_traits>

#include "cuda/kernels/bits.h"
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/nibbles.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/product_tile.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/weight_vector.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWarps = 4;
constexpr uint32_t kThreads = kWarps * kWarp;
constexpr uint32_t kWarpOutputs = 16;
constexpr uint32_t kOutputs = kWarps * kWarpOutputs;
static_assert(kOutputs == kTileOutputs);
constexpr uint32_t kStages = 4;    // in shared memory, of floats' inputs
constexpr uint32_t kMaxTiles = 8;  // of 8 rows, in a block
static_assert(kPartStageMultiple % kStages == 0, "a part begins at the first place in shared memory");

// How the inputs of a product come: as floats, which a block rounds, or rounded already.
enum class Source : uint8_t { kFloats, kRounded };

template <WeightType kType, uint32_t kTiles, Source kSource>
struct BlockTile {
  using Element = std::conditional_t<kType == WeightType::kF16, Half, Bf16>;
  static constexpr bool kIsScaled = IsScaled(kType);
  static constexpr uint32_t kRows = 8 * kTiles;
  static constexpr uint32_t kPieces = kStageColumns / ElementsOf(kType);  // of a row of weights
  static constexpr uint32_t kPitch = kPieces * kPiece + (kIsScaled ? kPiece : 0);
  static constexpr uint32_t kInputPitch = kStageRowBytes;
  static constexpr uint32_t kGroupStages = kIsScaled ? GroupOf(kType) / kStageColumns : 1;
  static_assert(kStages % 2 == 0 && kStages % kGroupStages == 0 && kOutputs * kPieces % kThreads == 0);

  // Places of weights and of inputs in shared memory.
  static constexpr bool kIsRounded = kSource == Source::kRounded;
  static constexpr uint32_t kWeightPlaces = !kIsRounded ? kStages : kTiles == kMaxTiles ? 6 : 8;
  static constexpr uint32_t kInputPlaces = kIsRounded ? kWeightPlaces : 2;
  static constexpr uint32_t kWeightBytes = kOutputs * kPitch, kInputBytes = kRows * kInputPitch;
  static constexpr uint32_t kSharedBytes = kWeightPlaces * kWeightBytes + kInputPlaces * kInputBytes;
  // Two blocks have room on a processor of 8.0, 9.0 or 10.0, one on the others.
  static_assert(kSharedBytes <= (kIsRounded ? 96 : 48) * 1024);
  static_assert(!(kIsRounded && kIsScaled), "inputs of codes lie in an order of their own");
  // On a multiprocessor. With 64 rows three blocks would leave too few registers for the sums.
  static constexpr uint32_t kLeastBlocks = kIsRounded || kTiles == kMaxTiles ? 2 : 3;
};

__device__ __forceinline__ uint32_t Packed(float low, float high, Half) {
  return BitsAs<uint32_t>(__floats2half2_rn(InF16Range(low), InF16Range(high)));
}

__device__ __forceinline__ uint32_t Packed(float low, float high, Bf16) {
  return BitsAs<uint32_t>(__floats2bfloat162_rn(low, high));
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
    low = NibblesAsBf16(word | word << 12);
    high = NibblesAsBf16(word >> 8 | word << 4);
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
template <WeightType kType, uint32_t kTiles, Source kSource>
class BlockProduct {
  using T = BlockTile<kType, kTiles, kSource>;

 public:
  // `shared`: T::kSharedBytes at a multiple of 16.
  __device__ BlockProduct(const DeviceProduct& product, uint32_t first_output, uint32_t first_row,
                          const StageRange& stages, unsigned char* shared)
      : product_(product), first_output_(first_output), first_row_(first_row), stages_(stages), shared_(shared) {}

  // Everything that does not depend on the kernel before.
  __device__ void Begin() {
#pragma unroll
    for (uint32_t place = 0; place < T::kWeightPlaces - 1; ++place) StartStage(stages_.begin + place, place);
  }

  __device__ void Run() {
    if constexpr (T::kIsRounded) {
      RunRounded();
    } else {
      RunFloats();
    }
    EndPart();
  }

  __device__ bool Join(const PartScratch& scratch, const TileShare& share) {
    return JoinParts<kThreads>(scratch, share, *reinterpret_cast<uint32_t*>(InputPlace(0)), totals_);
  }

  __device__ void Store() const {
    constexpr uint32_t kTogether = kTiles < 4 ? kTiles : 4;  // tiles
    const uint32_t lane = threadIdx.x % kWarp;
#pragma unroll
    for (uint32_t first = 0; first < kTiles; first += kTogether) {
      const auto row = [&](uint32_t i) { return first_row_ + (first + i / 4) * 8 + lane % 4 * 2 + i % 2; };
      const auto output = [&](uint32_t i) { return FirstOfLane() + i % 4 / 2 * 8; };
      float sums[kTogether * 4];
#pragma unroll
      for (uint32_t i = 0; i < kTogether * 4; ++i) sums[i] = totals_[first + i / 4][i % 4];
      StoreSums(product_, row, output, sums);
    }
  }

 private:
  __device__ uint32_t FirstOfWarp() const { return threadIdx.x / kWarp * kWarpOutputs; }
  // The outputs of a lane are this one and the eighth after it.
  __device__ uint32_t FirstOfLane() const { return first_output_ + FirstOfWarp() + threadIdx.x % kWarp / 4; }

  __device__ unsigned char* WeightPlace(uint32_t place) const { return shared_ + place * T::kWeightBytes; }
  __device__ unsigned char* InputPlace(uint32_t place) const {
    return shared_ + T::kWeightPlaces * T::kWeightBytes + place * T::kInputBytes;
  }

  __device__ void RunFloats() {
    LoadStageInputs(stages_.begin);
    uint32_t end_of_part = stages_.begin + stages_.part;
    for (uint32_t begin = stages_.begin; begin < stages_.end; begin += kStages) {
      if (begin == end_of_part) {
        EndPart();
        end_of_part += stages_.part;
      }
#pragma unroll
      for (uint32_t place = 0; place < kStages; ++place) {
        if (begin + place < stages_.end) RunStage(begin + place, place);
      }
    }
  }

  // Inputs are as far ahead as weights. Those of the first stages are groups of copies of their own, behind all groups
  // of weights, so that as many groups may be pending as later.
  __device__ void RunRounded() {
#pragma unroll
    for (uint32_t place = 0; place < T::kWeightPlaces - 1; ++place) {
      if (stages_.begin + place < stages_.end) CopyInputs(stages_.begin + place, InputPlace(place));
      CopyAsyncCommit();
    }
    uint32_t end_of_part = stages_.begin + stages_.part, place = 0;
    for (uint32_t stage = stages_.begin; stage < stages_.end; ++stage) {
      if (stage == end_of_part) {
        EndPart();
        end_of_part += stages_.part;
      }
      CopyAsyncWait<T::kWeightPlaces - 2>();
      __syncthreads();
      const uint32_t next = stage + T::kWeightPlaces - 1, next_place = place == 0 ? T::kWeightPlaces - 1 : place - 1;
      if (next < stages_.end) CopyInputs(next, InputPlace(next_place));
      StartStage(next, next_place);
      Multiply(WeightPlace(place), InputPlace(place), sums_);
      place = place + 1 == T::kWeightPlaces ? 0 : place + 1;
    }
  }

  // Starts the copies of a stage's inputs, which were rounded by whoever made them.
  __device__ void CopyInputs(uint32_t stage, unsigned char* to) {
    constexpr uint32_t kPieces = T::kRows * kRowPieces;
    const uint32_t width = product_.in.width;
#pragma unroll
    for (uint32_t i = 0; i < (kPieces + kThreads - 1) / kThreads; ++i) {
      const uint32_t row = (threadIdx.x + i * kThreads) / kRowPieces, piece = threadIdx.x % kRowPieces;
      if (row >= T::kRows) break;
      const uint32_t column = stage * kStageColumns + piece * kPieceElements;
      const bool is_valid = first_row_ + row < product_.in.count && column < width;
      const size_t from = is_valid ? size_t{first_row_ + row} * width + column : 0;
      CopyAsync16(to + Place(row, piece), product_.rounded_in.data + from, is_valid);
    }
  }

  // Starts the copies of a stage's weights to a place in shared memory. A stage beyond the last is an empty group.
  __device__ void StartStage(uint32_t stage, uint32_t place) {
    if (stage < stages_.end) {
      CopyWeights(stage, WeightPlace(place));
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
    return place % T::kGroupStages == T::kGroupStages - 1 || stage + 1 == stages_.end;
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
    unsigned char* const inputs = InputPlace(place % 2);
    StoreStageInputs(inputs);
    __syncthreads();
    StartStage(stage + kStages - 1, (place + kStages - 1) % kStages);
    if (stage + 1 < stages_.end) LoadStageInputs(stage + 1);
    if constexpr (T::kIsScaled) {
      if (place % T::kGroupStages == 0) ClearGroup();
      Multiply(WeightPlace(place), inputs, group_);
      if (EndsGroup(stage, place)) AddGroup(scales_[place]);
    } else {
      Multiply(WeightPlace(place), inputs, sums_);
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

  __device__ void ClearGroup() {
#pragma unroll
    for (uint32_t i = 0; i < kTiles * 4; ++i) group_[i / 4][i % 4] = 0;
  }

  __device__ void AddGroup(const __half (&scales)[2]) {
#pragma unroll
    for (uint32_t i = 0; i < kTiles * 4; ++i) {
      float& sum = sums_[i / 4][i % 4];
      sum = fmaf(__half2float(scales[i % 4 / 2]), group_[i / 4][i % 4], sum);
    }
  }

  __device__ void EndPart() {
#pragma unroll
    for (uint32_t i = 0; i < kTiles * 4; ++i) {
      totals_[i / 4][i % 4] += sums_[i / 4][i % 4];
      sums_[i / 4][i % 4] = 0;
    }
  }

  const DeviceProduct& product_;
  const uint32_t first_output_;
  const uint32_t first_row_;
  const StageRange stages_;
  unsigned char* const shared_;
  float4 inputs_[kTiles];
  __half scales_[kStages][2];
  float group_[kTiles][4];        // sums of a group of codes
  float sums_[kTiles][4] = {};    // of a part
  float totals_[kTiles][4] = {};  // of the parts before it
};

template <WeightType kType, uint32_t kTiles, Source kSource>
__global__ void __launch_bounds__(kThreads, BlockTile<kType, kTiles, kSource>::kLeastBlocks)
    TileProductsKernel(const __grid_constant__ TileBlocks tiles) {
  auto* const shared = static_cast<unsigned char*>(DynamicSharedMemory());
  const TileShare share = ShareOf(tiles, kOutputs);
  BlockProduct<kType, kTiles, kSource> block(tiles.blocks.products[share.product], share.first_output,
                                             blockIdx.x * kTiles * 8, share.stages, shared);
  block.Begin();
  DependencyWait();
  DependencyRelease();
  block.Run();
  if (share.num_splits > 1 && !block.Join(tiles.scratch, share)) return;
  block.Store();
}

template <WeightType kType, uint32_t kTiles, Source kSource>
cudaError_t LaunchTiles(const Queue& queue, const ProductList& list, const PartScratch& scratch, const Tile& tile) {
  static_assert(kTiles * 4 * kThreads <= PartScratch::kBlockFloats);
  const TileBlocks tiles = TileBlocksOf(list, scratch, tile, tile.is_split);
  const dim3 grid((list.products[0].in.count + tile.rows - 1) / tile.rows, NumBlocks(tiles.blocks));
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  const BlockShape block = {kThreads, BlockTile<kType, kTiles, kSource>::kSharedBytes};
  return Launch(queue, grid, block, TileProductsKernel<kType, kTiles, kSource>, tiles);
}

template <WeightType kType, Source kSource>
cudaError_t LaunchSource(const Queue& queue, const ProductList& list, const PartScratch& scratch, const Tile& tile) {
  switch (tile.rows) {
    case 8:
      return LaunchTiles<kType, 1, kSource>(queue, list, scratch, tile);
    case 16:
      return LaunchTiles<kType, 2, kSource>(queue, list, scratch, tile);
    case 32:
      return LaunchTiles<kType, 4, kSource>(queue, list, scratch, tile);
    case 64:
      return LaunchTiles<kType, kMaxTiles, kSource>(queue, list, scratch, tile);
    default:
      return cudaErrorInvalidValue;
  }
}

template <WeightType kType>
cudaError_t LaunchType(const Queue& queue, const ProductList& list, Inputs inputs, const PartScratch& scratch,
                       const Tile& tile) {
  if constexpr (!IsScaled(kType)) {
    if (AreRounded(list, inputs)) {
      const bool is_wide = tile.outputs == kWideTileOutputs || tile.outputs == kWidestTileOutputs;
      if (is_wide) return WideTileProducts(queue, list, scratch, tile);
      if (tile.outputs == kTileOutputs) return LaunchSource<kType, Source::kRounded>(queue, list, scratch, tile);
    }
  }
  if (tile.outputs != kTileOutputs) return cudaErrorInvalidValue;
  return LaunchSource<kType, Source::kFloats>(queue, list, scratch, tile);
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

bool AreRounded(const ProductList& list, Inputs inputs) {
  return std::all_of(list.products.begin(), list.products.begin() + list.count, [&](const DeviceProduct& product) {
    return product.rounded_in.data != nullptr && product.rounded_in.inputs == inputs;
  });
}

cudaError_t TileProducts(const Queue& queue, const ProductList& list, Inputs inputs, const PartScratch& scratch) {
  if (!IsConsistent(list)) return cudaErrorInvalidValue;
  return TileProducts(queue, list, inputs, scratch, PlainTile(list, scratch));
}

cudaError_t TileProducts(const Queue& queue, const ProductList& list, Inputs inputs, const PartScratch& scratch,
                         const Tile& wanted) {
  if (!IsConsistent(list)) return cudaErrorInvalidValue;
  if (const cudaError_t error = CheckCapability(); error != cudaSuccess) return error;
  if (list.count == 0) return cudaSuccess;
  Tile tile = wanted;
  if (tile.is_split) tile.is_split = HasRoom(scratch, list, tile);
  const WeightType type = list.products[0].weight.type;
  if (type == WeightType::kF16 && inputs == Inputs::kF16)
    return LaunchType<WeightType::kF16>(queue, list, inputs, scratch, tile);
  if (inputs != Inputs::kBf16) return cudaErrorNotSupported;
  if (type == WeightType::kBf16) return LaunchType<WeightType::kBf16>(queue, list, inputs, scratch, tile);
  if (type == WeightType::kQ8) return LaunchType<WeightType::kQ8>(queue, list, inputs, scratch, tile);
  if (type == WeightType::kQ4) return LaunchType<WeightType::kQ4>(queue, list, inputs, scratch, tile);
  return cudaErrorNotSupported;
}

}  // namespace skein::cuda
