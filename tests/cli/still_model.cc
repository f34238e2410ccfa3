#include "tests/cli/still_model.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "tests/unit/plugins/formats/checkpoint_writer.h"

namespace skein {
namespace {

constexpr uint32_t kWidth = kStillModelWidth;
constexpr uint32_t kFfnWidth = 64;
constexpr uint32_t kRank = 8;
constexpr uint32_t kNumLayers = 2;

class Tensors {
 public:
  // `value` gives the element at an index of the flat tensor.
  void Add(const std::string& name, const std::vector<uint32_t>& shape, const std::function<float(uint32_t)>& value) {
    uint32_t size = 1;
    for (const uint32_t length : shape) size *= length;
    StillTensor tensor = {name, shape, {}};
    for (uint32_t i = 0; i < size; ++i) tensor.values.push_back(value(i));
    tensors_.push_back(std::move(tensor));
  }
  void AddZeros(const std::string& name, const std::vector<uint32_t>& shape) {
    Add(name, shape, [](uint32_t) { return 0.0f; });
  }
  void AddNorm(const std::string& name, float bias = 0.0f) {
    Add(name + ".weight", {kWidth}, [](uint32_t) { return 1.0f; });
    Add(name + ".bias", {kWidth}, [bias](uint32_t) { return bias; });
  }

  std::vector<StillTensor> Take() { return std::move(tensors_); }

 private:
  std::vector<StillTensor> tensors_;
};

std::string Text(const test::Bytes& bytes) { return {bytes.begin(), bytes.end()}; }

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// llama.cpp's name for a tensor of the author's; "" for the mixes, which it has in one tensor.
std::string GgufName(std::string name) {
  if (name.find(".att.x_") != std::string::npos) return "";
  const std::vector<std::pair<std::string, std::string>> parts = {{"blocks.0.ln0", "token_embd_norm"},
                                                                  {"emb.weight", "token_embd.weight"},
                                                                  {"head.weight", "output.weight"},
                                                                  {"ln_out", "output_norm"},
                                                                  {"blocks.", "blk."},
                                                                  {"ln1", "attn_norm"},
                                                                  {"ln2", "attn_norm_2"},
                                                                  {"att.ln_x", "time_mix_ln"},
                                                                  {"att.", "time_mix_"},
                                                                  {"ffn.x_k", "channel_mix_lerp_k"},
                                                                  {"ffn.", "channel_mix_"}};
  for (const auto& [ours, theirs] : parts) {
    const size_t at = name.find(ours);
    if (at != std::string::npos) name.replace(at, ours.size(), theirs);
  }
  return EndsWith(name, ".weight") || EndsWith(name, ".bias") ? name : name + ".weight";
}

// Dimensions in the order of the file, fastest first, and none of 1. Low-rank factors lie turned in it; all of them are
// zeros here, so that their values need no change.
std::vector<uint64_t> GgufShape(const StillTensor& tensor) {
  std::vector<uint64_t> shape;
  for (const uint32_t length : tensor.shape) {
    if (length != 1) shape.push_back(length);
  }
  const bool is_factor = shape.size() == 2 && !EndsWith(tensor.name, ".weight");
  if (!is_factor) std::reverse(shape.begin(), shape.end());
  return shape;
}

}  // namespace

std::vector<StillTensor> StillModel(uint32_t vocab_size, const MatrixElement& embedding, const MatrixElement& head) {
  Tensors tensors;
  const auto by_place = [](const MatrixElement& element) {
    return [&element](uint32_t i) { return element(i / kWidth, i % kWidth); };
  };
  tensors.Add("emb.weight", {vocab_size, kWidth}, by_place(embedding));
  tensors.Add("head.weight", {vocab_size, kWidth}, by_place(head));
  // Normalised, a vector with one 1 in 64 is -1 / sqrt(63) elsewhere, which the bias takes back to 0.
  tensors.AddNorm("ln_out", 1 / std::sqrt(63.0f));
  tensors.AddNorm("blocks.0.ln0");
  for (uint32_t layer = 0; layer < kNumLayers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    for (const char* norm : {"ln1", "ln2", "att.ln_x"}) tensors.AddNorm(block + norm);
    for (const char* vector : {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "k_k", "k_a"}) {
      tensors.AddZeros(block + "att." + vector, {1, 1, kWidth});
    }
    tensors.AddZeros(block + "att.r_k", {1, kWidth});
    std::vector<std::string> factors = {"w", "a", "g"};
    if (layer > 0) {
      factors.emplace_back("v");
      tensors.AddZeros(block + "att.v0", {1, 1, kWidth});
    }
    for (const std::string& factor : factors) {
      const std::string name = "att." + factor;
      tensors.AddZeros(block + name + "1", {kWidth, kRank});
      tensors.AddZeros(block + name + "2", {kRank, kWidth});
    }
    for (const char* matrix : {"receptance", "key", "value", "output"}) {
      tensors.AddZeros(block + "att." + matrix + ".weight", {kWidth, kWidth});
    }
    tensors.AddZeros(block + "ffn.x_k", {1, 1, kWidth});
    tensors.AddZeros(block + "ffn.key.weight", {kFfnWidth, kWidth});
    tensors.AddZeros(block + "ffn.value.weight", {kWidth, kFfnWidth});
  }
  return tensors.Take();
}

std::string AsSafetensors(const std::vector<StillTensor>& tensors) {
  test::SafetensorsWriter writer;
  for (const StillTensor& tensor : tensors) {
    writer.Add(tensor.name, "F32", nlohmann::json(tensor.shape).dump(), test::Floats(tensor.values));
  }
  return Text(writer.Finish());
}

std::string AsPth(const std::vector<StillTensor>& tensors) {
  test::PickleWriter pickle;
  std::vector<test::Bytes> storages;
  pickle.Raw("}");
  for (const StillTensor& tensor : tensors) {
    std::vector<int64_t> shape(tensor.shape.begin(), tensor.shape.end());
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    const auto num_elements = static_cast<int64_t>(tensor.values.size());
    pickle.Text(tensor.name)
        .Tensor("FloatStorage", std::to_string(storages.size()), num_elements, 0, shape, strides)
        .Raw("s");
    storages.push_back(test::Floats(tensor.values));
  }
  return Text(test::PthFile(pickle.Finish(), storages));
}

std::string AsGguf(const std::vector<StillTensor>& tensors,
                   const std::vector<std::pair<std::string, std::string>>& texts) {
  test::GgufWriter writer;
  writer.Text("general.architecture", "rwkv7").Uint32("rwkv7.wkv.head_size", kWidth);
  for (const auto& [key, value] : texts) writer.Text(key, value);
  for (const StillTensor& tensor : tensors) {
    const std::string name = GgufName(tensor.name);
    if (!name.empty()) writer.Add(name, 0, GgufShape(tensor), test::Floats(tensor.values));
  }
  for (uint32_t layer = 0; layer < kNumLayers; ++layer) {
    writer.Add("blk." + std::to_string(layer) + ".time_mix_lerp_fused.weight", 0, {kWidth, 1, 1, 6},
               test::Floats(std::vector<float>(6 * kWidth)));
  }
  return Text(writer.Finish());
}

}  // namespace skein
