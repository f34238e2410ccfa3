// The peak of memory while loading: no second copy of the model, whatever the container and the types.
//
// The promise is the packed weights, the largest tensor as float32, and 200 MiB. These models are small enough that a
// second copy would hide in that, so the tests allow 32 MiB.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/anonymous_memory.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr uint64_t kLayers = 6, kC = 1024, kF = 4096, kVocab = 1024, kRank = 64, kHeads = 16, kHeadSize = 64;
constexpr uint64_t kLargestFloats = kF * kC;
constexpr uint64_t kSlackBytes = 32 << 20;

struct Shape {
  std::string name;
  std::vector<uint64_t> dims;
};

// The tensors of an RWKV-7 model in BlinkDL's names.
std::vector<Shape> Tensors() {
  std::vector<Shape> tensors = {{"emb.weight", {kVocab, kC}}};
  for (uint64_t layer = 0; layer < kLayers; ++layer) {
    const std::string block = "blocks." + std::to_string(layer) + ".";
    std::vector<std::string> norms = {"ln1", "ln2", "att.ln_x"};
    if (layer == 0) norms.emplace_back("ln0");
    for (const std::string& norm : norms) {
      tensors.push_back({block + norm + ".weight", {kC}});
      tensors.push_back({block + norm + ".bias", {kC}});
    }
    for (const char* vector : {"att.x_r", "att.x_w", "att.x_k", "att.x_v", "att.x_a", "att.x_g", "att.w0", "att.a0",
                               "att.v0", "att.k_k", "att.k_a", "ffn.x_k"}) {
      tensors.push_back({block + vector, {1, 1, kC}});
    }
    for (const char* factor : {"w", "a", "v", "g"}) {
      tensors.push_back({block + "att." + factor + "1", {kC, kRank}});
      tensors.push_back({block + "att." + factor + "2", {kRank, kC}});
    }
    tensors.push_back({block + "att.r_k", {kHeads, kHeadSize}});
    for (const char* matrix : {"receptance", "key", "value", "output"}) {
      tensors.push_back({block + "att." + matrix + ".weight", {kC, kC}});
    }
    tensors.push_back({block + "ffn.key.weight", {kF, kC}});
    tensors.push_back({block + "ffn.value.weight", {kC, kF}});
  }
  for (const char* name : {"ln_out.weight", "ln_out.bias"}) tensors.push_back({name, {kC}});
  tensors.push_back({"head.weight", {kVocab, kC}});
  return tensors;
}

uint64_t NumElements(const Shape& tensor) {
  uint64_t count = 1;
  for (const uint64_t dim : tensor.dims) count *= dim;
  return count;
}

// An element type of a file: its name or number there, and one block of it that is repeated for ever.
struct ElementType {
  std::string safetensors;
  int32_t rwkvcpp;
  uint64_t block_elements;
  std::string block;
};
const ElementType kF16 = {"F16", 1, 2, std::string("\x66\x20\x66\xa0", 4)};                  // +-0.0086
const ElementType kF32 = {"F32", 0, 2, std::string("\xcd\xcc\x0c\x3c\xcd\xcc\x0c\xbc", 8)};  // the same
const ElementType kQ80 = {"", 9, 32, std::string("\x00\x14", 2) + std::string(16, '\x07') + std::string(16, '\xf9')};

void WriteElements(std::ofstream& file, uint64_t count, const ElementType& type) {
  std::string piece;
  while (piece.size() < 1 << 16) piece += type.block;
  piece.resize(piece.size() / type.block.size() * type.block.size());
  uint64_t left = count / type.block_elements * type.block.size();
  while (left > 0) {
    const uint64_t size = std::min<uint64_t>(left, piece.size());
    file.write(piece.data(), static_cast<std::streamsize>(size));
    left -= size;
  }
}

