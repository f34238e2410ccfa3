// The parts of long sums on the tensor cores. A sum is fixed by its matrix's shape, whatever tile makes it: so a row
// has the same bits among any number of rows, and a launch may take the tile that is fastest. Host code, pure.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_PARTS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_PARTS_H_

#include <algorithm>
#include <cstdint>

#include "cuda/kernels/matrix_view.h"
#include "cuda/kernels/products.h"

namespace skein::cuda {

// Inputs that go by together.
inline constexpr uint32_t kStageColumns = 64;
// A launch of so many blocks keeps all multiprocessors of the largest cards busy.
inline constexpr uint32_t kManyBlocks = 128;
inline constexpr uint32_t kMaxParts = 8;
inline constexpr uint32_t kLeastPartStages = 8;
// A part begins at the first place in shared memory of a tile whose inputs are floats.
inline constexpr uint32_t kPartStageMultiple = 4;

inline uint32_t StagesOf(const MatrixView& weight) { return (weight.num_columns + kStageColumns - 1) / kStageColumns; }

struct Parts {
  uint32_t count;
  uint32_t num_stages;  // of each but perhaps the last
};

inline Parts PartsOf(const MatrixView& weight) {
  const uint32_t num_stages = StagesOf(weight);
  const uint32_t num_blocks = (weight.num_rows + kTileOutputs - 1) / kTileOutputs;
  if (num_blocks >= kManyBlocks || num_stages < 2 * kLeastPartStages) return {1, num_stages};
  const uint32_t wanted = std::min(kMaxParts, (kManyBlocks + num_blocks - 1) / num_blocks);
  const uint32_t count = std::min(wanted, num_stages / kLeastPartStages);
  const uint32_t part_stages =
      ((num_stages + count - 1) / count + kPartStageMultiple - 1) / kPartStageMultiple * kPartStageMultiple;
  return {(num_stages + part_stages - 1) / part_stages, part_stages};
}

// The blocks of a launch: of its products by blocks of rows.
inline uint32_t NumTileBlocks(const ProductList& list, const Tile& tile, bool is_split) {
  uint32_t num_blocks = 0;
  for (uint32_t i = 0; i < list.count; ++i) {
    const MatrixView& weight = list.products[i].weight;
    num_blocks += (weight.num_rows + tile.outputs - 1) / tile.outputs * (is_split ? PartsOf(weight).count : 1);
  }
  return num_blocks * ((list.products[0].in.count + tile.rows - 1) / tile.rows);
}

// Whether the scratch has room for parts in blocks of their own.
inline bool HasRoom(const PartScratch& scratch, const ProductList& list, const Tile& tile) {
  constexpr uint64_t kFloats = uint64_t{PartScratch::kBlocks} * PartScratch::kBlockFloats;
  const uint64_t num_blocks = NumTileBlocks(list, tile, true);
  return scratch.sums != nullptr && num_blocks <= PartScratch::kBlocks &&
         num_blocks * tile.outputs * tile.rows <= kFloats;
}

// Whether a block makes more than one part of a sum.
inline bool HasPartsInBlocks(const ProductList& list, const Tile& tile) {
  if (tile.is_split) return false;
  return std::any_of(list.products.begin(), list.products.begin() + list.count,
                     [](const DeviceProduct& product) { return PartsOf(product.weight).count > 1; });
}

// Stages in shared memory of a tile of more than 64 outputs.
constexpr uint32_t WidePlaces(const Tile& tile) { return tile.outputs == kWideTileOutputs && tile.rows > 64 ? 3 : 4; }

// The shared memory of a block of such a tile: beside its stages, the sums of the parts before if it makes several.
// With those the widest has no room anywhere, and that of 128 rows none on 8.6, 8.9 and 12.0.
constexpr uint64_t WideBytes(const Tile& tile, bool has_parts) {
  return WidePlaces(tile) * (tile.outputs + tile.rows) * uint64_t{kStageColumns} * 2 +
         (has_parts ? uint64_t{tile.outputs} * tile.rows * 4 : 0);
}

// The tile of 64 outputs and the fewest rows that hold all, up to 64. Parts get blocks of their own where that fills
// more multiprocessors.
inline Tile PlainTile(const ProductList& list, const PartScratch& scratch) {
  const uint32_t num_rows = list.products[0].in.count;
  Tile tile = {kTileOutputs, num_rows <= 8 ? 8u : num_rows <= 16 ? 16u : num_rows <= 32 ? 32u : 64u, false};
  tile.is_split = NumTileBlocks(list, tile, false) < kManyBlocks && HasRoom(scratch, list, tile);
  return tile;
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_PRODUCT_PARTS_H_
