#include "formats/safetensors/reader.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/shard_index/shard_index.h"
#include "support/byte_reader.h"

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::FailUnsupported;
using plugin::Quote;

struct ElementType {
  std::string_view name;
  uint64_t bytes;
  uint32_t dtype;  // NONE: listed, not read
};

constexpr ElementType kElementTypes[] = {
    {"F32", 4, SKEIN_DTYPE_F32},      {"F16", 2, SKEIN_DTYPE_F16},  {"BF16", 2, SKEIN_DTYPE_BF16},
    {"F64", 8, SKEIN_DTYPE_F64},      {"U8", 1, SKEIN_DTYPE_U8},    {"I8", 1, SKEIN_DTYPE_NONE},
    {"U16", 2, SKEIN_DTYPE_NONE},     {"I16", 2, SKEIN_DTYPE_NONE}, {"U32", 4, SKEIN_DTYPE_NONE},
    {"I32", 4, SKEIN_DTYPE_NONE},     {"U64", 8, SKEIN_DTYPE_NONE}, {"I64", 8, SKEIN_DTYPE_NONE},
    {"BOOL", 1, SKEIN_DTYPE_NONE},    {"C64", 8, SKEIN_DTYPE_NONE}, {"F8_E4M3", 1, SKEIN_DTYPE_NONE},
    {"F8_E5M2", 1, SKEIN_DTYPE_NONE},
};

// One entry of the header as written, before any check across fields.
struct HeaderEntry {
  std::string name;
  std::string type;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> data_offsets;
};