void WriteSafetensors(const std::string& path, const ElementType& type) {
  std::string header = "{";
  uint64_t offset = 0;
  for (const Shape& tensor : Tensors()) {
    std::string dims;
    for (const uint64_t dim : tensor.dims) dims.append(dims.empty() ? "" : ",").append(std::to_string(dim));
    const uint64_t end = offset + NumElements(tensor) / type.block_elements * type.block.size();
    header.append(header.size() == 1 ? "\"" : ",\"").append(tensor.name).append(R"(":{"dtype":")");
    header.append(type.safetensors).append(R"(","shape":[)").append(dims).append(R"(],"data_offsets":[)");
    header.append(std::to_string(offset)).append(",").append(std::to_string(end)).append("]}");
    offset = end;
  }
  header += "}";
  std::ofstream file(path, std::ios::binary);
  const uint64_t header_bytes = header.size();
  file.write(reinterpret_cast<const char*>(&header_bytes), sizeof(header_bytes));
  file << header;
  for (const Shape& tensor : Tensors()) WriteElements(file, NumElements(tensor), type);
}

// rwkv.cpp's file: matrices of two large dimensions in `type`, the rest in float32; low-rank factors turned, mixes
// fused.
void WriteRwkvCpp(const std::string& path, const ElementType& type) {
  std::ofstream file(path, std::ios::binary);
  const auto number = [&file](int64_t value) {
    const auto word = static_cast<int32_t>(value);
    file.write(reinterpret_cast<const char*>(&word), sizeof(word));
  };
  for (const int64_t word :
       {int64_t{0x67676d66}, int64_t{101}, int64_t{kVocab}, int64_t{kC}, int64_t{kLayers}, int64_t{type.rwkvcpp}}) {
    number(word);
  }
  const auto write = [&](const std::string& name, std::vector<uint64_t> dims) {
    const Shape tensor = {name, dims};
    const bool large = dims.size() == 2 && std::min(dims[0], dims[1]) >= kC;
    const ElementType& stored = large ? type : kF32;
    number(static_cast<int64_t>(dims.size()));
    number(static_cast<int64_t>(name.size()));
    number(stored.rwkvcpp);
    std::reverse(dims.begin(), dims.end());
    for (const uint64_t dim : dims) number(static_cast<int64_t>(dim));
    file << name;
    WriteElements(file, NumElements(tensor), stored);
  };
  for (Shape& tensor : Tensors()) {
    const size_t mix = tensor.name.find("att.x_");
    if (mix != std::string::npos) {
      if (tensor.name.back() == 'r') write(tensor.name.substr(0, mix) + "att.x_rwkvag", {6, 1, kC});
      continue;
    }
    const bool is_factor = tensor.dims.size() == 2 && std::min(tensor.dims[0], tensor.dims[1]) == kRank;
    if (is_factor) std::swap(tensor.dims[0], tensor.dims[1]);
    write(tensor.name, tensor.dims);
  }
}

struct Case {
  std::string name;
  void (*write)(const std::string& path, const ElementType& type);
  std::string extension;
  ElementType stored;
  std::string type;  // the option
};

class LoadMemoryTest : public ::testing::TestWithParam<Case> {};

TEST_P(LoadMemoryTest, LoadingHoldsNoSecondCopy) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  if (AnonymousBytes() == 0) GTEST_SKIP() << "no /proc/self/status with RssAnon";
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("skein_load_memory_" + std::to_string(getpid()) + GetParam().extension);
  GetParam().write(path.string(), GetParam().stored);
  {
    const OwnedRuntime runtime = MakeRuntime();
    const uint64_t before = AnonymousBytes();  // what a test before this one in the process has left
    PeakSampler sampler;
    // Few streams and tokens, so that activations do not blur the figure.
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"type", GetParam().type}},
                                             {{"max_batch_streams", 1}, {"max_batch_tokens", 16}});
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_model_load(runtime.get(), path.c_str(), options.get(), model.out(), &error), error));
    const uint64_t peak = sampler.Stop();
    if (model.get() != nullptr) {
      const uint64_t packed = InfoOf(model.get()).weights_bytes;
      EXPECT_LE(peak, before + packed + kLargestFloats * sizeof(float) + kSlackBytes)
          << "packed weights " << packed << " bytes; before " << before << "; peak " << peak;
      // Otherwise the limit, which is made of this figure, would mean nothing.
      EXPECT_GE(packed, std::filesystem::file_size(path) / 4);
    }
  }
  std::filesystem::remove(path);
}

