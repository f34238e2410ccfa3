// The state that a stream starts from, in canonical layout (backend.h).
#ifndef SKEIN_NUMBERS_STATE_LAYOUT_H_
#define SKEIN_NUMBERS_STATE_LAYOUT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "model/config.h"

namespace skein {

// The state of a stream that has read nothing: zero, but for pp of RWKV-4, which is -1e30. StateFloats() long.
std::vector<float> FreshState(const ModelConfig& config);

// How the matrices of a tuned state (`time_state` [H, N, N]) are indexed within a head.
enum class WkvOrder : uint8_t {
  kValueKey,  // in the files of the models' author and of trainers, whatever the version
  kKeyValue,  // in web-rwkv's
};

// Puts the tuned matrices of `layer`, [H][N][N] in `order`, at their place in the canonical `state`, which is
// StateFloats() long. For models with heads.
void PlaceWkv(const ModelConfig& config, uint32_t layer, WkvOrder order, const float* values, absl::Span<float> state);

// The reverse: the matrices of `layer` of a canonical state in `order`, [H][N][N].
std::vector<float> ExtractWkv(const ModelConfig& config, uint32_t layer, WkvOrder order, absl::Span<const float> state);

// Whether `state` differs from a fresh one in nothing but the matrices of heads: so that time_state tensors can hold
// it.
bool IsWkvOnly(const ModelConfig& config, absl::Span<const float> state);

}  // namespace skein

#endif  // SKEIN_NUMBERS_STATE_LAYOUT_H_
