// Writes small checkpoint files of each format in memory, sound or broken on purpose. For tests only. The writers know
// the formats on their own and share no code with the readers, but for the CRC-32, which has a test against known
// values.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_FORMATS_CHECKPOINT_WRITER_H_
#define SKEIN_TESTS_UNIT_PLUGINS_FORMATS_CHECKPOINT_WRITER_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/crc32.h"

namespace skein::test {

using Bytes = std::vector<uint8_t>;

// Adds `value` as little-endian bytes.
template <typename T>
requires std::is_arithmetic_v<T>
void Append(Bytes* bytes, T value) {
  const size_t at = bytes->size();
  bytes->resize(at + sizeof(T));
  std::memcpy(bytes->data() + at, &value, sizeof(T));
}

inline void Append(Bytes* bytes, std::string_view text) {
  for (const char c : text) bytes->push_back(static_cast<uint8_t>(c));
}

inline void Append(Bytes* bytes, const Bytes& more) {
  for (const uint8_t byte : more) bytes->push_back(byte);
}

// The values as little-endian float32.
inline Bytes Floats(const std::vector<float>& values) {
  Bytes bytes;
  for (const float value : values) Append(&bytes, value);
  return bytes;
}

// --- safetensors ---

// A file with this header, true or not, and these bytes behind it.
inline Bytes SafetensorsFile(std::string_view header, const Bytes& data) {
  Bytes file;
  Append(&file, static_cast<uint64_t>(header.size()));
  Append(&file, header);
  Append(&file, data);
  return file;
}

class SafetensorsWriter {
 public:
  // `dtype` and `shape` as the header spells them, such as "F32" and "[2,3]".
  SafetensorsWriter& Add(const std::string& name, const std::string& dtype, const std::string& shape,
                         const Bytes& data) {
    const size_t begin = data_.size();
    Append(&data_, data);
    return AddToHeader("\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":[" +
                       std::to_string(begin) + "," + std::to_string(data_.size()) + "]}");
  }

  // A member of the header object as JSON text.
  SafetensorsWriter& AddToHeader(const std::string& json) {
    header_ += (header_.empty() ? "" : ",") + json;
    return *this;
  }

  Bytes Finish() const { return SafetensorsFile("{" + header_ + "}", data_); }

 private:
  std::string header_;
  Bytes data_;
};

// --- zip ---

struct ZipOptions {
  uint16_t method = 0;
  uint16_t flags = 0;
  bool record_crc32 = true;
  // Of the contents, if the entry holds them in another form.
  std::optional<uint32_t> plain_bytes = {};
  std::optional<uint32_t> crc32 = {};
};

class ZipWriter {
 public:
  ZipWriter& Add(const std::string& name, const Bytes& data, const ZipOptions& options = {}) {
    const uint32_t crc32 = options.record_crc32 ? options.crc32.value_or(plugin::Crc32(data)) : 0;
    const auto local_offset = static_cast<uint32_t>(file_.size());
    Append(&file_, uint32_t{0x04034b50});
    Append(&file_, uint16_t{0});  // version needed
    AppendCommon(&file_, name, data, options, crc32);
    Append(&file_, uint16_t{0});  // extra field
    Append(&file_, name);
    Append(&file_, data);
    return AddToDirectory(name, data, options, crc32, local_offset);
  }

  // A second name for the bytes of the entry whose local header is at `local_offset`.
  ZipWriter& AddToDirectory(const std::string& name, const Bytes& data, const ZipOptions& options, uint32_t crc32,
                            uint32_t local_offset) {
    Append(&directory_, uint32_t{0x02014b50});
    Append(&directory_, uint32_t{0});  // versions
    AppendCommon(&directory_, name, data, options, crc32);
    Append(&directory_, uint16_t{0});  // extra field
    Append(&directory_, uint16_t{0});  // comment
    Append(&directory_, uint16_t{0});  // disk
    Append(&directory_, uint16_t{0});  // internal attributes
    Append(&directory_, uint32_t{0});  // external attributes
    Append(&directory_, local_offset);
    Append(&directory_, name);
    ++num_entries_;
    return *this;
  }

  Bytes Finish() const {
    Bytes file = file_;
    Append(&file, directory_);
    AppendEnd(&file, num_entries_, static_cast<uint32_t>(directory_.size()), static_cast<uint32_t>(file_.size()));
    return file;
  }

