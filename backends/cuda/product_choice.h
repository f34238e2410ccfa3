// Which product of kernels/products.h runs for a matrix and a number of rows, from best to plainest; the plainest takes
// everything. Pure.
#ifndef SKEIN_BACKENDS_CUDA_PRODUCT_CHOICE_H_
#define SKEIN_BACKENDS_CUDA_PRODUCT_CHOICE_H_

#include <cstdint>

#include "cuda/kernels/matrix_view.h"
#include "cuda/kernels/products.h"

namespace skein::cuda {

enum class ProductPath : uint8_t {
  kSparse,    // SparseProduct
  kNibbles,   // NibbleProducts
  kLibrary,   // library_products.h
  kExpanded,  // expanded_products.h
  kTiles,     // TileProducts
  kRows,      // RowProducts
};

struct ProductChoice {
  ProductPath path;
  Inputs inputs;

  friend bool operator==(const ProductChoice&, const ProductChoice&) = default;
};

struct ProductCase {
  WeightType type;
  uint64_t num_weights;
  bool has_columns;          // the matrix is there turned over too
  bool has_library;          // cuBLASLt is open
  bool has_nibble_products;  // few rows by kQ4 may go to the tensor cores
  bool is_expanded_faster;   // codes are to become bf16 for so many rows, as was timed
  uint32_t num_rows;         // of the inputs
  uint32_t compute_type;     // of the segment: SKEIN_DTYPE_*
  uint32_t capability;       // of the device: 90 for 9.0
};

// From this capability on the tensor cores take the types of TileProducts.
inline constexpr uint32_t kTileCapability = 80;

// Up to so many rows a product is bound by the bytes of its weights, which RowProducts reads once for all of them.
inline constexpr uint32_t kMostRowsTogether = 4;

// From so many rows, and for matrices of so many weights, the library is worth its extra passes over the inputs.
inline constexpr uint32_t kLeastLibraryRows = 65;
inline constexpr uint64_t kLeastLibraryWeights = uint64_t{1} << 18;

// Up to so many rows the low-rank products of RWKV-6 are made by the kernels before and behind them, on the CUDA cores:
// the launch that is saved is worth more than the tensor cores.
inline constexpr uint32_t kMostFusedRows = 64;

// How a segment's inputs are rounded on the CUDA cores. `compute_type`: of skein_segment_desc.
Inputs InputsOf(uint32_t compute_type);

bool HasCodes(WeightType type);

// Whether the tensor cores multiply a segment's codes by inputs in bf16, so that codes may become bf16 too.
bool MayBeExpanded(uint32_t compute_type);

// Whether a segment's products of few rows may be other ones than those of many rows. In float32 a row's bits are
// promised not to depend on the number of rows.
bool MayDifferByRows(uint32_t compute_type);

ProductChoice ChooseProduct(const ProductCase& product);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_PRODUCT_CHOICE_H_
