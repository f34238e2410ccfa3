// TileProducts by tiles of 128 or 256 outputs, for many rows whose inputs are there rounded to 16 bits.
//
// Launch: blocks of 256 threads over (rows in blocks of 32, 64, 96 or 128, outputs of all products of the list in
// blocks of 128, or of 256 by 128 rows). Blocks of rows come first in the order of blocks: those that read the same
// weights run at the same time, and memory gives each weight once for all rows. The inputs of 512 rows are at most 16
// MB, and stay in the second level cache for all outputs.
//
// The weights are the side of 16 of m16n8k16. Of the eight warps, four share the outputs and two the rows: a warp makes
// 32 or 64 outputs of half of the rows. Weights and inputs go by in stages of 64 inputs, as in tile_products.cu and in
// the same places of shared memory (product_tile.h), by asynchronous copies three stages ahead of their use, or two by
// 96 and 128 rows of 128 outputs. The weights of the first stages come before the kernel before has ended.
//
// Sums are those of tile_products.cu, bit by bit: the same instruction over the same 16 inputs, in the same order, in
// the same parts. A thread has 64 sums by 128 rows, of the widest tile 128, and no registers for the parts before:
// where one block makes several parts, their sum lies in shared memory, each thread's beside its own, and is touched
// once a part. The widest tile has no room for it.
//
// Limit: bytes from the second level cache. A stage of 128 by 128 is 32 KB for 1M multiplications, where four blocks of
// 64 by 64 read 64 KB: 128 rows read the weights and as many bytes of inputs, or by 256 outputs half as many. At 5.5
// TB/s a multiprocessor gets such a stage in 1340 cycles where all 132 read. It needs 820 for the 512 mma at 1.6
// cycles, which is what mma.sync reaches, and 768 for 96 KB from shared memory at 128 bytes a cycle: these are the
// limit where fewer than 80 blocks run. At 32 rows the bytes are 1.25 times the weights', which memory gives no faster.
// 96 KB of shared memory and 128 registers a thread leave room for two blocks on a multiprocessor of 8.0, 9.0 or 10.0,
// and for a block of the next launch that takes its first weights; the widest is alone. A block has 32 KB of weights on
// their way, or 48 up to 64 rows: 64 blocks take 3 or 4.3 TB/s at 700 ns. Such a block of 128 rows is bound by its mma
// before. These are counts; nothing here was measured.
//
// Synchronisation: one barrier a stage, behind the thread's wait for its copies: after it the stage is there for all,
// and all warps are done with the stage before, whose place takes new copies. The sums in shared memory are each
// thread's own. Parts that are handed over: see JoinParts.
#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/product_tile.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kOutputWarps = 4, kRowWarps = 2;
constexpr uint32_t kThreads = kOutputWarps * kRowWarps * kWarp;

// kOutputTiles: of 16 outputs, of a warp; kTiles: of 8 rows, of a warp.
template <uint32_t kOutputTiles, uint32_t kTiles>
struct Shape {
  static_assert(kTiles % 2 == 0);
  static constexpr uint32_t kWarpOutputs = kOutputTiles * 16;
  static constexpr uint32_t kOutputs = kOutputWarps * kWarpOutputs, kRows = kRowWarps * kTiles * 8;
  static constexpr uint32_t kWeightBytes = kOutputs * kStageRowBytes;
  static constexpr uint32_t kStageBytes = kWeightBytes + kRows * kStageRowBytes;
  static constexpr Tile kTile = {kOutputs, kRows, false};
  static constexpr uint32_t kPlaces = WidePlaces(kTile);
  static constexpr uint32_t kSums = kOutputTiles * kTiles * 4;  // of a thread
  // Two blocks on a multiprocessor, or one on 8.6, 8.9 and 12.0; one of the widest.
  static constexpr bool kIsWidest = kOutputs == kWidestTileOutputs;
  static_assert(kPlaces * kStageBytes <= (kIsWidest ? 192 : 96) * 1024);
  static constexpr uint32_t kLeastBlocks = kIsWidest ? 1 : 2;
  static_assert(WideBytes(kTile, true) == kPlaces * kStageBytes + kSums * kThreads * 4);
};

// A block's share of a product.
template <typename Element, uint32_t kOutputTiles, uint32_t kTiles>
class WideBlock {
  using S = Shape<kOutputTiles, kTiles>;

 public:
  // `shared`: kPlaces stages at a multiple of 16, and behind them kSums of each thread if the block makes several
  // parts.
  __device__ WideBlock(const DeviceProduct& product, const TileShare& share, uint32_t first_row, unsigned char* shared)
      : product_(product),
        stages_(share.stages),
        first_output_(share.first_output),
        first_row_(first_row),
        shared_(shared) {}

  // Everything that does not depend on the kernel before.
  __device__ void Begin() {
#pragma unroll
    for (uint32_t place = 0; place < S::kPlaces - 1; ++place) CopyWeights(stages_.begin + place, place);
  }