  // With the ZIP64 end record and its locator, and nothing but "look there" in the plain end record.
  Bytes FinishZip64() const {
    Bytes file = file_;
    Append(&file, directory_);
    const auto end_offset = static_cast<uint64_t>(file.size());
    Append(&file, uint32_t{0x06064b50});
    Append(&file, uint64_t{44});  // size of what follows
    Append(&file, uint32_t{0});   // versions
    Append(&file, uint32_t{0});   // disk
    Append(&file, uint32_t{0});   // disk of the directory
    Append(&file, static_cast<uint64_t>(num_entries_));
    Append(&file, static_cast<uint64_t>(num_entries_));
    Append(&file, static_cast<uint64_t>(directory_.size()));
    Append(&file, static_cast<uint64_t>(file_.size()));
    Append(&file, uint32_t{0x07064b50});
    Append(&file, uint32_t{0});  // disk of the end record
    Append(&file, end_offset);
    Append(&file, uint32_t{1});  // disks
    AppendEnd(&file, 0xffff, 0xffffffff, 0xffffffff);
    return file;
  }

 private:
  // The fields that local and central headers have in common, flags to name length.
  static void AppendCommon(Bytes* bytes, const std::string& name, const Bytes& data, const ZipOptions& options,
                           uint32_t crc32) {
    Append(bytes, options.flags);
    Append(bytes, options.method);
    Append(bytes, uint32_t{0});  // time
    Append(bytes, crc32);
    Append(bytes, static_cast<uint32_t>(data.size()));
    Append(bytes, options.plain_bytes.value_or(static_cast<uint32_t>(data.size())));
    Append(bytes, static_cast<uint16_t>(name.size()));
  }

  static void AppendEnd(Bytes* file, uint16_t num_entries, uint32_t directory_bytes, uint32_t directory_offset) {
    Append(file, uint32_t{0x06054b50});
    Append(file, uint32_t{0});  // disks
    Append(file, num_entries);
    Append(file, num_entries);
    Append(file, directory_bytes);
    Append(file, directory_offset);
    Append(file, uint16_t{0});  // comment
  }

  Bytes file_;
  Bytes directory_;
  uint16_t num_entries_ = 0;
};

// --- pickle, protocol 2 ---

class PickleWriter {
 public:
  PickleWriter() { Raw("\x80\x02"); }

  PickleWriter& Raw(std::string_view opcodes) {
    Append(&bytes_, opcodes);
    return *this;
  }
  PickleWriter& Text(std::string_view text) {
    Raw("X");
    Append(&bytes_, static_cast<uint32_t>(text.size()));
    return Raw(text);
  }
  PickleWriter& Int(int64_t value) {
    Raw("\x8a\x08");
    Append(&bytes_, value);
    return *this;
  }
  PickleWriter& Global(const std::string& module, const std::string& name) {
    return Raw("c" + module + "\n" + name + "\n");
  }
  PickleWriter& Ints(const std::vector<int64_t>& values) {
    Raw("(");
    for (const int64_t value : values) Int(value);
    return Raw("t");
  }
  PickleWriter& Storage(const std::string& storage_class, const std::string& key, int64_t num_elements) {
    return Raw("(").Text("storage").Global("torch", storage_class).Text(key).Text("cuda:0").Int(num_elements).Raw("tQ");
  }
  // A tensor on top of the stack.
  PickleWriter& Tensor(const std::string& storage_class, const std::string& key, int64_t num_elements, int64_t offset,
                       const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
    Global("torch._utils", "_rebuild_tensor_v2").Raw("(").Storage(storage_class, key, num_elements).Int(offset);
    return Ints(shape).Ints(strides).Raw("\x89").Global("collections", "OrderedDict").Raw(")RtR");
  }

  // The opcodes that were written, without the start of a pickle.
  std::string opcodes() const { return {bytes_.begin() + 2, bytes_.end()}; }

  // Ends the pickle.
  Bytes Finish() { return std::move(Raw(".").bytes_); }

 private:
  Bytes bytes_;
};

// A checkpoint file "archive" with this pickle and float32 storages "0", "1", ...
inline Bytes PthFile(const Bytes& pickle, const std::vector<Bytes>& storages) {
  ZipWriter zip;
  zip.Add("archive/data.pkl", pickle);
  Bytes little;
  Append(&little, std::string_view("little"));
  zip.Add("archive/byteorder", little);
  for (size_t i = 0; i < storages.size(); ++i) zip.Add("archive/data/" + std::to_string(i), storages[i]);
  return zip.Finish();
}

// --- rwkv.cpp ---

class RwkvCppWriter {
 public:
  explicit RwkvCppWriter(int32_t version = 101, int32_t data_type = 0, int32_t num_layers = 1) {
    Append(&bytes_, uint32_t{0x67676d66});
    for (const int32_t field : {version, int32_t{256}, int32_t{64}, num_layers, data_type}) Append(&bytes_, field);
  }

