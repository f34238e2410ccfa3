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

#include "skein/plugin.h"
#include "support/checkpoint.h"
#include "support/format_plugin.h"
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

// Files in memory, given to plugins as the host gives them.
class MemoryFolder {
 public:
  using Files = std::map<std::string, Bytes>;

  explicit MemoryFolder(const Files& files) {
    for (const auto& [name, bytes] : files) Add(name, bytes);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;

  const skein_source& Add(const std::string& path, const Bytes& bytes) {
    OpenFile& file = files_[path];
    // A copy of exactly the size of the file: a read past its end is one past the end of the allocation.
    file.bytes.reset(new uint8_t[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), file.bytes.get());
    file.source = {};
    file.source.struct_size = sizeof(skein_source);
    file.source.path = files_.find(path)->first.c_str();
    file.source.data = file.bytes.get();
    file.source.size_bytes = bytes.size();
    file.source.context = this;
    file.source.open_sibling = OpenSibling;
    return file.source;
  }

  // The number of times that siblings were asked for.
  int num_opened() const { return num_opened_; }

 private:
  struct OpenFile {
    std::unique_ptr<uint8_t[]> bytes;
    skein_source source;
  };

  static int32_t OpenSibling(void* context, const char* name, const skein_source** sibling, skein_message* message) {
    auto& folder = *static_cast<MemoryFolder*>(context);
    ++folder.num_opened_;
    const std::string text = name;
    if (text.empty() || text[0] == '.' || text.find('/') != std::string::npos) {
      plugin::WriteMessage(message, "host: expected a plain file name");
      return SKEIN_INVALID_ARGUMENT;
    }
    const auto found = folder.files_.find(text);
    if (found == folder.files_.end()) {
      plugin::WriteMessage(message, ("host: no file " + text).c_str());
      return SKEIN_NOT_FOUND;
    }
    *sibling = &found->second.source;
    return SKEIN_OK;
  }

  std::map<std::string, OpenFile> files_;
  int num_opened_ = 0;
};

inline Outcome ReadAll(const skein_format_table& format, const skein_source& source) {
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

inline Outcome ReadAll(const skein_format_table& format, const Bytes& file, const std::string& path = "checkpoint",
                       const MemoryFolder::Files& siblings = {}) {
  MemoryFolder folder(siblings);
  return ReadAll(format, folder.Add(path, file));
}

template <typename Format>
Outcome ReadAll(const Bytes& file, const std::string& path = "checkpoint", const MemoryFolder::Files& siblings = {}) {
  return ReadAll(plugin::kFormatTable<Format>, file, path, siblings);
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
