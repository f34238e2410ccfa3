#include "model/tuned_state.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

std::string ShapeWords(const TunedStateShape& shape) {
  return absl::StrCat(shape.num_layers, " layers with ", shape.num_heads, " heads of size ", shape.head_size);
}

}  // namespace

absl::Status CheckHasTunedStates(const ModelConfig& config) {
  const bool has_states = config.generation >= 6 || (config.generation == 5 && config.variant == 2);
  if (has_states) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a tuned state: ", config.VersionName(), " models have none; RWKV-5.2, 6 and 7 do"));
}

absl::Status CheckTunedStateFits(const TunedStateShape& shape, const ModelConfig& config) {
  const TunedStateShape expected = {config.num_layers, config.num_heads, config.head_size};
  if (shape.num_layers == expected.num_layers && shape.num_heads == expected.num_heads &&
      shape.head_size == expected.head_size) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a tuned state of ", ShapeWords(shape), "; expected ", ShapeWords(expected), " as the model has"));
}

}  // namespace skein
