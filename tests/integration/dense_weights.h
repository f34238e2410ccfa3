// The weights of a small model by name, read from and written to .safetensors, and the changes that adapters make to
// them, computed in the plainest loops. Knows nothing of the library.
#ifndef SKEIN_TESTS_INTEGRATION_DENSE_WEIGHTS_H_
#define SKEIN_TESTS_INTEGRATION_DENSE_WEIGHTS_H_

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/host.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"

namespace skein::test {

struct Dense {
  std::vector<uint64_t> shape;
  std::vector<float> values;

  uint64_t rows() const { return shape[0]; }
  uint64_t columns() const { return shape[1]; }
  float& At(uint64_t row, uint64_t column) { return values[row * columns() + column]; }
  float At(uint64_t row, uint64_t column) const { return values[row * columns() + column]; }
};

using Weights = std::map<std::string, Dense>;

// Numbers from -scale to scale, the same on every machine, others for each call with another seed.
inline Dense Random(std::vector<uint64_t> shape, float scale, uint64_t seed) {
  Dense dense = {std::move(shape), {}};
  uint64_t size = 1;
  for (const uint64_t dim : dense.shape) size *= dim;
  uint64_t state = seed * 2654435761u + 12345;
  for (uint64_t i = 0; i < size; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    dense.values.push_back(scale * (static_cast<float>(state >> 40) / static_cast<float>(1 << 23) - 1));
  }
  return dense;
}

inline Dense Transposed(const Dense& in) {
  Dense out = {{in.columns(), in.rows()}, std::vector<float>(in.values.size())};
  for (uint64_t i = 0; i < in.rows(); ++i) {
    for (uint64_t j = 0; j < in.columns(); ++j) out.At(j, i) = in.At(i, j);
  }
  return out;
}

// W += scale B A.
inline void AddProduct(Dense& w, const Dense& a, const Dense& b, double scale) {
  ASSERT_EQ(w.rows(), b.rows());
  ASSERT_EQ(w.columns(), a.columns());
  for (uint64_t i = 0; i < w.rows(); ++i) {
    for (uint64_t j = 0; j < w.columns(); ++j) {
      double sum = 0;
      for (uint64_t k = 0; k < a.rows(); ++k) sum += double{b.At(i, k)} * a.At(k, j);
      w.At(i, j) += static_cast<float>(scale * sum);
    }
  }
}

// Each row gets a length.
inline void SetLengths(Dense& w, const std::vector<float>& lengths) {
  for (uint64_t i = 0; i < w.rows(); ++i) {
    double squares = 0;
    for (uint64_t j = 0; j < w.columns(); ++j) squares += double{w.At(i, j)} * w.At(i, j);
    for (uint64_t j = 0; j < w.columns(); ++j) {
      w.At(i, j) = static_cast<float>(w.At(i, j) * lengths[i] / std::sqrt(squares));
    }
  }
}

// MiSS: the inputs are cut into runs of D's rows, and what a run brings goes through D, whose columns may repeat.
inline void AddShards(Dense& w, const Dense& d) {
  for (uint64_t i = 0; i < w.rows(); ++i) {
    for (uint64_t j = 0; j < w.columns(); ++j) w.At(i, j) += d.At(j % d.rows(), i % d.columns());
  }
}

// "Bat": W in blocks of r by r, each W + W D + D, with the D of its column of blocks, or of its row.
inline void AddBlocks(Dense& w, const Dense& d, bool by_row) {
  const uint64_t r = d.shape[1];
  const Dense before = w;
  for (uint64_t i = 0; i < w.rows(); ++i) {
    for (uint64_t j = 0; j < w.columns(); ++j) {
      const float* block = &d.values[(by_row ? i / r : j / r) * r * r];
      double sum = block[i % r * r + j % r];
      for (uint64_t k = 0; k < r; ++k) sum += double{before.At(i, j / r * r + k)} * block[k * r + j % r];
      w.At(i, j) += static_cast<float>(sum);
    }
  }
}

// --- files ---

inline void WriteBytes(const std::string& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline std::string JsonShape(const std::vector<uint64_t>& shape) { return nlohmann::json(shape).dump(); }

inline std::string WriteSafetensors(const std::string& path, const Weights& weights) {
  SafetensorsWriter writer;
  for (const auto& [name, dense] : weights) writer.Add(name, "F32", JsonShape(dense.shape), Floats(dense.values));
  WriteBytes(path, writer.Finish());
  return path;
}

inline Weights ReadSafetensors(const std::string& path) {
  const std::string file = ReadFile(path);
  uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file.data(), sizeof(header_bytes));
  const auto header = nlohmann::json::parse(file.substr(sizeof(header_bytes), header_bytes));
  Weights weights;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    EXPECT_EQ(entry.at("dtype"), "F32") << name;
    const uint64_t begin = entry.at("data_offsets").at(0);
    const uint64_t end = entry.at("data_offsets").at(1);
    Dense& dense = weights[name];
    dense.shape = entry.at("shape").get<std::vector<uint64_t>>();
    dense.values.resize((end - begin) / sizeof(float));
    std::memcpy(dense.values.data(), file.data() + sizeof(header_bytes) + header_bytes + begin, end - begin);
  }
  return weights;
}

// As torch.save writes a dict of tensors.
inline std::string WritePth(const std::string& path, const Weights& weights) {
  PickleWriter pickle;
  std::vector<Bytes> storages;
  pickle.Raw("}(");
  for (const auto& [name, dense] : weights) {
    const std::vector<int64_t> shape(dense.shape.begin(), dense.shape.end());
    std::vector<int64_t> strides(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    const auto size = static_cast<int64_t>(dense.values.size());
    pickle.Text(name).Tensor("FloatStorage", std::to_string(storages.size()), size, 0, shape, strides);
    storages.push_back(Floats(dense.values));
  }
  WriteBytes(path, PthFile(pickle.Raw("u").Finish(), storages));
  return path;
}

// As convert_lora_to_gguf.py writes an adapter, in F32.
inline std::string WriteGgufAdapter(const std::string& path, const Weights& weights, float alpha) {
  GgufWriter writer;
  writer.Text("general.type", "adapter").Text("general.architecture", "rwkv7");
  writer.Text("adapter.type", "lora").Float32("adapter.lora.alpha", alpha);
  for (const auto& [name, dense] : weights) {
    writer.Add(name, 0, {dense.shape.rbegin(), dense.shape.rend()}, Floats(dense.values));
  }
  WriteBytes(path, writer.Finish());
  return path;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_DENSE_WEIGHTS_H_
