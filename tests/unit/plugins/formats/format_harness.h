// Reads a checkpoint through the C table of its plugin, as the host does: every tensor and all metadata, so that a
// reader which lets a bad file through shows itself to the sanitizers.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_FORMATS_FORMAT_HARNESS_H_
#define SKEIN_TESTS_UNIT_PLUGINS_FORMATS_FORMAT_HARNESS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kit/checkpoint.h"
#include "kit/format_plugin.h"
#include "skein/plugin.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"

namespace skein::test {

struct ReadBack {
  uint32_t dtype = 0;
  std::vector<uint64_t> shape;
  Bytes packed;  // empty for dtype NONE
};

struct Outcome {
  int32_t status = SKEIN_OK;  // the first failure of open, tensor_info or tensor_read
  std::string message;
  std::map<std::string, ReadBack> tensors;
  std::map<std::string, std::string> metadata;
};

// The float32 values of a tensor.
inline std::vector<float> FloatsOf(const ReadBack& tensor) {
  std::vector<float> values(tensor.packed.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.packed.data(), values.size() * sizeof(float));
  return values;
}

inline Outcome ReadAll(const skein_format_table& format, const Bytes& file, const std::string& path = "checkpoint") {
  // A copy of exactly the size of the file: a read past its end is one past the end of the allocation.
  const std::unique_ptr<uint8_t[]> exact(new uint8_t[file.size()]);
  std::copy(file.begin(), file.end(), exact.get());
  skein_source source{};
  source.struct_size = sizeof(source);
  source.path = path.c_str();
  source.data = exact.get();
  source.size_bytes = file.size();
  EXPECT_LE(format.probe(&source), 100u);

  Outcome outcome;
  skein_message message{};
  void* checkpoint = nullptr;
  const auto failed = [&](int32_t status) {
    if (status == SKEIN_OK) return false;
    outcome.status = status;
    outcome.message = message.text;
    return true;
  };
  if (failed(format.open(nullptr, &source, &checkpoint, &message))) return outcome;
  const std::unique_ptr<void, void (*)(void*)> closer(checkpoint, format.close);
  for (uint64_t i = 0; i < format.tensor_count(checkpoint); ++i) {
    skein_tensor_info info{};
    info.struct_size = sizeof(info);
    if (failed(format.tensor_info(checkpoint, i, &info, &message))) return outcome;
    ReadBack tensor{.dtype = info.dtype, .shape = {info.shape, info.shape + info.num_dims}, .packed = {}};
    if (info.dtype != SKEIN_DTYPE_NONE) {
      const plugin::BlockSize block = plugin::BlockSizeOf(info.dtype);
      tensor.packed.resize(plugin::CountElements(tensor.shape).value() / block.elements * block.bytes);
      if (failed(format.tensor_read(checkpoint, i, tensor.packed.data(), tensor.packed.size(), &message))) {
        return outcome;
      }
    }
    outcome.tensors[info.name] = std::move(tensor);
  }
  for (uint64_t i = 0; i < format.metadata_count(checkpoint); ++i) {
    const char* key = nullptr;
    const char* value = nullptr;
    uint64_t value_bytes = 0;
    if (failed(format.metadata(checkpoint, i, &key, &value, &value_bytes, &message))) return outcome;
    outcome.metadata[key] = std::string(value, value_bytes);
  }
  return outcome;
}

template <typename Format>
Outcome ReadAll(const Bytes& file, const std::string& path = "checkpoint") {
  return ReadAll(plugin::kFormatTable<Format>, file, path);
}

// Calls `check` with the outcome of every proper prefix of `file`, and its length.
template <typename Format, typename Check>
void ForEachTruncation(const Bytes& file, Check check) {
  for (size_t length = 0; length < file.size(); ++length) {
    check(ReadAll<Format>(Bytes(file.begin(), file.begin() + static_cast<ptrdiff_t>(length))), length);
  }
}

// Calls `check` with the outcome of `file` with one bit turned, for each bit, and the byte it is in.
template <typename Format, typename Check>
void ForEachBitFlip(Bytes file, Check check) {
  for (size_t byte = 0; byte < file.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      file[byte] ^= static_cast<uint8_t>(1 << bit);
      check(ReadAll<Format>(file), byte);
      file[byte] ^= static_cast<uint8_t>(1 << bit);
    }
  }
}

// A file of the shared test models, or nothing if SKEIN_TEST_DATA does not say where they are.
inline std::optional<Bytes> SharedFile(const std::string& name) {
  const char* folder = std::getenv("SKEIN_TEST_DATA");
  if (folder == nullptr || *folder == '\0') return std::nullopt;
  std::ifstream in(std::string(folder) + "/" + name, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << name;
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_PLUGINS_FORMATS_FORMAT_HARNESS_H_
