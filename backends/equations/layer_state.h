// Where each layer's part of a state lies, for every generation: the canonical layout of backend.h.
#ifndef SKEIN_BACKENDS_EQUATIONS_LAYER_STATE_H_
#define SKEIN_BACKENDS_EQUATIONS_LAYER_STATE_H_

#include <cstddef>
#include <cstdint>

#include "skein/backend.h"

namespace skein::kit {

// Offsets in floats from the beginning of the segment's state.
struct LayerState {
  size_t time_shift = 0;     // [C]
  size_t channel_shift = 0;  // [C]
  size_t wkv = 0;            // generation 4: a [A], b [A], p [A]; else [H][N][N]
};

inline uint64_t LayerStateFloats(const skein_backend_model& model) {
  const uint64_t wkv_rows = model.generation == 4 ? 3 : model.head_size;
  return 2 * uint64_t{model.d_model} + wkv_rows * model.d_att;
}

// Of layer `index` of the segment.
inline LayerState LayerStateAt(const skein_backend_model& model, uint32_t index) {
  const size_t first = index * LayerStateFloats(model);
  return {.time_shift = first, .channel_shift = first + model.d_model, .wkv = first + 2 * size_t{model.d_model}};
}

// In generation 4 the last d_att floats of a layer are the exponents p of its sums; before the first token they are
// this instead of zero: a sum over nothing.
constexpr float kInitialExponent = -1e30f;

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_LAYER_STATE_H_
