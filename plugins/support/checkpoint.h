// The result of a checkpoint reader: named tensors and metadata that point into the file; and the checks that every
// container needs. Header only. Leaves out the C table (format_plugin.h) and what any name means (libskein's naming
// tables).
#ifndef SKEIN_PLUGINS_SUPPORT_CHECKPOINT_H_
#define SKEIN_PLUGINS_SUPPORT_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "skein/dtype.h"
#include "skein/plugin.h"
#include "skein/status.h"
#include "support/boundary.h"

namespace skein::plugin {

// --- errors of readers. Messages carry no path; format_plugin.h puts it in front. ---

// The file is truncated, corrupt or lies about itself.
[[noreturn]] inline void FailCorrupt(std::string text) { throw Error(SKEIN_DATA_LOSS, std::move(text)); }
// The file is sound, but of a variant that is not read.
[[noreturn]] inline void FailUnsupported(std::string text) { throw Error(SKEIN_UNIMPLEMENTED, std::move(text)); }

// `text` from a file, in quotes and safe to show: at most 120 bytes, anything but printable ASCII as \xNN.
inline std::string Quote(std::string_view text) {
  constexpr size_t kMaxShown = 120;
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      quoted += c;
    } else {
      quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return quoted + (text.size() > kMaxShown ? "...\"" : "\"");
}

// --- element types ---

// A dtype is stored as blocks: `elements` of them in `bytes`. Plain types have one element a block.
struct BlockSize {
  uint64_t elements;
  uint64_t bytes;
};

// The block of one of the dtypes that checkpoints hold; {1, 0} for SKEIN_DTYPE_NONE and any other number.
constexpr BlockSize BlockSizeOf(uint32_t dtype) {
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return {1, 4};
    case SKEIN_DTYPE_F16:
    case SKEIN_DTYPE_BF16:
      return {1, 2};
    case SKEIN_DTYPE_F64:
      return {1, 8};
    case SKEIN_DTYPE_U8:
      return {1, 1};
    case SKEIN_DTYPE_GGML_Q4_0:
      return {32, 18};
    case SKEIN_DTYPE_GGML_Q4_1:
      return {32, 20};
    case SKEIN_DTYPE_GGML_Q5_0:
      return {32, 22};
    case SKEIN_DTYPE_GGML_Q5_1:
      return {32, 24};
    case SKEIN_DTYPE_GGML_Q8_0:
      return {32, 34};
    case SKEIN_DTYPE_GGML_Q4_K:
      return {256, 144};
    case SKEIN_DTYPE_GGML_Q5_K:
      return {256, 176};
    case SKEIN_DTYPE_GGML_Q6_K:
      return {256, 210};
    case SKEIN_DTYPE_GGML_Q2_K:
      return {256, 84};
    case SKEIN_DTYPE_GGML_Q3_K:
      return {256, 110};
    case SKEIN_DTYPE_GGML_IQ4_NL:
      return {32, 18};
    case SKEIN_DTYPE_GGML_IQ4_XS:
      return {256, 136};
    case SKEIN_DTYPE_GGML_MXFP4:
      return {32, 17};
    default:
      return {1, 0};
  }
}

// The names in a reader's table of types that can be weights, for messages: "F32, F16, BF16". A row has `name` and
// `dtype`. Bytes are read, but no host takes them for weights.
template <typename Table>
std::string WeightTypeNames(const Table& table) {
  std::string names;
  for (const auto& type : table) {
    if (type.dtype == SKEIN_DTYPE_NONE || type.dtype == SKEIN_DTYPE_U8) continue;
    names.append(names.empty() ? "" : ", ").append(type.name);
  }
  return names;
}

// --- shapes ---

