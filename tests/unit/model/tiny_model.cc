#include "tests/unit/model/tiny_model.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace skein::testing {
namespace {

constexpr uint64_t kLayers = 2, kC = 8, kF = 12, kV = 5, kH = 2, kN = 4, kRw = 3, kRa = 2, kRv = 1, kRg = 6;

std::vector<float> Transpose(const std::vector<float>& values, uint64_t rows, uint64_t columns) {
  std::vector<float> turned(values.size());
  for (uint64_t r = 0; r < rows; ++r) {
    for (uint64_t c = 0; c < columns; ++c) turned[c * rows + r] = values[r * columns + c];
  }
  return turned;
}

}  // namespace

ModelConfig TinyConfig() {
  ModelConfig config;
  config.num_layers = kLayers;
  config.d_model = config.d_att = kC;
  config.d_ffn = kF;
  config.vocab_size = kV;
  config.num_heads = kH;
  config.head_size = kN;
  config.rank_decay = kRw;
  config.rank_iclr = kRa;
  config.rank_value = kRv;
  config.rank_gate = kRg;
  return config;
}

std::vector<FakeTensor> TinyBlinkDl() {
  std::vector<FakeTensor> tensors;
  int next = 0;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape) {
    uint64_t size = 1;
    for (const uint64_t dim : shape) size *= dim;
    std::vector<float> values(size);
    for (float& value : values) value = static_cast<float>(++next) / 64;
    tensors.push_back({name, SKEIN_DTYPE_F32, std::move(shape), FloatBytes(values), {}, false});
  };
  add("emb.weight", {kV, kC});
  for (uint64_t layer = 0; layer < kLayers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    if (layer == 0) {
      add(block + "ln0.weight", {kC});
      add(block + "ln0.bias", {kC});
    }
    for (const char* name : {"ln1", "ln2", "att.ln_x"}) {
      add(block + name + ".weight", {kC});
      add(block + name + ".bias", {kC});
    }
    for (const char* name : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "k_k", "k_a"}) {
      add(block + "att." + name, {1, 1, kC});
    }
    add(block + "att.w1", {kC, kRw});
    add(block + "att.w2", {kRw, kC});
    add(block + "att.a1", {kC, kRa});
    add(block + "att.a2", {kRa, kC});
    add(block + "att.g1", {kC, kRg});
    add(block + "att.g2", {kRg, kC});
    if (layer > 0) {
      add(block + "att.v0", {1, 1, kC});
      add(block + "att.v1", {kC, kRv});
      add(block + "att.v2", {kRv, kC});
    }
    add(block + "att.r_k", {kH, kN});
    for (const char* name : {"receptance", "key", "value", "output"}) {
      add(block + "att." + name + ".weight", {kC, kC});
    }
    add(block + "ffn.x_k", {1, 1, kC});
    add(block + "ffn.key.weight", {kF, kC});
    add(block + "ffn.value.weight", {kC, kF});
  }
  add("ln_out.weight", {kC});
  add("ln_out.bias", {kC});
  add("head.weight", {kV, kC});
  return tensors;
}

std::vector<FakeTensor> TinyRwkvCpp() {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  for (uint64_t layer = 0; layer < kLayers; ++layer) {
    const std::string att = "blocks." + std::to_string(layer) + ".att.";
    FakeTensor fused = {att + "x_rwkvag", SKEIN_DTYPE_F32, {6, 1, kC}, {}, {}, false};
    for (const char* letter : {"r", "w", "k", "v", "a", "g"}) {
      const std::string name = att + "x_" + letter;
      const FakeTensor& part = Find(tensors, name);
      fused.bytes.insert(fused.bytes.end(), part.bytes.begin(), part.bytes.end());
      Remove(tensors, name);
    }
    tensors.push_back(std::move(fused));
    for (const char* name : {"w1", "w2", "a1", "a2", "v1", "v2", "g1", "g2"}) {
      if (layer == 0 && name[0] == 'v') continue;
      FakeTensor& factor = Find(tensors, att + name);
      factor.bytes = FloatBytes(Transpose(Floats(factor), factor.shape[0], factor.shape[1]));
      std::swap(factor.shape[0], factor.shape[1]);
    }
  }
  return tensors;
}

std::vector<NamedShape> NamesOf(const std::vector<FakeTensor>& tensors) {
  std::vector<NamedShape> names;
  names.reserve(tensors.size());
  for (const FakeTensor& tensor : tensors) names.push_back({tensor.name, tensor.shape});
  return names;
}

FakeTensor& Find(std::vector<FakeTensor>& tensors, const std::string& name) {
  const auto found =
      std::find_if(tensors.begin(), tensors.end(), [&](const FakeTensor& tensor) { return tensor.name == name; });
  if (found == tensors.end()) throw std::out_of_range(name);
  return *found;
}

void Remove(std::vector<FakeTensor>& tensors, const std::string& name) {
  const FakeTensor& tensor = Find(tensors, name);
  tensors.erase(tensors.begin() + (&tensor - tensors.data()));
}

std::vector<float> Floats(const FakeTensor& tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

}  // namespace skein::testing
