#include "formats/gguf/metadata.h"

#include <array>
#include <charconv>
#include <cstring>

#include "support/checkpoint.h"

namespace skein::formats {
namespace {

using plugin::ByteReader;
using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

constexpr int kMaxArrayDepth = 2;

struct TypeInfo {
  GgufType type;
  std::string_view name;
  uint64_t bytes;  // 0: it varies
};

constexpr TypeInfo kTypes[] = {
    {GgufType::kUint8, "uint8", 1},     {GgufType::kInt8, "int8", 1},     {GgufType::kUint16, "uint16", 2},
    {GgufType::kInt16, "int16", 2},     {GgufType::kUint32, "uint32", 4}, {GgufType::kInt32, "int32", 4},
    {GgufType::kFloat32, "float32", 4}, {GgufType::kBool, "bool", 1},     {GgufType::kString, "string", 0},
    {GgufType::kArray, "array", 0},     {GgufType::kUint64, "uint64", 8}, {GgufType::kInt64, "int64", 8},
    {GgufType::kFloat64, "float64", 8},
};

const TypeInfo& ReadType(ByteReader* reader, std::string_view what) {
  const auto number = reader->Read<uint32_t>(what);
  for (const TypeInfo& info : kTypes) {
    if (static_cast<uint32_t>(info.type) == number) return info;
  }
  FailCorrupt("metadata: before offset " + std::to_string(reader->position()) +
              ": expected a value type of 0 to 12, found " + std::to_string(number));
}

std::string_view TypeName(GgufType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return info.name;
  }
  return "";
}

std::span<const uint8_t> ReadString(ByteReader* reader, std::string_view what) {
  return reader->Take(reader->Read<uint64_t>(what), what);
}

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Elements that vary in size are at least a length each, so the loop is bounded by the bytes that are left.
GgufValue ReadArray(ByteReader* reader, int depth) {
  if (depth > kMaxArrayDepth) {
    FailUnsupported("metadata: before offset " + std::to_string(reader->position()) +
                    ": expected arrays nested no deeper than " + std::to_string(kMaxArrayDepth));
  }
  const TypeInfo& element = ReadType(reader, "array type");
  GgufValue array{.type = GgufType::kArray, .element_type = element.type, .count = 0, .bytes = {}};
  array.count = reader->Read<uint64_t>("array length");
  if (element.bytes != 0) {
    const std::optional<uint64_t> bytes = plugin::MultiplyChecked(array.count, element.bytes);
    array.bytes = reader->Take(bytes.value_or(std::numeric_limits<uint64_t>::max()), "array");
    return array;
  }
  ByteReader start = *reader;
  for (uint64_t i = 0; i < array.count; ++i) {
    if (element.type == GgufType::kString) {
      ReadString(reader, "string in an array");
    } else {
      ReadArray(reader, depth + 1);
    }
  }
  array.bytes = start.Take(reader->position() - start.position(), "array");
  return array;
}

GgufValue ReadValue(ByteReader* reader) {
  const TypeInfo& info = ReadType(reader, "value type");
  switch (info.type) {
    case GgufType::kString:
      return {.type = info.type, .element_type = {}, .count = 0, .bytes = ReadString(reader, "string value")};
    case GgufType::kArray:
      return ReadArray(reader, 1);
    default:
      return {.type = info.type, .element_type = {}, .count = 0, .bytes = reader->Take(info.bytes, info.name)};
  }
}

template <typename T>
T Load(const GgufValue& value) {
  T number;
  std::memcpy(&number, value.bytes.data(), sizeof(number));
  return number;
}

template <typename T>
std::string NumberText(const GgufValue& value) {
  std::array<char, 64> text;  // the shortest form of a double takes at most 24 characters
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), Load<T>(value));
  return {text.data(), end.ptr};
}

bool IsFloat(GgufType type) { return type == GgufType::kFloat32 || type == GgufType::kFloat64; }
bool IsInteger(GgufType type) {
  return !IsFloat(type) && type != GgufType::kBool && type != GgufType::kString && type != GgufType::kArray;
}

[[noreturn]] void FailType(std::string_view key, std::string_view expected, const GgufValue& found) {
  FailCorrupt("metadata " + Quote(key) + ": expected " + std::string(expected) + ", found " +
              std::string(TypeName(found.type)) +
              (found.type == GgufType::kArray ? " of " + std::string(TypeName(found.element_type)) : ""));
}

}  // namespace

std::optional<std::string> GgufText(const GgufValue& value) {
  switch (value.type) {
    case GgufType::kUint8:
      return NumberText<uint8_t>(value);
    case GgufType::kInt8:
      return NumberText<int8_t>(value);
    case GgufType::kUint16:
      return NumberText<uint16_t>(value);
    case GgufType::kInt16:
      return NumberText<int16_t>(value);
    case GgufType::kUint32:
      return NumberText<uint32_t>(value);
    case GgufType::kInt32:
      return NumberText<int32_t>(value);
    case GgufType::kUint64:
      return NumberText<uint64_t>(value);
    case GgufType::kInt64:
      return NumberText<int64_t>(value);
    case GgufType::kFloat32:
      return NumberText<float>(value);
    case GgufType::kFloat64:
      return NumberText<double>(value);
    case GgufType::kBool:
      return value.bytes[0] != 0 ? "true" : "false";
    case GgufType::kString:
      return std::string(AsText(value.bytes));
    default:
      return std::nullopt;
  }
}

std::vector<std::string_view> GgufStrings(const GgufValue& array) {
  std::vector<std::string_view> strings;
  ByteReader reader(array.bytes, "array of strings");
  while (reader.remaining() > 0) strings.push_back(AsText(ReadString(&reader, "string")));
  return strings;
}

GgufMetadata::GgufMetadata(ByteReader* reader, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    if (i == plugin::CheckpointBuilder::kMaxMetadataKeys) {
      throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED,
                          "metadata: expected at most " + std::to_string(i) + " keys, found " + std::to_string(count));
    }
    const std::string_view key = AsText(ReadString(reader, "metadata key"));
    if (!by_key_.emplace(key, entries_.size()).second) FailCorrupt("metadata " + Quote(key) + ": given twice");
    entries_.emplace_back(key, ReadValue(reader));
  }
}

const GgufValue* GgufMetadata::Find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &entries_[found->second].second;
}

std::optional<std::string> GgufMetadata::FindString(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type != GgufType::kString) FailType(key, "string", *value);
  return GgufText(*value);
}

std::optional<uint64_t> GgufMetadata::FindUnsigned(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!IsInteger(value->type)) FailType(key, "an integer", *value);
  const std::string text = *GgufText(*value);
  uint64_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    FailCorrupt("metadata " + Quote(key) + ": expected no negative number, found " + text);
  }
  return number;
}

std::optional<std::string> GgufMetadata::FindNumber(std::string_view key) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (!IsInteger(value->type) && !IsFloat(value->type)) FailType(key, "a number", *value);
  return GgufText(*value);
}

const GgufValue* GgufMetadata::FindArray(std::string_view key, GgufType element_type) const {
  const GgufValue* value = Find(key);
  if (value == nullptr) return nullptr;
  if (value->type != GgufType::kArray || value->element_type != element_type) {
    FailType(key, "array of " + std::string(TypeName(element_type)), *value);
  }
  return value;
}

}  // namespace skein::formats
