#include "cuda/state_form.h"

#include <algorithm>
#include <string>

#include "kit/checked_product.h"
#include "numbers/state_layout.h"

namespace skein::cuda {
namespace {

// Slots begin at multiples of these bytes, so that loads of 16 bytes are possible wherever the shapes let them.
constexpr uint64_t kSlotAlignment = 256;

constexpr uint64_t WkvElementBytes(StateType type) { return type == StateType::kF16 ? 2 : 4; }

LayerShape ShapeOf(const skein_segment_desc& desc) {
  const uint64_t shift_floats = 2 * uint64_t{desc.model.d_model};
  const uint64_t rest = LayerStateFloats(desc.model) - shift_floats;
  if (rest + shift_floats > UINT32_MAX) {
    throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, "state: a layer of " + std::to_string(rest + shift_floats) +
                                                      " numbers; expected less than 2^32");
  }
  // The sums of RWKV-4 are no matrices, and stay float32.
  const bool has_matrices = desc.model.generation != 4;
  return {.num_layers = desc.num_layers,
          .num_shift_floats = static_cast<uint32_t>(has_matrices ? shift_floats : shift_floats + rest),
          .num_wkv = static_cast<uint32_t>(has_matrices ? rest : 0)};
}

}  // namespace

StateForm::StateForm(const skein_segment_desc& desc, StateType wkv_type)
    : wkv_type_(wkv_type),
      shape_(ShapeOf(desc)),
      layer_floats_(LayerStateFloats(desc.model)),
      layer_bytes_(shape_.num_shift_floats * sizeof(float) + shape_.num_wkv * WkvElementBytes(wkv_type)) {
  if (layer_bytes_ % sizeof(float) == 0) return;
  throw plugin::Error(SKEIN_UNIMPLEMENTED,
                      "state type F16: expected an even number of elements in the matrices of a "
                      "layer, found " +
                          std::to_string(shape_.num_wkv));
}

uint64_t StateForm::num_floats() const { return kit::CheckedProduct(shape_.num_layers, layer_floats_); }

uint64_t StateForm::slot_bytes() const {
  return (state_bytes() + kSlotAlignment - 1) / kSlotAlignment * kSlotAlignment;
}

size_t StateForm::ByteOffset(size_t offset) const {
  const uint64_t layer = offset / layer_floats_, in_layer = offset % layer_floats_;
  const uint64_t num_shift_floats = std::min<uint64_t>(in_layer, shape_.num_shift_floats);
  return layer * layer_bytes_ + num_shift_floats * sizeof(float) +
         (in_layer - num_shift_floats) * WkvElementBytes(wkv_type_);
}

}  // namespace skein::cuda
