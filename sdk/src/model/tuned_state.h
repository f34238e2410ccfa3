// Tuned initial states: the matrices of heads that state tuning learns for a model, in place of zeros. The token shifts
// stay zero. How their files look: files/tuned_state.h.
#ifndef SKEIN_MODEL_TUNED_STATE_H_
#define SKEIN_MODEL_TUNED_STATE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "model/config.h"

namespace skein {

struct TunedStateShape {
  uint32_t num_layers = 0;
  uint32_t num_heads = 0;
  uint32_t head_size = 0;
};

// INVALID_ARGUMENT: the version of `config` has no tuned states; only RWKV-5.2, 6 and 7 do.
absl::Status CheckHasTunedStates(const ModelConfig& config);

// INVALID_ARGUMENT: a state of `shape` has not the layers, heads or head size of the model; says both.
absl::Status CheckTunedStateFits(const TunedStateShape& shape, const ModelConfig& config);

}  // namespace skein

#endif  // SKEIN_MODEL_TUNED_STATE_H_
