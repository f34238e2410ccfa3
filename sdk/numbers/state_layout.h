// The canonical layout of a stream's state, float32 (the comment on state_export in skein/backend.h): per layer the two
// token-shift rows, then the memory of the time-mix. That is wkv[H][N][N], or in generation 4 aa[A], bb[A], pp[A].
//
// Models are valid ones. A backend passes the model of its segment's description and counts layers from the first of
// the segment.
#ifndef SKEIN_NUMBERS_STATE_LAYOUT_H_
#define SKEIN_NUMBERS_STATE_LAYOUT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "skein/backend.h"

namespace skein {

// Offsets of a layer's parts in floats from the beginning of the state.
struct LayerState {
  uint64_t time_shift = 0;     // [C]
  uint64_t channel_shift = 0;  // [C]
  uint64_t wkv = 0;            // generation 4: aa [A], bb [A], pp [A]; else [H][N][N]
};

// Floats of one layer.
constexpr uint64_t LayerStateFloats(const skein_backend_model& model) {
  const uint64_t wkv_rows = model.generation == 4 ? 3 : model.head_size;
  return 2 * uint64_t{model.d_model} + wkv_rows * model.d_att;
}

// Floats of all layers of the model.
constexpr uint64_t StateFloats(const skein_backend_model& model) { return model.num_layers * LayerStateFloats(model); }

constexpr LayerState LayerStateAt(const skein_backend_model& model, uint32_t layer) {
  const uint64_t first = layer * LayerStateFloats(model);
  return {.time_shift = first, .channel_shift = first + model.d_model, .wkv = first + 2 * uint64_t{model.d_model}};
}

// One part of the state of a layer, such as its token shift.
struct StatePart {
  const char* name;             // "att_shift"; as in proto/skein/v1/snapshot.proto
  std::vector<uint64_t> shape;  // of a layer
  uint64_t num_floats;          // of a layer
};

// The parts of a layer in the order in which they follow each other.
std::vector<StatePart> LayerStateParts(const skein_backend_model& model);

// Before the first token pp is this instead of zero: it is the exponent of a sum over nothing.
inline constexpr float kInitialExponent = -1e30f;

// Writes the first `num_layers` layers of the state of a stream that has read nothing: zero, but for pp.
void WriteFreshState(const skein_backend_model& model, uint32_t num_layers, float* state);

// The same of all layers of the model.
std::vector<float> FreshState(const skein_backend_model& model);

// The order of the indices of a head's wkv matrix.
enum class WkvOrder : uint8_t {
  kValueKey,  // [value][key]: also in tuned states of the models' author and of trainers, whatever the generation
  kKeyValue,  // [key][value]: also in tuned states of web-rwkv
};

// The order in the canonical layout. Not for generation 4, which has no such matrix.
constexpr WkvOrder CanonicalWkvOrder(uint32_t generation) {
  return generation == 7 ? WkvOrder::kValueKey : WkvOrder::kKeyValue;
}

// Copies the matrices of a layer, [H][N][N], from one order to the other. The two may not overlap.
void CopyWkv(const skein_backend_model& model, WkvOrder from_order, const float* from, WkvOrder to_order, float* to);

// Puts the matrices of `layer`, [H][N][N] in `order`, at their place in the canonical `state` of a whole model. For
// models with heads, as the next.
void PlaceWkv(const skein_backend_model& model, uint32_t layer, WkvOrder order, const float* values,
              std::span<float> state);

// The reverse: the matrices of `layer` of a canonical state in `order`, [H][N][N].
std::vector<float> ExtractWkv(const skein_backend_model& model, uint32_t layer, WkvOrder order,
                              std::span<const float> state);

// True if `state` differs from a fresh one in the matrices of heads only. No other state fits in the time_state tensors
// of a file.
bool IsWkvOnly(const skein_backend_model& model, std::span<const float> state);

}  // namespace skein

#endif  // SKEIN_NUMBERS_STATE_LAYOUT_H_
