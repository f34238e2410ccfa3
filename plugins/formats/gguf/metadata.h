// The keys and values at the start of a GGUF file. Knows the types of values and no key. Leaves out the tensors.
#ifndef SKEIN_PLUGINS_FORMATS_GGUF_METADATA_H_
#define SKEIN_PLUGINS_FORMATS_GGUF_METADATA_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "support/byte_reader.h"

namespace skein::formats {

// Numbers of the types of values, as in the file.
enum class GgufType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

// A value in the file, not converted yet.
struct GgufValue {
  GgufType type = GgufType::kUint8;
  GgufType element_type = GgufType::kUint8;  // kArray
  uint64_t count = 0;                        // kArray: elements
  std::span<const uint8_t> bytes;            // of the scalar; the characters of the string; the elements of the array
};

// The string or number as text: integers and floats in decimal, truth values as "true" and "false". Nothing for an
// array.
std::optional<std::string> GgufText(const GgufValue& value);

// The strings of an array of strings. The array must be one; its bytes were checked when it was read.
std::vector<std::string_view> GgufStrings(const GgufValue& array);

// Borrows the file's bytes. Immutable once read.
class GgufMetadata {
 public:
  using Entry = std::pair<std::string_view, GgufValue>;

  // Reads `count` keys and values from `reader`. Throws plugin::Error: DATA_LOSS if they are cut off, if a type is
  // unknown or if a key comes twice; UNIMPLEMENTED for arrays within arrays within arrays; RESOURCE_EXHAUSTED for more
  // keys than any model has.
  GgufMetadata(plugin::ByteReader* reader, uint64_t count);

  // In the order of the file.
  std::span<const Entry> entries() const { return entries_; }

  // NULL if there is no such key.
  const GgufValue* Find(std::string_view key) const;

  // The values of keys that must have a certain type if they are there. Throws DATA_LOSS if one has another.
  std::optional<std::string> FindString(std::string_view key) const;
  std::optional<uint64_t> FindUnsigned(std::string_view key) const;   // any integer type, not negative
  std::optional<std::string> FindNumber(std::string_view key) const;  // any integer or float type, as text
  const GgufValue* FindArray(std::string_view key, GgufType element_type) const;

 private:
  std::vector<Entry> entries_;
  std::unordered_map<std::string_view, size_t> by_key_;
};

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_GGUF_METADATA_H_