// a * b, or nothing if it does not fit.
inline std::optional<uint64_t> MultiplyChecked(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

// The number of elements. Nothing if the product of the dimensions does not fit, where zeros count as ones: a shape
// such as [0, 2^63, 2] would overflow in the strides. A scalar has one element.
inline std::optional<uint64_t> CountElements(std::span<const uint64_t> shape) {
  uint64_t product = 1;
  bool empty = false;
  for (const uint64_t dim : shape) {
    if (dim == 0) {
      empty = true;
      continue;
    }
    const std::optional<uint64_t> next = MultiplyChecked(product, dim);
    if (!next) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

// Strides, in elements, of a packed row-major tensor. CountElements(shape) must have a value.
inline std::vector<uint64_t> RowMajorStrides(std::span<const uint64_t> shape) {
  std::vector<uint64_t> strides(shape.size());
  uint64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i] == 0 ? 1 : shape[i];
  }
  return strides;
}

// "[2, 3]", for messages.
inline std::string ShapeText(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

// --- the checkpoint ---

// Bytes of the file for which the container records a CRC-32. Checked before a tensor inside is first read, because
// opening and describing a file reads no tensor data.
struct ChecksummedBytes {
  std::string_view name;  // for messages, inside the file
  std::span<const uint8_t> bytes;
  uint32_t crc32;
};

// Bytes that the file holds in another form, such as deflated. They are made anew whenever a tensor inside is read.
struct EncodedBytes {
  uint64_t size_bytes = 0;  // decoded
  // Writes the decoded bytes, `size_bytes` of them, and compares their checksum. Throws Error. Threads: any.
  std::function<void(uint8_t* destination)> decode;
};

inline constexpr size_t kNoChecksum = std::numeric_limits<size_t>::max();
inline constexpr size_t kNotEncoded = std::numeric_limits<size_t>::max();

// A view of one tensor in the file. Every element reachable by shape and strides lies inside the file, or inside the
// decoded bytes.
struct Tensor {
  std::string name;
  uint32_t dtype = SKEIN_DTYPE_NONE;  // NONE: a type that skein does not read; it is listed, and reading it fails
  std::string stored_type;            // the container's word for the type, for messages
  std::vector<uint64_t> shape;        // PyTorch order, at most SKEIN_MAX_DIMS
  std::vector<uint64_t> strides;      // in elements; row-major for block types
  const uint8_t* data = nullptr;      // element [0, ..., 0]; perhaps unaligned; nullptr if it is encoded
  size_t checksum = kNoChecksum;      // index into Checkpoint::checksums
  size_t encoded = kNotEncoded;       // index into Checkpoint::encoded
  uint64_t encoded_offset = 0;        // in bytes, of element [0, ..., 0]
};

// The directory of a checkpoint file. Borrows the file's bytes. A value; const access from any thread.
struct Checkpoint {
  std::vector<Tensor> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<ChecksummedBytes> checksums;
  std::vector<EncodedBytes> encoded;
  std::string weight_types;  // WeightTypeNames of the reader's table
};

// Collects a checkpoint. Refuses names that are empty, very long, unprintable or given twice, too many dimensions, too
// many tensors, and too much metadata, in whatever container they are. Single thread.
class CheckpointBuilder {
 public:
  // Above any RWKV model (61 layers have some 2,000) and low enough that a hostile directory stays small.
  static constexpr size_t kMaxTensors = 65536;
  // Of tensors and of metadata keys; hosts may refuse longer ones.
  static constexpr size_t kMaxNameBytes = 1024;
  // Above the metadata of any model, a vocabulary of hundreds of thousands of tokens included.
  static constexpr size_t kMaxMetadataKeys = 65536;
  static constexpr size_t kMaxMetadataBytes = size_t{64} << 20;

  // Throws before a reader spends work on a tensor that `Add` would refuse. Printable ASCII covers every checkpoint
  // known, and is safe wherever names are shown later (messages, listings, JSON).
  static void CheckName(std::string_view name) {
    if (name.empty() || name.size() > kMaxNameBytes) {
      FailCorrupt("tensor " + Quote(name) + ": expected a name of 1 to " + std::to_string(kMaxNameBytes) +
                  " bytes, found " + std::to_string(name.size()));
    }
    for (const char c : name) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte >= 0x7f) FailCorrupt("tensor " + Quote(name) + ": expected a name of printable ASCII");
    }
  }

  void Add(Tensor tensor) {
    CheckName(tensor.name);
    if (tensor.shape.size() > SKEIN_MAX_DIMS) {
      FailUnsupported("tensor " + Quote(tensor.name) + ": expected at most " + std::to_string(SKEIN_MAX_DIMS) +
                      " dimensions, found " + std::to_string(tensor.shape.size()));
    }
    if (checkpoint_.tensors.size() == kMaxTensors) {
      throw Error(SKEIN_RESOURCE_EXHAUSTED, "expected at most " + std::to_string(kMaxTensors) + " tensors, found more");
    }
    if (!tensor_names_.insert(tensor.name).second) FailCorrupt("tensor " + Quote(tensor.name) + ": named twice");
    checkpoint_.tensors.push_back(std::move(tensor));
  }

  // Keys reach the host NUL-terminated, so one may not hold a NUL.
  void AddMetadata(std::string key, std::string value) {
    if (key.size() > kMaxNameBytes) {
      FailCorrupt("metadata " + Quote(key) + ": expected a key of at most " + std::to_string(kMaxNameBytes) +
                  " bytes, found " + std::to_string(key.size()));
    }
    if (key.find('\0') != std::string::npos) FailCorrupt("metadata " + Quote(key) + ": the key has a NUL character");
    metadata_bytes_ += key.size() + value.size();
    if (checkpoint_.metadata.size() == kMaxMetadataKeys || metadata_bytes_ > kMaxMetadataBytes) {
      throw Error(SKEIN_RESOURCE_EXHAUSTED, "expected at most " + std::to_string(kMaxMetadataKeys) + " keys and " +
                                                std::to_string(kMaxMetadataBytes) + " bytes of metadata, found more");
    }
    if (!metadata_keys_.insert(key).second) FailCorrupt("metadata " + Quote(key) + ": given twice");
    checkpoint_.metadata.emplace_back(std::move(key), std::move(value));
  }

  // Gives the index for Tensor::checksum.
  size_t AddChecksum(ChecksummedBytes checksummed) {
    checkpoint_.checksums.push_back(checksummed);
    return checkpoint_.checksums.size() - 1;
  }

  // Gives the index for Tensor::encoded.
  size_t AddEncoded(EncodedBytes encoded) {
    checkpoint_.encoded.push_back(std::move(encoded));
    return checkpoint_.encoded.size() - 1;
  }

  size_t num_checksums() const { return checkpoint_.checksums.size(); }
  size_t num_encoded() const { return checkpoint_.encoded.size(); }

  // The tensors so far, for checks across all of them.
  std::span<const Tensor> tensors() const { return checkpoint_.tensors; }

  // The result; the builder is empty afterwards.
  Checkpoint Finish() { return std::exchange(checkpoint_, {}); }

 private:
  Checkpoint checkpoint_;
  std::unordered_set<std::string> tensor_names_;
  std::unordered_set<std::string> metadata_keys_;
  size_t metadata_bytes_ = 0;
};

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_SUPPORT_CHECKPOINT_H_
