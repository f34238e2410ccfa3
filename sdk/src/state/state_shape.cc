#include "state/state_shape.h"

namespace skein {
namespace {

StatePart MakePart(const char* name, std::vector<uint64_t> shape) {
  uint64_t num_floats = 1;
  for (const uint64_t dim : shape) num_floats *= dim;
  return {name, std::move(shape), num_floats};
}

}  // namespace

std::vector<StatePart> StateShape::Parts() const {
  std::vector<StatePart> parts = {MakePart("att_shift", {d_model}), MakePart("ffn_shift", {d_model})};
  if (generation == 4) {
    for (const char* name : {"aa", "bb", "pp"}) parts.push_back(MakePart(name, {d_att}));
  } else {
    parts.push_back(MakePart("wkv", {num_heads, head_size, head_size}));
  }
  return parts;
}

uint64_t StateShape::NumFloats() const {
  uint64_t of_a_layer = 0;
  for (const StatePart& part : Parts()) of_a_layer += part.num_floats;
  return num_layers * of_a_layer;
}

}  // namespace skein
