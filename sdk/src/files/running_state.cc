#include "files/running_state.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/naming/stored_part.h"
#include "model/tensor.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

constexpr size_t kTensorsOfLayer4 = 5;
constexpr size_t kTensorsOfLayer = 3;

// A tensor of a layer, and its place in the layer's part of the canonical state.
struct StateTensor {
  const char* name;
  std::vector<uint64_t> shape;
  uint64_t offset = 0;
};

std::vector<StateTensor> TensorsOfLayer(const ModelConfig& config) {
  const LayerState at = LayerStateAt(config, 0);
  const uint64_t c = config.d_model;
  const uint64_t a = config.d_att;
  const StateTensor att_shift = {"att_shift", {c}, at.time_shift};
  const StateTensor ffn_shift = {"ffn_shift", {c}, at.channel_shift};
  if (config.generation == 4) {
    return {att_shift, {"aa", {a}, at.wkv}, {"bb", {a}, at.wkv + a}, {"pp", {a}, at.wkv + 2 * a}, ffn_shift};
  }
  return {att_shift, {"wkv", {config.num_heads, config.head_size, config.head_size}, at.wkv}, ffn_shift};
}

std::vector<uint64_t> Squeezed(const std::vector<uint64_t>& shape, size_t num_dims) {
  std::vector<uint64_t> sizes;
  for (const size_t d : SqueezedDims(shape, num_dims)) sizes.push_back(shape[d]);
  return sizes;
}

absl::Status CheckCount(uint64_t found, uint64_t of_layer, const ModelConfig& config) {
  if (found == of_layer * config.num_layers) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a list of ", found, " tensors; expected ", of_layer,
                                                 " for each of the ", config.num_layers, " layers, as a state of ",
                                                 config.VersionName(), " has in the rwkv package"));
}

}  // namespace

bool IsTensorList(absl::Span<const CheckpointTensor> tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].name != absl::StrCat(i)) return false;
  }
  return !tensors.empty();
}

std::optional<RunningStateShape> FindRunningState(absl::Span<const CheckpointTensor> tensors) {
  if (!IsTensorList(tensors)) return std::nullopt;
  RunningStateShape shape;
  const bool has_matrices = tensors.size() >= kTensorsOfLayer && tensors[1].shape.size() == 3;
  const size_t of_layer = has_matrices ? kTensorsOfLayer : kTensorsOfLayer4;
  if (tensors.size() % of_layer != 0 || tensors[0].shape.size() != 1) return std::nullopt;
  shape.num_layers = tensors.size() / of_layer;
  shape.d_model = tensors[0].shape[0];
  if (has_matrices) {
    shape.num_heads = tensors[1].shape[0];
    shape.head_size = tensors[1].shape[1];
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    const bool is_matrix = has_matrices && i % of_layer == 1;
    if (tensors[i].shape.size() != (is_matrix ? 3u : 1u)) return std::nullopt;
  }
  return shape;
}

absl::StatusOr<std::vector<float>> ReadRunningState(const Checkpoint& checkpoint, const ModelConfig& config) {
  const std::vector<StateTensor> of_layer = TensorsOfLayer(config);
  const absl::Span<const CheckpointTensor> tensors = checkpoint.tensors();
  SKEIN_RETURN_IF_ERROR(CheckCount(tensors.size(), of_layer.size(), config));
  std::vector<float> state(StateFloats(config));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const StateTensor& expected = of_layer[i % of_layer.size()];
    const uint64_t layer = i / of_layer.size();
    if (Squeezed(tensors[i].shape, expected.shape.size()) != expected.shape) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", i, " of the list ", ShapeText(tensors[i].shape),
                                                     ": expected ", ShapeText(expected.shape), ", the ", expected.name,
                                                     " of layer ", layer));
    }
    uint64_t size = 0;
    NumElements(expected.shape, &size);  // fits: the tensor is there
    SKEIN_RETURN_IF_ERROR(ReadPart(checkpoint, i, {Stored::kReshaped, 0, 1}, {size},
                                   &state[layer * LayerStateFloats(config) + expected.offset]));
  }
  return state;
}

}  // namespace skein