  // `shape` in the order of the file, fastest dimension first.
  RwkvCppWriter& Add(std::string_view name, int32_t data_type, const std::vector<int32_t>& shape, const Bytes& data) {
    Append(&bytes_, static_cast<int32_t>(shape.size()));
    Append(&bytes_, static_cast<int32_t>(name.size()));
    Append(&bytes_, data_type);
    for (const int32_t dim : shape) Append(&bytes_, dim);
    Append(&bytes_, name);
    Append(&bytes_, data);
    return *this;
  }

  Bytes Finish() const { return bytes_; }

 private:
  Bytes bytes_;
};

// --- GGUF ---

class GgufWriter {
 public:
  explicit GgufWriter(uint32_t version = 3) : version_(version) {}

  GgufWriter& Number(std::string_view key, uint32_t type, const Bytes& value) {
    Key(key, type);
    Append(&keys_, value);
    return *this;
  }
  GgufWriter& Uint32(std::string_view key, uint32_t value) {
    Bytes bytes;
    Append(&bytes, value);
    return Number(key, 4, bytes);
  }
  GgufWriter& Float32(std::string_view key, float value) { return Number(key, 6, Floats({value})); }
  GgufWriter& Text(std::string_view key, std::string_view value) {
    Key(key, 8);
    AppendString(&keys_, value);
    return *this;
  }
  GgufWriter& Texts(std::string_view key, const std::vector<std::string>& values) {
    Array(key, 8, values.size(), {});
    for (const std::string& value : values) AppendString(&keys_, value);
    return *this;
  }
  GgufWriter& Int32s(std::string_view key, const std::vector<int32_t>& values) {
    Bytes bytes;
    for (const int32_t value : values) Append(&bytes, value);
    return Array(key, 5, values.size(), bytes);
  }
  // `count` as the file says, whatever the bytes hold.
  GgufWriter& Array(std::string_view key, uint32_t element_type, uint64_t count, const Bytes& elements) {
    Key(key, 9);
    Append(&keys_, element_type);
    Append(&keys_, count);
    Append(&keys_, elements);
    return *this;
  }

  // `shape` in the order of the file, fastest dimension first. `offset` is the place that the header gives for the
  // data, if that is not the true one.
  GgufWriter& Add(std::string_view name, uint32_t type, const std::vector<uint64_t>& shape, const Bytes& data,
                  int64_t offset = -1) {
    AppendString(&tensors_, name);
    Append(&tensors_, static_cast<uint32_t>(shape.size()));
    for (const uint64_t dim : shape) Append(&tensors_, dim);
    Append(&tensors_, type);
    Append(&tensors_, offset < 0 ? static_cast<uint64_t>(data_.size()) : static_cast<uint64_t>(offset));
    Append(&data_, data);
    data_.resize((data_.size() + alignment_ - 1) / alignment_ * alignment_);
    ++num_tensors_;
    return *this;
  }

  // For tensors added afterwards, and for the start of the data.
  GgufWriter& Alignment(uint32_t alignment) {
    alignment_ = alignment;
    return Uint32("general.alignment", alignment);
  }

  Bytes Finish() const {
    Bytes file;
    Append(&file, std::string_view("GGUF"));
    Append(&file, version_);
    Append(&file, num_tensors_);
    Append(&file, num_keys_);
    Append(&file, keys_);
    Append(&file, tensors_);
    if (!data_.empty()) file.resize((file.size() + alignment_ - 1) / alignment_ * alignment_);
    Append(&file, data_);
    return file;
  }

 private:
  static void AppendString(Bytes* bytes, std::string_view text) {
    Append(bytes, static_cast<uint64_t>(text.size()));
    Append(bytes, text);
  }

  void Key(std::string_view key, uint32_t type) {
    AppendString(&keys_, key);
    Append(&keys_, type);
    ++num_keys_;
  }

  uint32_t version_;
  uint32_t alignment_ = 32;
  uint64_t num_keys_ = 0;
  uint64_t num_tensors_ = 0;
  Bytes keys_;
  Bytes tensors_;
  Bytes data_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_PLUGINS_FORMATS_CHECKPOINT_WRITER_H_
