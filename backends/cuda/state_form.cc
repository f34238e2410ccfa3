#include "cuda/state_form.h"

#include <algorithm>
#include <string>

#include "kit/checked_product.h"
#include "numbers/state_layout.h"

namespace skein::cuda {
namespace {

// Of a layer, for loads of 16 bytes.
constexpr uint64_t kLayerAlignment = 16;

constexpr uint64_t WkvElementBytes(StateType type) { return type == StateType::kF16 ? 2 : 4; }

LayerShape ShapeOf(const skein_segment_desc& desc, StateType wkv_type) {
  const uint64_t num_floats = LayerStateFloats(desc.model);
  if (num_floats > UINT32_MAX) {
    throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED,
                        "state: expected less than 2^32 numbers in a layer, found " + std::to_string(num_floats));
  }
  // The sums of RWKV-4 are no matrices, and stay float32.
  const uint64_t num_wkv = desc.model.generation == 4 ? 0 : num_floats - 2 * uint64_t{desc.model.d_model};
  const uint64_t bytes = (num_floats - num_wkv) * sizeof(float) + num_wkv * WkvElementBytes(wkv_type);
  return {.num_layers = desc.num_layers,
          .num_shift_floats = static_cast<uint32_t>(num_floats - num_wkv),
          .num_wkv = static_cast<uint32_t>(num_wkv),
          .layer_bytes = (bytes + kLayerAlignment - 1) / kLayerAlignment * kLayerAlignment};
}

}  // namespace

StateForm::StateForm(const skein_segment_desc& desc, StateType wkv_type)
    : wkv_type_(wkv_type), shape_(ShapeOf(desc, wkv_type)), layer_floats_(LayerStateFloats(desc.model)) {}

uint64_t StateForm::num_floats() const { return kit::CheckedProduct(shape_.num_layers, layer_floats_); }

size_t StateForm::ByteOffset(size_t offset) const {
  const uint64_t layer = offset / layer_floats_, in_layer = offset % layer_floats_;
  const uint64_t num_shift_floats = std::min<uint64_t>(in_layer, shape_.num_shift_floats);
  return layer * shape_.layer_bytes + num_shift_floats * sizeof(float) +
         (in_layer - num_shift_floats) * WkvElementBytes(wkv_type_);
}

}  // namespace skein::cuda
