// Reads all of a checkpoint through the C table of its format, as the host does. It checks the plugin's promises about
// the results, so a fuzzer finds a broken promise as it finds a crash. For fuzzers only.
#ifndef SKEIN_TESTS_FUZZ_FORMAT_FUZZER_H_
#define SKEIN_TESTS_FUZZ_FORMAT_FUZZER_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "skein/plugin.h"
#include "support/checkpoint.h"
#include "support/format_plugin.h"

namespace skein::fuzz {

inline void Require(bool promise) {
  if (!promise) std::abort();
}

// A file whose sibling of any name is `sibling`.
class FuzzedSource {
 public:
  FuzzedSource(std::span<const uint8_t> file, const char* path, std::span<const uint8_t> sibling)
      : file_(MakeSource(file, path)), sibling_(MakeSource(sibling, "sibling")) {
    file_.context = this;
    file_.open_sibling = OpenSibling;
  }
  FuzzedSource(const FuzzedSource&) = delete;
  FuzzedSource& operator=(const FuzzedSource&) = delete;

  const skein_source& file() const { return file_; }

  // True if [data, data + size) lies in one of the files.
  bool Contains(const void* data, uint64_t size) const { return IsIn(file_, data, size) || IsIn(sibling_, data, size); }

 private:
  static skein_source MakeSource(std::span<const uint8_t> bytes, const char* path) {
    skein_source source{};
    source.struct_size = sizeof(source);
    source.path = path;
    source.data = bytes.data();
    source.size_bytes = bytes.size();
    return source;
  }

  static int32_t OpenSibling(void* context, const char* name, const skein_source** sibling, skein_message* message) {
    if (std::string_view(name).find('/') != std::string_view::npos) {
      plugin::WriteMessage(message, "expected a plain file name");
      return SKEIN_INVALID_ARGUMENT;
    }
    *sibling = &static_cast<FuzzedSource*>(context)->sibling_;
    return SKEIN_OK;
  }

  static bool IsIn(const skein_source& source, const void* data, uint64_t size) {
    const auto begin = reinterpret_cast<uintptr_t>(source.data);
    const auto at = reinterpret_cast<uintptr_t>(data);
    return at >= begin && size <= source.size_bytes && at - begin <= source.size_bytes - size;
  }

  skein_source file_;
  skein_source sibling_;
};

inline void ReadTensors(const skein_format_table& format, void* checkpoint, const FuzzedSource& source) {
  constexpr uint64_t kMaxReadBytes = 1 << 20;  // of one tensor
  skein_message message{};
  for (uint64_t i = 0; i < format.tensor_count(checkpoint); ++i) {
    skein_tensor_info info{};
    info.struct_size = sizeof(info);
    if (format.tensor_info(checkpoint, i, &info, &message) != SKEIN_OK) continue;
    Require(info.num_dims <= SKEIN_MAX_DIMS);
    if (info.dtype == SKEIN_DTYPE_NONE) {
      Require(format.tensor_read(checkpoint, i, nullptr, 0, &message) == SKEIN_UNIMPLEMENTED);
      continue;
    }
    const plugin::BlockSize block = plugin::BlockSizeOf(info.dtype);
    uint64_t elements = 1;
    uint64_t last = 0;
    for (uint32_t dim = 0; dim < info.num_dims; ++dim) {
      Require(!__builtin_mul_overflow(elements, info.shape[dim], &elements));
      if (info.shape[dim] > 0) last += (info.shape[dim] - 1) * info.strides[dim];
    }
    const uint64_t bytes = elements / block.elements * block.bytes;
    const int32_t check = format.tensor_check(checkpoint, i, &message);
    Require(check == SKEIN_OK || check == SKEIN_DATA_LOSS);
    if (elements > 0 && info.data != nullptr) {
      const uint64_t reach = block.elements > 1 ? bytes : (last + 1) * block.bytes;
      Require(source.Contains(info.data, reach));
    }
    std::vector<uint8_t> packed(std::min(bytes, kMaxReadBytes));
    const int32_t status = format.tensor_read(checkpoint, i, packed.data(), packed.size(), &message);
    if (bytes > kMaxReadBytes) {
      Require(status == SKEIN_INVALID_ARGUMENT);
    } else if (info.data == nullptr) {
      Require(status == SKEIN_OK || status == SKEIN_DATA_LOSS);
    } else {
      Require(status == check);
    }
  }
}

// Calls `visit(key, value)` for the metadata.
template <typename Visit>
void ReadMetadata(const skein_format_table& format, void* checkpoint, Visit visit) {
  skein_message message{};
  for (uint64_t i = 0; i < format.metadata_count(checkpoint); ++i) {
    const char* key = nullptr;
    const char* value = nullptr;
    uint64_t value_bytes = 0;
    Require(format.metadata(checkpoint, i, &key, &value, &value_bytes, &message) == SKEIN_OK);
    visit(std::string_view(key), std::string_view(value, value_bytes));
  }
}

// Opens `file`, reads all tensors and all metadata, and closes it. No error may be internal, except a failure to
// allocate.
template <typename Format, typename Visit>
void ReadCheckpoint(std::span<const uint8_t> file, const char* path, std::span<const uint8_t> sibling, Visit visit) {
  const skein_format_table& format = plugin::kFormatTable<Format>;
  const FuzzedSource source(file, path, sibling);
  Require(format.probe(&source.file()) <= 100);
  skein_message message{};
  void* checkpoint = nullptr;
  const int32_t status = format.open(nullptr, &source.file(), &checkpoint, &message);
  if (status != SKEIN_OK) {
    Require(status != SKEIN_INTERNAL && message.text[0] != '\0' && checkpoint == nullptr);
    return;
  }
  const std::unique_ptr<void, void (*)(void*)> closer(checkpoint, format.close);
  ReadTensors(format, checkpoint, source);
  ReadMetadata(format, checkpoint, visit);
}

template <typename Format>
void ReadCheckpoint(std::span<const uint8_t> file, const char* path, std::span<const uint8_t> sibling = {}) {
  ReadCheckpoint<Format>(file, path, sibling, [](std::string_view, std::string_view) {});
}

}  // namespace skein::fuzz

#endif  // SKEIN_TESTS_FUZZ_FORMAT_FUZZER_H_
