// Products of matrices and rows: out = then(in Wᵀ), several that do not depend on each other in one launch (step ②, ④,
// ⑥ and ⑦ of a layer, and the output head). Which of these runs for how many rows is decided in product_choice.h.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_PRODUCTS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_PRODUCTS_H_

#include <cuda_runtime.h>

#include <array>
#include <cstdint>

#include "cuda/kernels/launch.h"
#include "cuda/kernels/matrix_view.h"
#include "cuda/kernels/rounded_rows.h"
#include "equations/operands.h"

namespace skein::cuda {

// The rows that a product that is added (Then::kAdd) is multiplied by, or added to in place of `out`. NULL: none.
struct ProductEnd {
  const float* gate = nullptr;  // rows like `out`: out = out + gate ⊙ sum, as GatedAdd of ops.h
  // DataShift of ops.h: out = n + (n_before - n) ⊙ (mix + sum); rows like `out`, and [out.width].
  const float *n = nullptr, *n_before = nullptr;
  const float* mix = nullptr;
};

struct DeviceProduct {
  MatrixView weight;
  kit::Rows in;
  kit::Rows out;
  kit::Then then;
  ProductEnd end = {};  // RowProducts, NibbleProducts and TileProducts look at it
  // Copies of `in` and `out`. TileProducts and LibraryProducts read the one instead of `in`; RowProducts and
  // TileProducts write the other beside `out`.
  RoundedRows rounded_in = {};
  RoundedRows rounded_out = {};
};

inline constexpr uint32_t kMaxProducts = 8;

// The most outputs that the products of a launch have together. A grid has at most 65,535 blocks along the outputs, and
// no block has fewer of them.
inline constexpr uint32_t kLeastBlockOutputs = 8;
inline constexpr uint32_t kMostOutputs = 65535 * kLeastBlockOutputs;

// Products of one launch, all with the same number of rows and the same WeightType.
struct ProductList {
  std::array<DeviceProduct, kMaxProducts> products;
  uint32_t count;
};

// Any number of rows, any type, any shape, on the CUDA cores. A row's results do not depend on the number of rows: each
// output is one warp's sum in a fixed order. Bound by the weights' bytes up to four rows, which go through together.
cudaError_t RowProducts(const Queue& queue, const ProductList& list, Inputs inputs);

// The same for kQ4 and up to four rows, on the tensor cores: each input is multiplied as the sum of three bf16, and no
// more rounded than it is in RowProducts. A row's results do not depend on the number of rows. Compute capability 8.0
// on. cudaErrorNotSupported for another type.
cudaError_t NibbleProducts(const Queue& queue, const ProductList& list, Inputs inputs);

// Where blocks of one launch hand sums to each other, in the device's memory: `sums` of kBlocks blocks, and `counts`
// [kBlocks], zeros before the first launch, which each launch leaves. For launches that follow each other in one queue.
struct PartScratch {
  static constexpr uint32_t kBlocks = 512;
  static constexpr uint32_t kBlockFloats = 64 * 64;

  float* sums = nullptr;  // [kBlocks * kBlockFloats]; NULL: no block hands over
  uint32_t* counts = nullptr;
};

// The outputs and rows of a block of TileProducts: 64 by 8, 16, 32 or 64, and where the inputs are there rounded 128 by
// 32, 64, 96 or 128, and 256 by 128. `is_split`: parts of long sums have blocks of their own, if the scratch has room.
inline constexpr uint32_t kTileOutputs = 64, kWideTileOutputs = 128, kWidestTileOutputs = 256;
struct Tile {
  uint32_t outputs, rows;
  bool is_split;

  friend bool operator==(const Tile&, const Tile&) = default;
};

// On the tensor cores: kF16 weights with kF16 inputs and kBf16 with kBf16; kQ8 and kQ4 with kBf16, where codes are
// multiplied exactly and each group's sum is scaled. A row's results do not depend on the other rows, nor on the tile
// and `scratch`, which lets more blocks share a long sum. Compute capability 8.0 on. cudaErrorNotSupported for another
// mix, cudaErrorInvalidValue for a tile that is not there. Without a tile: that of PlainTile (product_parts.h).
cudaError_t TileProducts(const Queue& queue, const ProductList& list, Inputs inputs, const PartScratch& scratch = {});
cudaError_t TileProducts(const Queue& queue, const ProductList& list, Inputs inputs, const PartScratch& scratch,
                         const Tile& tile);
// Whether all inputs are there as the product takes them.
bool AreRounded(const ProductList& list, Inputs inputs);
// The shared memory that a block of the current device may have.
cudaError_t FindSharedRoom(uint32_t& bytes);

// The value product of a channel-mix, one to four rows, where most inputs are zero: only columns of W with an input
// other than zero are read. `columns`: W turned over, [in.width] rows of out.width elements, of any type but kF32.
// `scratch`: SparseScratchFloats floats. Sums are in a fixed order that does not depend on the number of rows.
cudaError_t SparseProduct(const Queue& queue, const DeviceProduct& product, const MatrixView& columns, Inputs inputs,
                          float* scratch);
uint64_t SparseScratchFloats(uint32_t num_inputs, uint32_t num_outputs);

// A matrix of kQ8 or kQ4 as one of kBf16, each weight rounded once, and what `out` then is. `out` has row_bytes of that
// view for each row.
cudaError_t ExpandCodes(const Queue& queue, const MatrixView& codes, void* out);
MatrixView ExpandedView(const MatrixView& codes, const void* data);

// Rows rounded to binary16 or bf16, for a library: out [in.count][width, up to a multiple of 8], filled up with zeros.
cudaError_t RoundRows(const Queue& queue, kit::Rows in, Inputs inputs, void* out);
// `then` over rows that a library has written, [count][width], into `out`, which may be the same rows.
cudaError_t FinishProduct(const Queue& queue, kit::Rows product, kit::Then then, kit::Rows out,
                          const RoundedRows& rounded_out = {});

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_PRODUCTS_H_
