// What the kernels of tile_products.cu and wide_tile_products.cu share: how a stage's rows lie in shared memory, which
// block makes which part of which sums, and how blocks hand parts to each other. For the two alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_TILE_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_TILE_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/product_blocks.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/product_parts.h"

namespace skein::cuda {

inline constexpr uint32_t kStepColumns = 16;                     // of one instruction
inline constexpr uint32_t kPiece = 16;                           // bytes of a copy
inline constexpr uint32_t kPieceElements = kPiece / 2;           // of 16 bits
inline constexpr uint32_t kStageRowBytes = kStageColumns * 2;    // of a row of 16 bits
inline constexpr uint32_t kRowPieces = kStageRowBytes / kPiece;  // of such a row

// Bytes from the beginning of a stage's rows of 128 bytes, 8 pieces of 16: row r has piece p in place p ^ (r % 8), so
// that the eight rows which are read together lie in different banks.
__device__ __forceinline__ uint32_t Place(uint32_t row, uint32_t piece) {
  return (row * kRowPieces + (piece ^ row % kRowPieces)) * kPiece;
}

// The argument of the kernels.
struct TileBlocks {
  ProductBlocks blocks;
  uint32_t part_stages[kMaxProducts];
  uint32_t num_splits[kMaxProducts];  // blocks that share the parts of a block's outputs: one, or one for each part
  PartScratch scratch;
};

// Stages of a product that a block goes through.
struct StageRange {
  uint32_t begin, end;
  uint32_t part;  // from the beginning of a part to the next
};

// Numbers the blocks of the products; `is_split`: each part of a sum has one of its own.
inline TileBlocks TileBlocksOf(const ProductList& list, const PartScratch& scratch, const Tile& tile, bool is_split) {
  TileBlocks tiles = {};
  tiles.blocks = BlocksOf(list, tile.outputs);
  tiles.scratch = scratch;
  uint32_t next = 0;
  for (uint32_t i = 0; i < list.count; ++i) {
    const Parts parts = PartsOf(list.products[i].weight);
    tiles.part_stages[i] = parts.num_stages;
    tiles.num_splits[i] = is_split ? parts.count : 1;
    tiles.blocks.first_blocks[i] = next;
    tiles.blocks.num_blocks[i] *= tiles.num_splits[i];
    next += tiles.blocks.num_blocks[i];
  }
  return tiles;
}

// What a block makes, and with whom.
struct TileShare {
  uint32_t product;
  uint32_t first_output;
  StageRange stages;
  uint32_t split, num_splits;
  uint32_t first_block;  // the first of those that share, by which they know their scratch
};

__device__ __forceinline__ TileShare ShareOf(const TileBlocks& tiles, uint32_t num_outputs) {
  TileShare share;
  share.product = ProductOf(tiles.blocks, blockIdx.y);
  const uint32_t index = blockIdx.y - tiles.blocks.first_blocks[share.product];
  share.num_splits = tiles.num_splits[share.product];
  share.split = index % share.num_splits;
  share.first_output = index / share.num_splits * num_outputs;
  share.first_block = blockIdx.x * gridDim.y + blockIdx.y - share.split;
  const uint32_t num_columns = tiles.blocks.products[share.product].weight.num_columns;
  const uint32_t num_stages = (num_columns + kStageColumns - 1) / kStageColumns;
  const uint32_t part = tiles.part_stages[share.product], begin = share.split * part;
  share.stages = {begin, share.num_splits == 1 ? num_stages : min(begin + part, num_stages), part};
  return share;
}

// Puts a block's part into the scratch, and says whether the parts of all that share are there now: then `sums` is what
// they add up to. `word`: of shared memory, which nobody needs behind the next barrier.
template <uint32_t kThreads, uint32_t kTiles>
__device__ __forceinline__ bool JoinParts(const PartScratch& scratch, const TileShare& share, uint32_t& word,
                                          float (&sums)[kTiles][4]) {
  constexpr uint32_t kBlockFloats = kTiles * 4 * kThreads;
  float* const parts = scratch.sums + size_t{share.first_block} * kBlockFloats + threadIdx.x;
#pragma unroll
  for (uint32_t i = 0; i < kTiles * 4; ++i) {
    parts[size_t{share.split} * kBlockFloats + i * kThreads] = sums[i / 4][i % 4];
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    // The last one leaves a zero.
    const uint32_t last = share.num_splits - 1;
    word = atomicInc(scratch.counts + share.first_block, last) == last ? 1 : 0;
    __threadfence();
  }
  __syncthreads();
  if (word == 0) return false;
#pragma unroll
  for (uint32_t i = 0; i < kTiles * 4; ++i) sums[i / 4][i % 4] = 0;
  for (uint32_t part = 0; part < share.num_splits; ++part) {
#pragma unroll
    for (uint32_t i = 0; i < kTiles * 4; ++i) {
      sums[i / 4][i % 4] += __ldcg(parts + size_t{part} * kBlockFloats + i * kThreads);
    }
  }
  return true;
}

// A tile of more than 64 outputs, in wide_tile_products.cu. `list` is consistent and not empty, the inputs
// are there rounded, and the device has the instructions.
cudaError_t WideTileProducts(const Queue& queue, const ProductList& list, const PartScratch& scratch, const Tile& tile);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_TILE_H_
