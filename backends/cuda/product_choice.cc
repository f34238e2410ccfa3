#include "cuda/product_choice.h"

#include <optional>

#include "numbers/quantised.h"
#include "skein/dtype.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kTileCapability = 80;

bool HasCodes(WeightType type) { return type == WeightType::kQ8 || type == WeightType::kQ4; }

// Whether the library multiplies as the compute type wants it: inputs and weights of one type of 16 bits.
bool IsForLibrary(const ProductCase& product) {
  const bool is_right_type = (product.compute_type == SKEIN_DTYPE_F16 && product.type == WeightType::kF16) ||
                             (product.compute_type == SKEIN_DTYPE_BF16 && product.type == WeightType::kBf16);
  return product.has_library && is_right_type && product.num_rows >= kLeastLibraryRows &&
         product.num_weights >= kLeastLibraryWeights;
}

// How TileProducts would take the inputs; nullopt if the compute type wants them otherwise.
std::optional<Inputs> TileInputs(const ProductCase& product) {
  if (product.compute_type == SKEIN_DTYPE_F16 && product.type == WeightType::kF16) return Inputs::kF16;
  if (product.compute_type == SKEIN_DTYPE_BF16 && (product.type == WeightType::kBf16 || HasCodes(product.type))) {
    return Inputs::kBf16;
  }
  // 8-bit segments let the inputs of codes be rounded, to bf16 too.
  if (IsQuantised(product.compute_type) && HasCodes(product.type)) return Inputs::kBf16;
  return std::nullopt;
}

}  // namespace

Inputs InputsOf(uint32_t compute_type) {
  if (compute_type == SKEIN_DTYPE_F16) return Inputs::kF16;
  return compute_type == SKEIN_DTYPE_BF16 ? Inputs::kBf16 : Inputs::kF32;
}

ProductChoice ChooseProduct(const ProductCase& product) {
  const Inputs inputs = InputsOf(product.compute_type);
  if (product.num_rows <= kMostRowsTogether) {
    // In float32 a row's bits are promised not to depend on the number of rows, and more rows have no sparse product.
    const bool is_sparse = product.has_columns && inputs != Inputs::kF32;
    return {is_sparse ? ProductPath::kSparse : ProductPath::kRows, inputs};
  }
  if (IsForLibrary(product)) return {ProductPath::kLibrary, inputs};
  const std::optional<Inputs> tile_inputs = TileInputs(product);
  if (tile_inputs && product.capability >= kTileCapability) return {ProductPath::kTiles, *tile_inputs};
  return {ProductPath::kRows, inputs};
}

}  // namespace skein::cuda
