// Running states of the rwkv pip package: what its model.forward returns, as torch.save writes it. That is a list of
// tensors, so their names are their places in it, "0", "1" and so on.
//
//   RWKV-4        5 for each layer: att_shift [C], aa [A], bb [A], pp [A], ffn_shift [C]
//   RWKV-5, 6, 7  3 for each layer: att_shift [C], wkv [H, N, N] indexed as in the canonical layout, ffn_shift [C]
//
// Read off rwkv 0.8.30 (ChatRWKV, rwkv_pip_package); the layout is the same in every version of it that has the
// generation.
#ifndef SKEIN_FILES_RUNNING_STATE_H_
#define SKEIN_FILES_RUNNING_STATE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/checkpoint/checkpoint.h"
#include "model/config.h"

namespace skein {

// The dimensions that the tensors themselves give. The two widths of RWKV-4, C and A, are not told apart.
struct RunningStateShape {
  uint64_t num_layers = 0;
  uint64_t d_model = 0;
  uint64_t num_heads = 0;  // 0: of RWKV-4
  uint64_t head_size = 0;
};

// Whether the tensors are a list: named "0", "1" and so on, in this order. An empty one is none.
bool IsTensorList(absl::Span<const CheckpointTensor> tensors);

// The shape of the state in a list of tensors; nullopt: the list is something else.
std::optional<RunningStateShape> FindRunningState(absl::Span<const CheckpointTensor> tensors);

// The state in a list of tensors for a model of `config`, in canonical layout (backend.h). INVALID_ARGUMENT: its number
// of tensors or the shape of one is not that of such a state; says both. DATA_LOSS: a value is NaN or infinite.
absl::StatusOr<std::vector<float>> ReadRunningState(const Checkpoint& checkpoint, const ModelConfig& config);

}  // namespace skein

#endif  // SKEIN_FILES_RUNNING_STATE_H_
