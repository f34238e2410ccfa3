#include "tests/cli/still_model.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace skein {
namespace {

constexpr uint32_t kWidth = kStillModelWidth;
constexpr uint32_t kFfnWidth = 64;
constexpr uint32_t kRank = 8;
constexpr uint32_t kNumLayers = 2;

// Tensors of float32, in the form of a .safetensors file.
class Tensors {
 public:
  // `value` gives the element at an index of the flat tensor.
  void Add(const std::string& name, const std::vector<uint32_t>& shape, const std::function<float(uint32_t)>& value) {
    uint32_t size = 1;
    for (const uint32_t length : shape) size *= length;
    const size_t start = data_.size();
    for (uint32_t i = 0; i < size; ++i) {
      const float element = value(i);
      data_.append(reinterpret_cast<const char*>(&element), sizeof(element));
    }
    header_[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {start, data_.size()}}};
  }
  void AddZeros(const std::string& name, const std::vector<uint32_t>& shape) {
    Add(name, shape, [](uint32_t) { return 0.0f; });
  }
  void AddNorm(const std::string& name, float bias = 0.0f) {
    Add(name + ".weight", {kWidth}, [](uint32_t) { return 1.0f; });
    Add(name + ".bias", {kWidth}, [bias](uint32_t) { return bias; });
  }

  std::string ToFile() const {
    const std::string header = header_.dump();
    const uint64_t size = header.size();
    return std::string(reinterpret_cast<const char*>(&size), sizeof(size)) + header + data_;
  }

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::string data_;
};

}  // namespace

std::string StillModel(uint32_t vocab_size, const MatrixElement& embedding, const MatrixElement& head) {
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
  return tensors.ToFile();
}

}  // namespace skein