// A package whose matrices lie as the device multiplies by them is mapped, and nothing of it copied: loading it once
// more, in this process or another, adds vectors and activations only.
TEST(MappedPackageTest, EveryLoadTakesTheWeightsFromTheFile) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  if (AnonymousBytes() == 0) GTEST_SKIP() << "no /proc/self/status with RssAnon";
  const std::string base =
      (std::filesystem::temp_directory_path() / ("skein_mapped_" + std::to_string(getpid()))).string();
  const std::string checkpoint = base + ".safetensors", package = base + ".skein";
  WriteSafetensors(checkpoint, kF16);
  for (const char* type : {"q8", "bf16", "auto"}) {
    {
      const OwnedRuntime runtime = MakeRuntime();
      const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"type", type}}, {{"overwrite", 1}});
      skein_error error = {};
      ASSERT_TRUE(
          Ok(skein_model_convert(runtime.get(), checkpoint.c_str(), package.c_str(), options.get(), &error), error));
    }
    // Two at once, each with its own runtime, as two processes have.
    OwnedRuntime runtimes[2];
    OwnedModel models[2];
    for (size_t i = 0; i < 2; ++i) {
      runtimes[i] = MakeRuntime();
      const uint64_t before = AnonymousBytes();
      PeakSampler sampler;
      const OwnedOptions options =
          MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}}, {{"max_batch_streams", 1}, {"max_batch_tokens", 16}});
      skein_error error = {};
      ASSERT_TRUE(
          Ok(skein_model_load(runtimes[i].get(), package.c_str(), options.get(), models[i].out(), &error), error));
      const OwnedStream stream = MakeStream(models[i].get());
      AllLogits(models[i].get(), stream.get(), {1, 2, 3});
      const uint64_t peak = sampler.Stop();
      ASSERT_GE(InfoOf(models[i].get()).weights_bytes, uint64_t{64} << 20);
      EXPECT_LE(peak, before + (uint64_t{24} << 20)) << type << ", load " << i << "; before " << before;
    }
  }
  std::filesystem::remove(checkpoint);
  std::filesystem::remove(package);
}

// A model has room for the states of all the streams that it may have: 69 MB here. The states that are not used must
// take no memory.
TEST(StateMemoryTest, StatesTakeNoMemoryBeforeTheyAreUsed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  if (AnonymousBytes() == 0) GTEST_SKIP() << "no /proc/self/status with RssAnon";
  constexpr int64_t kStreams = 512;
  for (const char* device : {"cpu", "reference"}) {
    const OwnedRuntime runtime = MakeRuntime();
    const uint64_t before = AnonymousBytes();
    const OwnedModel model = LoadModel(runtime.get(), DataPath("v7-mixed.pth"), device, "auto", kStreams);
    ASSERT_GE(InfoOf(model.get()).num_state_floats * sizeof(float) * 2 * kStreams, uint64_t{64} << 20);
    EXPECT_LE(AnonymousBytes(), before + (uint64_t{32} << 20)) << device;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, LoadMemoryTest,
                         ::testing::Values(Case{"f16_auto", WriteSafetensors, ".safetensors", kF16, "auto"},
                                           Case{"f32_auto", WriteSafetensors, ".safetensors", kF32, "auto"},
                                           Case{"f32_as_bf16", WriteSafetensors, ".safetensors", kF32, "bf16"},
                                           Case{"f16_turned_and_fused", WriteRwkvCpp, ".bin", kF16, "auto"},
                                           Case{"blocks_to_float32", WriteRwkvCpp, ".bin", kQ80, "auto"}),
                         [](const auto& parameter) { return parameter.param.name; });

}  // namespace
}  // namespace skein::test
