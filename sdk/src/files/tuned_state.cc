#include "files/tuned_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "files/naming/tensor_name.h"
#include "model/elements.h"
#include "model/tensor.h"
#include "numbers/state_layout.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// The values of a tensor [H, N, N] in its order. The tensor begins at `data`.
absl::StatusOr<std::vector<float>> ReadHeads(const CheckpointTensor& tensor, const uint8_t* data) {
  const uint64_t head_floats = tensor.shape[1] * tensor.shape[2];
  std::vector<float> values(tensor.shape[0] * head_floats);
  for (uint64_t head = 0; head < tensor.shape[0]; ++head) {
    TensorView view;
    view.dtype = tensor.dtype;
    view.shape = {tensor.shape[1], tensor.shape[2]};
    view.strides = {tensor.strides[1], tensor.strides[2]};
    view.data = data + head * tensor.strides[0] * FindDtype(tensor.dtype)->block_bytes;
    SKEIN_RETURN_IF_ERROR(CopyElements(view, absl::StrCat(tensor.name, "[", head, "]"), SKEIN_DTYPE_F32,
                                       reinterpret_cast<uint8_t*>(&values[head * head_floats])));
  }
  return values;
}

}  // namespace

absl::StatusOr<TunedStateShape> FindTunedState(absl::Span<const CheckpointTensor> tensors) {
  TunedStateShape shape;
  std::vector<bool> seen(tensors.size());
  for (const CheckpointTensor& tensor : tensors) {
    const auto defect = [&](const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor \"", tensor.name, "\" ", ShapeText(tensor.shape), ": ", what));
    };
    uint32_t layer = 0;
    if (!ParseStateName(tensor.name, &layer)) {
      return defect("not part of a tuned state: expected tensors \"blocks.<layer>.att.time_state\" and no others");
    }
    if (layer >= tensors.size() || seen[layer]) {
      return defect(absl::StrCat("expected each layer once, from 0 to ", tensors.size() - 1));
    }
    seen[layer] = true;
    if (FindDtype(tensor.dtype)->block_elements != 1) {
      return defect(absl::StrCat("expected float numbers, found blocks of type ", DtypeName(tensor.dtype)));
    }
    if (tensor.shape.size() != 3 || tensor.shape[1] != tensor.shape[2] || tensor.shape[0] == 0 ||
        tensor.shape[0] > UINT32_MAX || tensor.shape[1] == 0 || tensor.shape[1] > UINT32_MAX) {
      return defect("expected [heads, head_size, head_size]");
    }
    if (shape.num_layers == 0) {
      shape = {static_cast<uint32_t>(tensors.size()), static_cast<uint32_t>(tensor.shape[0]),
               static_cast<uint32_t>(tensor.shape[1])};
    } else if (tensor.shape[0] != shape.num_heads || tensor.shape[1] != shape.head_size) {
      return defect(absl::StrCat("expected [", shape.num_heads, ", ", shape.head_size, ", ", shape.head_size,
                                 "] as in the other layers"));
    }
  }
  if (tensors.empty()) return absl::InvalidArgumentError("holds no tensors; expected a tuned state");
  return shape;
}

absl::StatusOr<std::vector<float>> ReadTunedState(const Checkpoint& checkpoint, const ModelConfig& config) {
  SKEIN_RETURN_IF_ERROR(CheckHasTunedStates(config));
  SKEIN_ASSIGN_OR_RETURN(const TunedStateShape shape, FindTunedState(checkpoint.tensors()));
  SKEIN_RETURN_IF_ERROR(CheckTunedStateFits(shape, config));
  std::vector<float> state = FreshState(config);
  std::vector<uint8_t> buffer;
  for (size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const CheckpointTensor& tensor = checkpoint.tensors()[i];
    uint32_t layer = 0;
    ParseStateName(tensor.name, &layer);  // succeeds: FindTunedState has checked the name
    SKEIN_ASSIGN_OR_RETURN(const uint8_t* data, checkpoint.Look(i, buffer));
    SKEIN_ASSIGN_OR_RETURN(const std::vector<float> values, ReadHeads(tensor, data));
    PlaceWkv(config, layer, WkvOrder::kValueKey, values.data(), state);
  }
  return state;
}

}  // namespace skein
