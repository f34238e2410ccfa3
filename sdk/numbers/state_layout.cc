#include "numbers/state_layout.h"

#include <algorithm>
#include <utility>

namespace skein {
namespace {

// [num_matrices][n][n] to the same, each matrix transposed.
void TurnMatrices(uint64_t num_matrices, uint64_t n, const float* from, float* to) {
  for (uint64_t matrix = 0; matrix < num_matrices; ++matrix, from += n * n, to += n * n) {
    for (uint64_t i = 0; i < n; ++i) {
      for (uint64_t j = 0; j < n; ++j) to[j * n + i] = from[i * n + j];
    }
  }
}

StatePart MakePart(const char* name, std::vector<uint64_t> shape) {
  uint64_t num_floats = 1;
  for (const uint64_t dim : shape) num_floats *= dim;
  return {name, std::move(shape), num_floats};
}

}  // namespace

std::vector<StatePart> LayerStateParts(const skein_backend_model& model) {
  std::vector<StatePart> parts = {MakePart("att_shift", {model.d_model}), MakePart("ffn_shift", {model.d_model})};
  if (model.generation == 4) {
    for (const char* name : {"aa", "bb", "pp"}) parts.push_back(MakePart(name, {model.d_att}));
  } else {
    parts.push_back(MakePart("wkv", {model.num_heads, model.head_size, model.head_size}));
  }
  return parts;
}

void WriteFreshState(const skein_backend_model& model, uint32_t num_layers, float* state) {
  std::fill_n(state, num_layers * LayerStateFloats(model), 0.0f);
  if (model.generation != 4) return;
  for (uint32_t layer = 0; layer < num_layers; ++layer) {
    float* const pp = state + LayerStateAt(model, layer).wkv + 2 * uint64_t{model.d_att};
    std::fill_n(pp, model.d_att, kInitialExponent);
  }
}

std::vector<float> FreshState(const skein_backend_model& model) {
  std::vector<float> state(StateFloats(model));
  WriteFreshState(model, model.num_layers, state.data());
  return state;
}

void CopyWkv(const skein_backend_model& model, WkvOrder from_order, const float* from, WkvOrder to_order, float* to) {
  if (from_order != to_order) return TurnMatrices(model.num_heads, model.head_size, from, to);
  std::copy_n(from, uint64_t{model.d_att} * model.head_size, to);
}

void PlaceWkv(const skein_backend_model& model, uint32_t layer, WkvOrder order, const float* values,
              std::span<float> state) {
  float* const wkv = state.data() + LayerStateAt(model, layer).wkv;
  CopyWkv(model, order, values, CanonicalWkvOrder(model.generation), wkv);
}

std::vector<float> ExtractWkv(const skein_backend_model& model, uint32_t layer, WkvOrder order,
                              std::span<const float> state) {
  std::vector<float> values(uint64_t{model.d_att} * model.head_size);
  const float* const wkv = state.data() + LayerStateAt(model, layer).wkv;
  CopyWkv(model, CanonicalWkvOrder(model.generation), wkv, order, values.data());
  return values;
}

bool IsWkvOnly(const skein_backend_model& model, std::span<const float> state) {
  if (model.generation == 4) return false;
  for (uint32_t layer = 0; layer < model.num_layers; ++layer) {
    const LayerState at = LayerStateAt(model, layer);
    const std::span<const float> shifts = state.subspan(at.time_shift, at.wkv - at.time_shift);
    if (std::any_of(shifts.begin(), shifts.end(), [](float value) { return value != 0; })) return false;
  }
  return true;
}

}  // namespace skein