// Takes the events of the JSON parser and accepts exactly the grammar of the header: an object of objects, no deeper.
// Builds no JSON tree, so the nesting and size of hostile JSON cost nothing. Throws plugin::Error at the first event
// out of place.
class HeaderGrammar final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderGrammar(plugin::CheckpointBuilder* builder) : builder_(builder) {}

  // In the order of the header; valid once the parser is through.
  std::vector<HeaderEntry> TakeEntries() { return std::move(entries_); }

  bool start_object(size_t /*num_elements*/) override {
    switch (place_) {
      case Place::kStart:
        place_ = Place::kTop;
        return true;
      case Place::kMetadataValue:
        place_ = Place::kMetadata;
        return true;
      case Place::kEntryValue:
        place_ = Place::kEntry;
        seen_type_ = seen_shape_ = seen_offsets_ = false;
        return true;
      default:
        Unexpected("an object");
    }
  }

  bool key(std::string& text) override {
    switch (place_) {
      case Place::kTop:
        key_ = text;
        if (text == "__metadata__") {
          if (std::exchange(seen_metadata_, true)) FailCorrupt("header: \"__metadata__\" given twice");
          place_ = Place::kMetadataValue;
        } else {
          plugin::CheckpointBuilder::CheckName(text);
          if (entries_.size() == plugin::CheckpointBuilder::kMaxTensors) {
            throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED,
                                "header: expected at most " + std::to_string(entries_.size()) + " tensors, found more");
          }
          entries_.push_back({.name = text, .type = {}, .shape = {}, .data_offsets = {}});
          place_ = Place::kEntryValue;
        }
        return true;
      case Place::kMetadata:
        key_ = text;
        return true;
      default:  // Place::kEntry: keys occur in objects only
        if (text == "dtype") return EnterField(Place::kType, &seen_type_, text);
        if (text == "shape") return EnterField(Place::kShapeValue, &seen_shape_, text);
        if (text == "data_offsets") return EnterField(Place::kOffsetsValue, &seen_offsets_, text);
        FailCorrupt("tensor " + Quote(key_) + ": expected dtype, shape and data_offsets, found " + Quote(text));
    }
  }

  bool end_object() override {
    if (place_ == Place::kEntry && !(seen_type_ && seen_shape_ && seen_offsets_)) {
      FailCorrupt("tensor " + Quote(key_) + ": expected dtype, shape and data_offsets, found an object without " +
                  (!seen_type_    ? "dtype"
                   : !seen_shape_ ? "shape"
                                  : "data_offsets"));
    }
    place_ = place_ == Place::kTop ? Place::kEnd : Place::kTop;
    return true;
  }

  bool start_array(size_t /*num_elements*/) override {
    if (place_ == Place::kShapeValue) {
      place_ = Place::kShape;
    } else if (place_ == Place::kOffsetsValue) {
      place_ = Place::kOffsets;
    } else {
      Unexpected("an array");
    }
    return true;
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && entries_.back().data_offsets.size() != 2) {
      FailCorrupt("tensor " + Quote(key_) + ": expected 2 data_offsets, found " +
                  std::to_string(entries_.back().data_offsets.size()));
    }
    place_ = Place::kEntry;
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (place_ == Place::kShape) {
      std::vector<uint64_t>& shape = entries_.back().shape;
      if (shape.size() == SKEIN_MAX_DIMS) {
        FailUnsupported("tensor " + Quote(key_) + ": expected at most " + std::to_string(SKEIN_MAX_DIMS) +
                        " dimensions, found more");
      }
      shape.push_back(value);
    } else if (place_ == Place::kOffsets) {
      std::vector<uint64_t>& offsets = entries_.back().data_offsets;
      if (offsets.size() == 2) FailCorrupt("tensor " + Quote(key_) + ": expected 2 data_offsets, found more");
      offsets.push_back(value);
    } else {
      Unexpected("a number");
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::kType) {
      entries_.back().type = text;
      place_ = Place::kEntry;
    } else if (place_ == Place::kMetadata) {
      builder_->AddMetadata(key_, text);
    } else {
      Unexpected("a string");
    }
    return true;
  }

  bool null() override { Unexpected("null"); }
  bool boolean(bool /*value*/) override { Unexpected("a boolean"); }
  bool number_integer(int64_t /*value*/) override { Unexpected("a negative number"); }
  bool number_float(double /*value*/, const std::string& text) override { Unexpected("the number " + Quote(text)); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { Unexpected("binary data"); }

  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::json::exception& /*error*/) override {
    FailCorrupt("header: byte " + std::to_string(position) + ": expected JSON, found " + Quote(last_token));
  }

 private:
  // Where the next event belongs. A ...Value place waits for the opening of the object or array of that name.
  enum class Place {
    kStart,
    kTop,
    kMetadataValue,
    kMetadata,
    kEntryValue,
    kEntry,
    kType,
    kShapeValue,
    kShape,
    kOffsetsValue,
    kOffsets,
    kEnd
  };

  bool EnterField(Place place, bool* seen, const std::string& field) {
    if (std::exchange(*seen, true)) FailCorrupt("tensor " + Quote(key_) + ": " + field + " given twice");
    place_ = place;
    return true;
  }

  [[noreturn]] void Unexpected(const std::string& found) const {
    FailCorrupt("header: " + (key_.empty() ? "start" : "at " + Quote(key_)) + ": expected " + ExpectedHere() +
                ", found " + found);
  }

  std::string ExpectedHere() const {
    switch (place_) {
      case Place::kMetadata:
      case Place::kType:
        return "a string";
      case Place::kShapeValue:
      case Place::kOffsetsValue:
        return "an array";
      case Place::kShape:
      case Place::kOffsets:
        return "a non-negative integer";
      default:
        return "an object";
    }
  }

  plugin::CheckpointBuilder* builder_;  // takes the metadata
  Place place_ = Place::kStart;
  std::string key_;  // the last key of the top object or of the metadata
  bool seen_metadata_ = false;
  bool seen_type_ = false;
  bool seen_shape_ = false;
  bool seen_offsets_ = false;
  std::vector<HeaderEntry> entries_;
};

const ElementType& FindElementType(const HeaderEntry& entry) {
  for (const ElementType& type : kElementTypes) {
    if (type.name == entry.type) return type;
  }
  FailUnsupported("tensor " + Quote(entry.name) + ": expected a dtype such as F32, F16 or BF16, found " +
                  Quote(entry.type));
}

plugin::Tensor MakeTensor(HeaderEntry entry, std::span<const uint8_t> data) {
  const ElementType& type = FindElementType(entry);
  const uint64_t begin = entry.data_offsets[0];
  const uint64_t end = entry.data_offsets[1];
  if (begin > end || end > data.size()) {
    FailCorrupt("tensor " + Quote(entry.name) + ": expected data_offsets within the " + std::to_string(data.size()) +
                " bytes after the header, found [" + std::to_string(begin) + ", " + std::to_string(end) + "]");
  }
  const std::optional<uint64_t> elements = plugin::CountElements(entry.shape);
  const std::optional<uint64_t> bytes = elements ? plugin::MultiplyChecked(*elements, type.bytes) : std::nullopt;
  if (!bytes || *bytes != end - begin) {
    FailCorrupt("tensor " + Quote(entry.name) + ": expected " + (bytes ? std::to_string(*bytes) : "over 2^64") +
                " bytes for shape " + plugin::ShapeText(entry.shape) + " of " + entry.type + ", found " +
                std::to_string(end - begin));
  }
  return {.name = std::move(entry.name),
          .dtype = type.dtype,
          .stored_type = std::string(type.name),
          .shape = entry.shape,
          .strides = plugin::RowMajorStrides(entry.shape),
          .data = data.data() + begin};
}