  __device__ void Run() {
    // The first group has the weights of all these stages too.
#pragma unroll
    for (uint32_t place = 0; place < S::kPlaces - 1; ++place) {
      CopyInputs(stages_.begin + place, place);
      CopyAsyncCommit();
    }
    uint32_t end_of_part = stages_.begin + stages_.part, place = 0;
    for (uint32_t stage = stages_.begin; stage < stages_.end; ++stage) {
      if (stage == end_of_part) {
        EndPart(stage - stages_.part == stages_.begin);
        end_of_part += stages_.part;
      }
      CopyAsyncWait<S::kPlaces - 2>();
      __syncthreads();
      const uint32_t next = stage + S::kPlaces - 1, next_place = place == 0 ? S::kPlaces - 1 : place - 1;
      CopyWeights(next, next_place);
      CopyInputs(next, next_place);
      CopyAsyncCommit();
      Multiply(place);
      place = place + 1 == S::kPlaces ? 0 : place + 1;
    }
    if (stages_.begin + stages_.part < stages_.end) EndLastPart();
      // A sum of one part is added to zero too, as in the other tiles: a negative zero would stay one.
#pragma unroll
    for (uint32_t i = 0; i < S::kSums; ++i) sums_[i / 4][i % 4] += 0.0f;
  }

  __device__ bool Join(const PartScratch& scratch, const TileShare& share) {
    return JoinParts<kThreads>(scratch, share, *reinterpret_cast<uint32_t*>(shared_), sums_);
  }

  __device__ void Store() const {
    const uint32_t lane = threadIdx.x % kWarp;
#pragma unroll
    for (uint32_t tile = 0; tile < kTiles; ++tile) {
      const auto row = [&](uint32_t i) { return first_row_ + FirstRowOfWarp() + tile * 8 + lane % 4 * 2 + i % 2; };
      const auto output = [&](uint32_t i) { return first_output_ + FirstOfWarp() + i / 2 * 8 + lane / 4; };
      float sums[kOutputTiles * 4];
#pragma unroll
      for (uint32_t i = 0; i < kOutputTiles * 4; ++i) sums[i] = sums_[i / 4 * kTiles + tile][i % 4];
      StoreSums(product_, row, output, sums);
    }
  }

 private:
  __device__ uint32_t FirstOfWarp() const { return threadIdx.x / kWarp % kOutputWarps * S::kWarpOutputs; }
  __device__ uint32_t FirstRowOfWarp() const { return threadIdx.x / kWarp / kOutputWarps * kTiles * 8; }

  __device__ unsigned char* WeightPlace(uint32_t place) const { return shared_ + place * S::kStageBytes; }
  __device__ unsigned char* InputPlace(uint32_t place) const { return WeightPlace(place) + S::kWeightBytes; }
  __device__ float* PartsBefore() const {
    return reinterpret_cast<float*>(shared_ + S::kPlaces * S::kStageBytes) + threadIdx.x;
  }

  // Starts the copies of a stage's weights. Of a stage beyond the last there are none.
  __device__ void CopyWeights(uint32_t stage, uint32_t place) {
    const MatrixView& weight = product_.weight;
    CopyRows<S::kOutputs>(stage, static_cast<const unsigned char*>(weight.data), weight.row_bytes, first_output_,
                          weight.num_rows, WeightPlace(place));
  }

  __device__ void CopyInputs(uint32_t stage, uint32_t place) {
    CopyRows<S::kRows>(stage, reinterpret_cast<const unsigned char*>(product_.rounded_in.data), product_.in.width * 2,
                       first_row_, product_.in.count, InputPlace(place));
  }

  // A stage of the rows from `first` on; those beyond `num_rows`, and elements beyond the last input, are zeros.
  template <uint32_t kRows>
  __device__ void CopyRows(uint32_t stage, const unsigned char* rows, uint32_t row_bytes, uint32_t first,
                           uint32_t num_rows, unsigned char* to) {
    if (stage >= stages_.end) return;
    const uint32_t piece = threadIdx.x % kRowPieces, column = stage * kStageColumns + piece * kPieceElements;
    const bool has_column = column < product_.weight.num_columns;
#pragma unroll
    for (uint32_t i = 0; i < kRows * kRowPieces / kThreads; ++i) {
      const uint32_t row = (threadIdx.x + i * kThreads) / kRowPieces;
      const bool is_valid = has_column && first + row < num_rows;
      const size_t from = is_valid ? size_t{first + row} * row_bytes + column * 2 : 0;
      CopyAsync16(to + Place(row, piece), rows + from, is_valid);
    }
  }

