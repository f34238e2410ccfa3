// Fills the C table of a format plugin from a reader in C++. Header only. The reader supplies
//   struct Format {
//     static constexpr const char* kExtensions = ".a .b";
//     // As skein_format_table.probe.
//     static uint32_t Probe(std::span<const uint8_t> file, std::string_view path) noexcept;
//     // Throws Error, without the path.
//     static Checkpoint Read(const Source& source);
//   };
// and its plugin.cc answers with &kFormatTable<Format>. Tensors have `data`, but for encoded ones. `tensor_read` is
// offered for all: it packs strided tensors.
#ifndef SKEIN_PLUGINS_SUPPORT_FORMAT_PLUGIN_H_
#define SKEIN_PLUGINS_SUPPORT_FORMAT_PLUGIN_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skein/plugin.h"
#include "support/boundary.h"
#include "support/checkpoint.h"
#include "support/crc32.h"
#include "support/source.h"

namespace skein::plugin {

// The bytes of `tensor` when packed: what tensor_read writes. Its dtype may not be NONE.
inline uint64_t PackedBytes(const Tensor& tensor) {
  const BlockSize block = BlockSizeOf(tensor.dtype);
  uint64_t elements = 1;
  for (const uint64_t dim : tensor.shape) elements *= dim;
  return elements / block.elements * block.bytes;
}

// Copies `tensor`, whose element [0, ..., 0] is at `data`, packed and row-major to `destination`, PackedBytes long.
inline void CopyPacked(const Tensor& tensor, const uint8_t* data, uint8_t* destination) {
  const uint64_t packed_bytes = PackedBytes(tensor);
  if (packed_bytes == 0) return;
  if (tensor.strides == RowMajorStrides(tensor.shape)) {
    std::memcpy(destination, data, packed_bytes);
    return;
  }
  const uint64_t element_bytes = BlockSizeOf(tensor.dtype).bytes;
  const size_t last = tensor.shape.size() - 1;
  const uint64_t row_length = tensor.shape[last];
  const uint64_t num_rows = packed_bytes / element_bytes / row_length;
  std::vector<uint64_t> index(tensor.shape.size(), 0);
  for (uint64_t row = 0; row < num_rows; ++row) {
    uint64_t offset = 0;
    for (size_t dim = 0; dim < last; ++dim) offset += index[dim] * tensor.strides[dim];
    for (uint64_t i = 0; i < row_length; ++i) {
      std::memcpy(destination, data + (offset + i * tensor.strides[last]) * element_bytes, element_bytes);
      destination += element_bytes;
    }
    for (size_t dim = last; dim-- > 0;) {
      if (++index[dim] < tensor.shape[dim]) break;
      index[dim] = 0;
    }
  }
}

// The object behind the `void* checkpoint` of the table. Const access from any thread.
class OpenCheckpoint {
 public:
  OpenCheckpoint(std::string path, Checkpoint content)
      : path_(std::move(path)),
        content_(std::move(content)),
        checksum_seen_(std::make_unique<std::atomic<bool>[]>(content_.checksums.size())) {}

  const Checkpoint& content() const { return content_; }

  // Throws OUT_OF_RANGE for an index past the end.
  const Tensor& tensor(uint64_t index) const {
    if (index >= content_.tensors.size()) FailIndex("tensor", index, content_.tensors.size());
    return content_.tensors[index];
  }

  // Throws DATA_LOSS if the bytes behind the tensor fail their checksum. Reads them once; those of encoded tensors are
  // checked whenever they are decoded.
  void Check(uint64_t index) const {
    const Tensor& wanted = tensor(index);
    if (wanted.checksum != kNoChecksum) CheckBytes(wanted);
  }

  const std::pair<std::string, std::string>& metadata(uint64_t index) const {
    if (index >= content_.metadata.size()) FailIndex("metadata", index, content_.metadata.size());
    return content_.metadata[index];
  }

  // Throws UNIMPLEMENTED if the type of the tensor is not read, INVALID_ARGUMENT if `size_bytes` is not its packed
  // size, DATA_LOSS if its bytes fail their checksum.
  void Read(uint64_t index, uint8_t* destination, uint64_t size_bytes) const {
    const Tensor& wanted = tensor(index);
    if (wanted.dtype == SKEIN_DTYPE_NONE) {
      Fail(SKEIN_UNIMPLEMENTED, "tensor " + Quote(wanted.name) + ": type " + wanted.stored_type +
                                    " is not read; expected " + content_.weight_types);
    }
    if (size_bytes != PackedBytes(wanted)) {
      Fail(SKEIN_INVALID_ARGUMENT, "tensor " + Quote(wanted.name) + ": expected a destination of " +
                                       std::to_string(PackedBytes(wanted)) + " bytes, found " +
                                       std::to_string(size_bytes));
    }
    if (wanted.encoded != kNotEncoded) return ReadEncoded(wanted, destination);
    Check(index);
    CopyPacked(wanted, wanted.data, destination);
  }

 private:
  // The decoded bytes may be many times those of the file, so they are not kept.
  void ReadEncoded(const Tensor& wanted, uint8_t* destination) const {
    if (PackedBytes(wanted) == 0) return;
    const EncodedBytes& encoded = content_.encoded[wanted.encoded];
    try {
      if (PackedBytes(wanted) == encoded.size_bytes && wanted.strides == RowMajorStrides(wanted.shape)) {
        return encoded.decode(destination);
      }
      const std::unique_ptr<uint8_t[]> decoded(new uint8_t[encoded.size_bytes]);
      encoded.decode(decoded.get());
      CopyPacked(wanted, decoded.get() + wanted.encoded_offset, destination);
    } catch (const Error& error) {
      Fail(error.code(), "tensor " + Quote(wanted.name) + ": " + error.what());
    }
  }

