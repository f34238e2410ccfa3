#include "cuda/product_choice.h"

#include <optional>

#include "numbers/quantised.h"
#include "skein/dtype.h"

namespace skein::cuda {
namespace {

// Whether the library multiplies as the compute type wants it: inputs and weights of one type of 16 bits.
bool IsForLibrary(const ProductCase& product) {
  const bool is_right_type = (product.compute_type == SKEIN_DTYPE_F16 && product.type == WeightType::kF16) ||
                             (product.compute_type == SKEIN_DTYPE_BF16 && product.type == WeightType::kBf16);
  return product.has_library && is_right_type && product.num_rows >= kLeastLibraryRows &&
         product.num_weights >= kLeastLibraryWeights;
}

// How TileProducts would take the inputs; nullopt if the compute type wants them otherwise.
std::optional<Inputs> TileInputs(const ProductCase& product) {
  if (HasCodes(product.type)) return MayBeExpanded(product.compute_type) ? std::optional(Inputs::kBf16) : std::nullopt;
  if (product.compute_type == SKEIN_DTYPE_F16 && product.type == WeightType::kF16) return Inputs::kF16;
  if (product.compute_type == SKEIN_DTYPE_BF16 && product.type == WeightType::kBf16) return Inputs::kBf16;
  return std::nullopt;
}

}  // namespace

Inputs InputsOf(uint32_t compute_type) {
  if (compute_type == SKEIN_DTYPE_F16) return Inputs::kF16;
  return compute_type == SKEIN_DTYPE_BF16 ? Inputs::kBf16 : Inputs::kF32;
}

bool HasCodes(WeightType type) { return type == WeightType::kQ8 || type == WeightType::kQ4; }

// 8-bit segments let the inputs of codes be rounded, to bf16 too.
bool MayBeExpanded(uint32_t compute_type) { return compute_type == SKEIN_DTYPE_BF16 || IsQuantised(compute_type); }

bool MayDifferByRows(uint32_t compute_type) {
  return compute_type != SKEIN_DTYPE_NONE && compute_type != SKEIN_DTYPE_F32;
}

ProductChoice ChooseProduct(const ProductCase& product) {
  const Inputs inputs = InputsOf(product.compute_type);
  if (product.num_rows <= kMostRowsTogether) {
    if (!MayDifferByRows(product.compute_type)) return {ProductPath::kRows, inputs};
    if (product.has_columns) return {ProductPath::kSparse, inputs};
    const bool is_for_nibbles =
        product.has_nibble_products && product.type == WeightType::kQ4 && product.capability >= kTileCapability;
    return {is_for_nibbles ? ProductPath::kNibbles : ProductPath::kRows, inputs};
  }
  if (IsForLibrary(product)) return {ProductPath::kLibrary, inputs};
  const std::optional<Inputs> tile_inputs = TileInputs(product);
  if (tile_inputs && product.capability >= kTileCapability) {
    const bool is_expanded = HasCodes(product.type) && product.is_expanded_faster;
    return {is_expanded ? ProductPath::kExpanded : ProductPath::kTiles, *tile_inputs};
  }
  return {ProductPath::kRows, inputs};
}

}  // namespace skein::cuda
