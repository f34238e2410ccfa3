#include "numbers/state_layout.h"

#include <algorithm>

namespace skein {
namespace {

constexpr float kFreshPp = -1e30f;

uint64_t FloatsPerLayer(const ModelConfig& config) { return config.StateFloats() / config.num_layers; }

// Where the matrices of `layer` begin: behind the two shift rows.
uint64_t WkvOffset(const ModelConfig& config, uint32_t layer) {
  return layer * FloatsPerLayer(config) + 2 * uint64_t{config.d_model};
}

WkvOrder CanonicalOrder(const ModelConfig& config) {
  return config.generation == 7 ? WkvOrder::kValueKey : WkvOrder::kKeyValue;
}

// [H][N][N] to [H][N][N], each matrix transposed if `turn`.
void CopyHeads(const ModelConfig& config, bool turn, const float* from, float* to) {
  const uint64_t n = config.head_size;
  for (uint64_t h = 0; h < config.num_heads; ++h, from += n * n, to += n * n) {
    for (uint64_t i = 0; i < n; ++i) {
      for (uint64_t j = 0; j < n; ++j) to[i * n + j] = turn ? from[j * n + i] : from[i * n + j];
    }
  }
}

}  // namespace

std::vector<float> FreshState(const ModelConfig& config) {
  std::vector<float> state(config.StateFloats(), 0.0f);
  if (config.generation != 4) return state;
  for (uint32_t layer = 0; layer < config.num_layers; ++layer) {
    const auto end = state.begin() + static_cast<std::ptrdiff_t>((layer + 1) * FloatsPerLayer(config));
    std::fill(end - config.d_att, end, kFreshPp);  // pp comes last
  }
  return state;
}

void PlaceWkv(const ModelConfig& config, uint32_t layer, WkvOrder order, const float* values, absl::Span<float> state) {
  CopyHeads(config, order != CanonicalOrder(config), values, state.data() + WkvOffset(config, layer));
}

std::vector<float> ExtractWkv(const ModelConfig& config, uint32_t layer, WkvOrder order,
                              absl::Span<const float> state) {
  std::vector<float> values(uint64_t{config.d_att} * config.head_size);
  CopyHeads(config, order != CanonicalOrder(config), state.data() + WkvOffset(config, layer), values.data());
  return values;
}

bool IsWkvOnly(const ModelConfig& config, absl::Span<const float> state) {
  if (config.generation == 4) return false;
  for (uint32_t layer = 0; layer < config.num_layers; ++layer) {
    const absl::Span<const float> shifts = state.subspan(layer * FloatsPerLayer(config), 2 * uint64_t{config.d_model});
    if (std::any_of(shifts.begin(), shifts.end(), [](float value) { return value != 0; })) return false;
  }
  return true;
}

}  // namespace skein