  [[noreturn]] void Fail(int32_t code, const std::string& text) const { throw Error(code, path_ + ": " + text); }

  [[noreturn]] void FailIndex(const char* what, uint64_t index, size_t count) const {
    Fail(SKEIN_OUT_OF_RANGE,
         std::string(what) + " " + std::to_string(index) + ": expected an index below " + std::to_string(count));
  }

  // Computed once for each run of bytes. Threads that meet here early all compute it, which is harmless.
  void CheckBytes(const Tensor& tensor) const {
    std::atomic<bool>& seen = checksum_seen_[tensor.checksum];
    if (seen.load(std::memory_order_relaxed)) return;
    const ChecksummedBytes& expected = content_.checksums[tensor.checksum];
    const uint32_t found = Crc32(expected.bytes);
    if (found != expected.crc32) {
      Fail(SKEIN_DATA_LOSS, "tensor " + Quote(tensor.name) + ": " + Quote(expected.name) + ": expected CRC-32 " +
                                std::to_string(expected.crc32) + ", found " + std::to_string(found));
    }
    seen.store(true, std::memory_order_relaxed);
  }

  const std::string path_;
  const Checkpoint content_;
  const std::unique_ptr<std::atomic<bool>[]> checksum_seen_;  // one per content_.checksums
};

// The functions of the table. Everything thrown stops here.
template <typename Format>
struct FormatFunctions {
  static uint32_t Probe(const skein_source* source) {
    return Format::Probe(Source(source).bytes(), Source(source).path());
  }

  static int32_t Open(const skein_host* /*host*/, const skein_source* source, void** checkpoint,
                      skein_message* message) {
    return Guard(message, [&] {
      *checkpoint = nullptr;
      try {
        *checkpoint = new OpenCheckpoint(source->path, Format::Read(Source(source)));
      } catch (const Error& error) {
        const std::string start = std::string(source->path) + ": ";
        const std::string text = error.what();
        // An error of the host about a file beside this one may begin with this path already.
        throw Error(error.code(), text.starts_with(start) ? text : start + text);
      }
    });
  }

  static void Close(void* checkpoint) { delete static_cast<OpenCheckpoint*>(checkpoint); }

  static uint64_t TensorCount(void* checkpoint) { return Opened(checkpoint).content().tensors.size(); }

  static int32_t TensorInfo(void* checkpoint, uint64_t index, skein_tensor_info* info, skein_message* message) {
    return Guard(message, [&] {
      if (!SKEIN_HAS_FIELD(skein_tensor_info, info, data)) {
        throw Error(SKEIN_INVALID_ARGUMENT,
                    "skein_tensor_info: struct_size " + std::to_string(info->struct_size) + " ends before `data`");
      }
      const Tensor& tensor = Opened(checkpoint).tensor(index);
      info->dtype = tensor.dtype;
      info->name = tensor.name.c_str();
      info->num_dims = static_cast<uint32_t>(tensor.shape.size());
      info->reserved = 0;
      std::fill(std::begin(info->shape), std::end(info->shape), 0);
      std::fill(std::begin(info->strides), std::end(info->strides), 0);
      std::copy(tensor.shape.begin(), tensor.shape.end(), info->shape);
      std::copy(tensor.strides.begin(), tensor.strides.end(), info->strides);
      info->data = tensor.dtype == SKEIN_DTYPE_NONE ? nullptr : tensor.data;
    });
  }

  static int32_t TensorRead(void* checkpoint, uint64_t index, void* destination, uint64_t size_bytes,
                            skein_message* message) {
    return Guard(message, [&] { Opened(checkpoint).Read(index, static_cast<uint8_t*>(destination), size_bytes); });
  }

  static int32_t TensorCheck(void* checkpoint, uint64_t index, skein_message* message) {
    return Guard(message, [&] { Opened(checkpoint).Check(index); });
  }

  static uint64_t MetadataCount(void* checkpoint) { return Opened(checkpoint).content().metadata.size(); }

  static int32_t Metadata(void* checkpoint, uint64_t index, const char** key, const char** value, uint64_t* value_bytes,
                          skein_message* message) {
    return Guard(message, [&] {
      const auto& [found_key, found_value] = Opened(checkpoint).metadata(index);
      *key = found_key.c_str();
      *value = found_value.c_str();
      *value_bytes = found_value.size();
    });
  }

 private:
  static const OpenCheckpoint& Opened(void* checkpoint) { return *static_cast<const OpenCheckpoint*>(checkpoint); }
};

template <typename Format>
inline constexpr skein_format_table kFormatTable = {
    .struct_size = sizeof(skein_format_table),
    .reserved = 0,
    .extensions = Format::kExtensions,
    .probe = &FormatFunctions<Format>::Probe,
    .open = &FormatFunctions<Format>::Open,
    .close = &FormatFunctions<Format>::Close,
    .tensor_count = &FormatFunctions<Format>::TensorCount,
    .tensor_info = &FormatFunctions<Format>::TensorInfo,
    .tensor_read = &FormatFunctions<Format>::TensorRead,
    .metadata_count = &FormatFunctions<Format>::MetadataCount,
    .metadata = &FormatFunctions<Format>::Metadata,
    .tensor_check = &FormatFunctions<Format>::TensorCheck,
};

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_SUPPORT_FORMAT_PLUGIN_H_
