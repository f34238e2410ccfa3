// Which tile of TileProducts a launch takes. All give the same bits, so that this is about time alone. Pure.
#ifndef SKEIN_BACKENDS_CUDA_TILE_CHOICE_H_
#define SKEIN_BACKENDS_CUDA_TILE_CHOICE_H_

#include <cstdint>

#include "cuda/kernels/products.h"

namespace skein::cuda {

// The cycles of a launch by a tile, as counted for the largest card (check/tile_count.py has the same count): the
// greatest of what memory, the second level cache and the multiprocessor with the most work need. Inputs are there
// rounded.
uint64_t CountedCycles(const ProductList& list, const Tile& tile);

// The tile with the least count, of those whose blocks have room in `shared_room` bytes (FindSharedRoom); of several
// the smallest. `list`: at least one product.
Tile ChooseTile(const ProductList& list, const PartScratch& scratch, uint32_t shared_room);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_TILE_CHOICE_H_