  __device__ void Multiply(uint32_t place) {
    const uint32_t lane = threadIdx.x % kWarp;
    const unsigned char *const weights = WeightPlace(place), *const inputs = InputPlace(place);
#pragma unroll
    for (uint32_t step = 0; step < kStageColumns / kStepColumns; ++step) {
      uint32_t a[kOutputTiles][4];
#pragma unroll
      for (uint32_t i = 0; i < kOutputTiles; ++i) {
        LoadMatrixX4(a[i], weights + Place(FirstOfWarp() + i * 16 + lane % 16, 2 * step + lane / 16));
      }
#pragma unroll
      for (uint32_t tile = 0; tile < kTiles; tile += 2) {
        uint32_t b[4];
        LoadMatrixX4(b,
                     inputs + Place(FirstRowOfWarp() + tile * 8 + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
        const uint32_t first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
#pragma unroll
        for (uint32_t i = 0; i < kOutputTiles; ++i) {
          MmaM16N8K16(sums_[i * kTiles + tile], a[i], first, Element());
          MmaM16N8K16(sums_[i * kTiles + tile + 1], a[i], second, Element());
        }
      }
    }
  }

  // Puts a part to those before it.
  __device__ void EndPart(bool is_first) {
    float* const before = PartsBefore();
#pragma unroll
    for (uint32_t i = 0; i < S::kSums; ++i) {
      float& sum = sums_[i / 4][i % 4];
      before[i * kThreads] = is_first ? sum : before[i * kThreads] + sum;
      sum = 0;
    }
  }

  __device__ void EndLastPart() {
    const float* const before = PartsBefore();
#pragma unroll
    for (uint32_t i = 0; i < S::kSums; ++i) sums_[i / 4][i % 4] = before[i * kThreads] + sums_[i / 4][i % 4];
  }

  const DeviceProduct& product_;
  const StageRange stages_;
  const uint32_t first_output_;
  const uint32_t first_row_;
  unsigned char* const shared_;
  float sums_[kOutputTiles * kTiles][4] = {};  // of a part
};

template <typename Element, uint32_t kOutputTiles, uint32_t kTiles>
__global__ void __launch_bounds__(kThreads, Shape<kOutputTiles, kTiles>::kLeastBlocks)
    WideTileProductsKernel(const __grid_constant__ TileBlocks tiles) {
  using S = Shape<kOutputTiles, kTiles>;
  auto* const shared = static_cast<unsigned char*>(DynamicSharedMemory());
  const TileShare share = ShareOf(tiles, S::kOutputs);
  WideBlock<Element, kOutputTiles, kTiles> block(tiles.blocks.products[share.product], share, blockIdx.x * S::kRows,
                                                 shared);
  block.Begin();
  DependencyWait();
  DependencyRelease();
  block.Run();
  if (share.num_splits > 1 && !block.Join(tiles.scratch, share)) return;
  block.Store();
}

template <typename Element, uint32_t kOutputTiles, uint32_t kTiles>
cudaError_t LaunchWide(const Queue& queue, const ProductList& list, const PartScratch& scratch, const Tile& tile) {
  using S = Shape<kOutputTiles, kTiles>;
  uint32_t room = 0;
  if (const cudaError_t error = FindSharedRoom(room); error != cudaSuccess) return error;
  const uint64_t shared_bytes = WideBytes(S::kTile, HasPartsInBlocks(list, tile));
  if (shared_bytes > room) return TileProducts(queue, list, list.products[0].rounded_in.inputs, scratch);
  const TileBlocks tiles = TileBlocksOf(list, scratch, tile, tile.is_split);
  const dim3 grid((list.products[0].in.count + S::kRows - 1) / S::kRows, NumBlocks(tiles.blocks));
  if (grid.x == 0 || grid.y == 0) return cudaSuccess;
  return Launch(queue, grid, BlockShape{kThreads, static_cast<uint32_t>(shared_bytes)},
                WideTileProductsKernel<Element, kOutputTiles, kTiles>, tiles);
}

template <typename Element>
cudaError_t LaunchTile(const Queue& queue, const ProductList& list, const PartScratch& scratch, const Tile& tile) {
  if (tile.outputs == kWidestTileOutputs) {
    return tile.rows == 128 ? LaunchWide<Element, 4, 8>(queue, list, scratch, tile) : cudaErrorInvalidValue;
  }
  switch (tile.rows) {
    case 32:
      return LaunchWide<Element, 2, 2>(queue, list, scratch, tile);
    case 64:
      return LaunchWide<Element, 2, 4>(queue, list, scratch, tile);
    case 96:
      return LaunchWide<Element, 2, 6>(queue, list, scratch, tile);
    case 128:
      return LaunchWide<Element, 2, 8>(queue, list, scratch, tile);
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace

cudaError_t FindSharedRoom(uint32_t& bytes) {
  int device = 0, most = 0;
  if (const cudaError_t error = cudaGetDevice(&device); error != cudaSuccess) return error;
  const cudaError_t error = cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
  bytes = static_cast<uint32_t>(most);
  return error;
}

cudaError_t WideTileProducts(const Queue& queue, const ProductList& list, const PartScratch& scratch,
                             const Tile& tile) {
  return list.products[0].weight.type == WeightType::kF16 ? LaunchTile<Half>(queue, list, scratch, tile)
                                                          : LaunchTile<Bf16>(queue, list, scratch, tile);
}

}  // namespace skein::cuda