// The format allows neither gaps nor overlaps: sorted by offset, each tensor begins where the one before ended.
void CheckCoverage(std::span<const HeaderEntry> entries, uint64_t data_bytes) {
  std::vector<const HeaderEntry*> sorted;
  sorted.reserve(entries.size());
  for (const HeaderEntry& entry : entries) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(),
            [](const HeaderEntry* a, const HeaderEntry* b) { return a->data_offsets < b->data_offsets; });
  uint64_t covered = 0;
  for (const HeaderEntry* entry : sorted) {
    if (entry->data_offsets[0] != covered) {
      FailCorrupt("tensor " + Quote(entry->name) + ": expected data at offset " + std::to_string(covered) +
                  ", where the tensor before it ends, found " + std::to_string(entry->data_offsets[0]));
    }
    covered = entry->data_offsets[1];
  }
  if (covered != data_bytes) {
    FailCorrupt("expected " + std::to_string(covered) + " bytes of tensors after the header, found " +
                std::to_string(data_bytes));
  }
}

bool HasExtension(std::string_view path) {
  return path.ends_with(".safetensors") || path.ends_with(".st") || path.ends_with(".safetensors.index.json");
}

constexpr uint64_t kLengthBytes = 8;

plugin::Checkpoint ReadFile(std::span<const uint8_t> file) {
  plugin::ByteReader reader(file, "file");
  const auto header_bytes = reader.Read<uint64_t>("header length");
  if (header_bytes > Safetensors::kMaxHeaderBytes) {
    FailCorrupt("expected a header of at most " + std::to_string(Safetensors::kMaxHeaderBytes) +
                " bytes, found a length of " + std::to_string(header_bytes));
  }
  const std::string_view header = reader.TakeText(header_bytes, "header");
  if (!header.starts_with('{')) FailCorrupt("header: expected '{', found " + Quote(header.substr(0, 1)));

  plugin::CheckpointBuilder builder;
  HeaderGrammar grammar(&builder);
  nlohmann::json::sax_parse(header.begin(), header.end(), &grammar);

  const std::span<const uint8_t> data = file.subspan(reader.position());
  std::vector<HeaderEntry> entries = grammar.TakeEntries();
  std::vector<plugin::Tensor> tensors;
  tensors.reserve(entries.size());
  for (const HeaderEntry& entry : entries) tensors.push_back(MakeTensor(entry, data));
  CheckCoverage(entries, data.size());
  for (plugin::Tensor& tensor : tensors) builder.Add(std::move(tensor));
  plugin::Checkpoint checkpoint = builder.Finish();
  checkpoint.weight_types = plugin::WeightTypeNames(kElementTypes);
  return checkpoint;
}

plugin::Checkpoint ReadSource(const plugin::Source& source) { return ReadFile(source.bytes()); }

}  // namespace

uint32_t Safetensors::Probe(std::span<const uint8_t> file, std::string_view path) noexcept {
  constexpr uint32_t kByContent = 90;
  constexpr uint32_t kByName = 20;  // so that a damaged file is refused with this format's message
  if (LooksLikeShardIndex(file)) return NamesPyTorchShards(file) ? 0 : kByContent;
  if (file.size() > kLengthBytes) {
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, file.data(), kLengthBytes);
    if (header_bytes <= std::min<uint64_t>(file.size() - kLengthBytes, kMaxHeaderBytes) && file[kLengthBytes] == '{') {
      return kByContent;
    }
  }
  return HasExtension(path) ? kByName : 0;
}

plugin::Checkpoint Safetensors::Read(const plugin::Source& source) {
  const bool is_index = source.path().ends_with(".json") || LooksLikeShardIndex(source.bytes());
  return is_index ? ReadShards(source, ReadSource) : ReadSource(source);
}

}  // namespace skein::formats
