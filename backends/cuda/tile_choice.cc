#include "cuda/tile_choice.h"

#include <algorithm>

#include "cuda/kernels/product_parts.h"

namespace skein::cuda {
namespace {

// Of an H200: bytes a cycle at 1.7 GHz, and multiprocessors. What is faster there is no slower on smaller cards, whose
// multiprocessors are alike.
constexpr uint64_t kMultiprocessors = 132;
constexpr uint64_t kMemoryBytes = 2500, kCacheBytes = 3200, kProcessorBytes = 64;
// Two latencies of the second level cache, in which parts are handed over.
constexpr uint64_t kHandOverCycles = 1000;
// The barrier of a stage and what comes before its first product.
constexpr uint64_t kStageCycles = 60;
// A load from shared memory and four products that wait for each other.
constexpr uint64_t kLeastProductCycles = 165;

constexpr Tile kTiles[] = {
    {kTileOutputs, 8, false},      {kTileOutputs, 16, false},      {kTileOutputs, 32, false},
    {kTileOutputs, 64, false},     {kWideTileOutputs, 32, false},  {kWideTileOutputs, 64, false},
    {kWideTileOutputs, 96, false}, {kWideTileOutputs, 128, false}, {kWidestTileOutputs, 128, false}};

uint64_t Ceil(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

// Of a stage of a block: the loads from shared memory at 128 bytes a cycle, or the mma at 1.6 cycles each. A warp loads
// its weights and its rows for each step of 16 inputs: 16 outputs and all rows, or of eight warps a quarter of the
// outputs and half of the rows.
uint64_t StageCycles(const Tile& tile) {
  const uint64_t weight_loads = tile.outputs == kTileOutputs ? tile.outputs : 2 * tile.outputs;
  const uint64_t products = uint64_t{tile.outputs} * tile.rows / 20;
  return std::max({weight_loads + 4 * tile.rows, products, kLeastProductCycles}) + kStageCycles;
}

bool HasSharedRoom(const ProductList& list, const Tile& tile, uint32_t room) {
  return tile.outputs == kTileOutputs || WideBytes(tile, HasPartsInBlocks(list, tile)) <= room;
}

}  // namespace

uint64_t CountedCycles(const ProductList& list, const Tile& tile) {
  const uint64_t num_rows = list.products[0].in.count, row_blocks = Ceil(num_rows, tile.rows);
  uint64_t weight_bytes = 0, cache_bytes = 0, num_blocks = 0, num_stages = 0, longest = 0;
  for (uint32_t i = 0; i < list.count; ++i) {
    const MatrixView& weight = list.products[i].weight;
    const Parts parts = PartsOf(weight);
    const uint64_t num_tiles = Ceil(weight.num_rows, tile.outputs), num_inputs = weight.num_columns;
    const uint64_t bytes = uint64_t{weight.num_rows} * num_inputs * 2;
    const bool is_split = tile.is_split && parts.count > 1;
    weight_bytes += bytes;
    cache_bytes += bytes * row_blocks + num_tiles * num_inputs * num_rows * 2;
    if (is_split) cache_bytes += num_tiles * row_blocks * parts.count * tile.outputs * tile.rows * sizeof(float) * 2;
    num_blocks += num_tiles * row_blocks * (is_split ? parts.count : 1);
    num_stages += num_tiles * row_blocks * StagesOf(weight);
    longest = std::max<uint64_t>(longest, is_split ? parts.num_stages : StagesOf(weight));
  }
  if (num_blocks == 0) return 0;
  const uint64_t busiest = Ceil(num_blocks, kMultiprocessors);  // blocks of a multiprocessor
  const uint64_t stages = std::max(longest, Ceil(busiest * num_stages, num_blocks));
  const uint64_t bytes = busiest * cache_bytes / num_blocks;
  return std::max({weight_bytes / kMemoryBytes, cache_bytes / kCacheBytes, bytes / kProcessorBytes,
                   stages * StageCycles(tile)}) +
         (tile.is_split ? kHandOverCycles : 0);
}

Tile ChooseTile(const ProductList& list, const PartScratch& scratch, uint32_t shared_room) {
  Tile best = PlainTile(list, {});
  uint64_t least = UINT64_MAX;
  for (Tile tile : kTiles) {
    for (const bool is_split : {false, true}) {
      tile.is_split = is_split;
      if (is_split && !HasRoom(scratch, list, tile)) continue;
      if (!HasSharedRoom(list, tile, shared_room)) continue;
      const uint64_t cycles = CountedCycles(list, tile);
      if (cycles >= least) continue;
      least = cycles;
      best = tile;
    }
  }
  return best;
}

}  // namespace skein::cuda
