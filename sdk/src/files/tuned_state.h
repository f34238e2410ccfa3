// Files of tuned initial states (model/tuned_state.h): one tensor `blocks.<i>.att.time_state` per layer, as state
// tuning writes them, also in the names of Hugging Face, and with wrappers in front (naming/tensor_name.h).
//
// The tensors are [H, N, N], indexed [head][value][key] in every version.
#ifndef SKEIN_FILES_TUNED_STATE_H_
#define SKEIN_FILES_TUNED_STATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/checkpoint/checkpoint.h"
#include "model/config.h"
#include "model/tuned_state.h"

namespace skein {

// The shape of the state in a checkpoint that holds a state and nothing else. INVALID_ARGUMENT: this one does not;
// names the tensor at fault.
absl::StatusOr<TunedStateShape> FindTunedState(absl::Span<const CheckpointTensor> tensors);

// Reads the state in such a checkpoint for a model of `config`, in canonical layout (backend.h), all layers.
// INVALID_ARGUMENT: the model's version has no tuned states (only RWKV-5.2, 6 and 7 do), the file holds something else,
// or its layers, heads or head size are not the model's. DATA_LOSS: a value is NaN or infinite. And the codes of
// Checkpoint::Look.
absl::StatusOr<std::vector<float>> ReadTunedState(const Checkpoint& checkpoint, const ModelConfig& config);

}  // namespace skein

#endif  // SKEIN_FILES_TUNED_STATE_H_
