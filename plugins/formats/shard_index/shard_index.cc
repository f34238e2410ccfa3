#include "formats/shard_index/shard_index.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::Quote;

constexpr std::string_view kMapKey = "weight_map";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // which the parser skips

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Takes the events of the JSON parser. Builds no JSON tree, so ignored parts cost nothing, however deep and large.
class IndexGrammar final : public nlohmann::json_sax<nlohmann::json> {
 public:
  // Valid once the parser is through.
  ShardIndex TakeIndex() {
    if (!seen_map_) FailCorrupt("index: expected an object \"weight_map\", found none");
    return std::move(index_);
  }

  bool start_object(size_t /*num_elements*/) override {
    if (depth_ == 1 && AtMap()) {
      if (std::exchange(seen_map_, true)) FailCorrupt("index: \"weight_map\" given twice");
    } else if (depth_ > 0) {
      ExpectNothingOfOurs("an object");
    }
    ++depth_;
    return true;
  }

  bool start_array(size_t /*num_elements*/) override {
    if (depth_ == 0) Unexpected("an array");
    ExpectNothingOfOurs("an array");
    ++depth_;
    return true;
  }

  bool key(std::string& text) override {
    if (depth_ == 1) top_key_ = text;
    if (depth_ == 2) key_ = text;
    return true;
  }

  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool string(std::string& text) override {
    if (depth_ != 2 || !AtMap()) return Scalar("a string");
    if (index_.entries.size() == plugin::CheckpointBuilder::kMaxTensors) {
      throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED,
                          "index: expected at most " + std::to_string(index_.entries.size()) + " tensors, found more");
    }
    plugin::CheckpointBuilder::CheckName(key_);
    index_.entries.push_back({.tensor = key_, .shard = std::move(text)});
    return true;
  }

  bool number_unsigned(uint64_t value) override {
    if (!AtTotal()) return Scalar("a number");
    index_.total_bytes = value;
    return true;
  }

  bool number_integer(int64_t value) override {
    if (!AtTotal()) return Scalar("a number");
    FailCorrupt("index: total_size: expected no negative number, found " + std::to_string(value));
  }

  // An integer that does not fit 64 bits comes here too.
  bool number_float(double value, const std::string& text) override {
    if (!AtTotal()) return Scalar("a number");
    if (value < 0) FailCorrupt("index: total_size: expected no negative number, found " + Quote(text));
    index_.total_bytes = value < 0x1p64 ? static_cast<uint64_t>(value) : std::numeric_limits<uint64_t>::max();
    return true;
  }

  bool null() override { return Scalar("null"); }
  bool boolean(bool /*value*/) override { return Scalar("a boolean"); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return Scalar("binary data"); }

  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::json::exception& /*error*/) override {
    FailCorrupt("index: byte " + std::to_string(position) + ": expected JSON, found " + Quote(last_token));
  }

 private:
  bool AtMap() const { return top_key_ == kMapKey; }
  bool AtTotal() const { return depth_ == 2 && top_key_ == "metadata" && key_ == "total_size"; }

  bool Close() {
    --depth_;
    return true;
  }

  bool Scalar(const std::string& found) {
    if (depth_ == 0) Unexpected(found);
    ExpectNothingOfOurs(found);
    return true;
  }

  // The map and its values have one form; any other value in their place is an error.
  void ExpectNothingOfOurs(const std::string& found) const {
    if (AtMap()) Unexpected(found);
  }

  [[noreturn]] void Unexpected(const std::string& found) const {
    const bool in_map = depth_ > 1;
    FailCorrupt("index: " + (depth_ == 0 ? "start" : "at " + Quote(in_map ? key_ : top_key_)) + ": expected " +
                (in_map ? "the name of a file" : "an object") + ", found " + found);
  }

  ShardIndex index_;
  uint64_t depth_ = 0;   // containers open
  std::string top_key_;  // the last key of the outermost object
  std::string key_;      // the last key of an object in it
  bool seen_map_ = false;
};

// The part of an index that may be looked at before it is read.
std::string_view Start(std::span<const uint8_t> file) {
  constexpr size_t kProbedBytes = 4096;
  std::string_view start = AsText(file.first(std::min(file.size(), kProbedBytes)));
  if (start.starts_with(kByteOrderMark)) start.remove_prefix(kByteOrderMark.size());
  return start;
}

// A shard as it was read, and its tensors by name.
struct Shard {
  plugin::Checkpoint content;
  std::unordered_map<std::string_view, const plugin::Tensor*> by_name;
  // The places of the shard's checksums and encoded bytes in the whole.
  size_t first_checksum = 0;
  size_t first_encoded = 0;
};

Shard MakeShard(plugin::Checkpoint content, plugin::CheckpointBuilder* builder) {
  Shard shard{.content = std::move(content), .by_name = {}};
  for (const plugin::Tensor& tensor : shard.content.tensors) shard.by_name.emplace(tensor.name, &tensor);
  shard.first_checksum = builder->num_checksums();
  shard.first_encoded = builder->num_encoded();
  for (const plugin::ChecksummedBytes& checksummed : shard.content.checksums) builder->AddChecksum(checksummed);
  for (plugin::EncodedBytes& encoded : shard.content.encoded) builder->AddEncoded(std::move(encoded));
  return shard;
}

plugin::Tensor TakeTensor(const Shard& shard, const ShardIndex::Entry& entry) {
  const auto found = shard.by_name.find(entry.tensor);
  if (found == shard.by_name.end()) {
    FailCorrupt("tensor " + Quote(entry.tensor) + ": expected it in " + Quote(entry.shard) +
                ", found no tensor of that name there");
  }
  plugin::Tensor tensor = *found->second;
  if (tensor.checksum != plugin::kNoChecksum) tensor.checksum += shard.first_checksum;
  if (tensor.encoded != plugin::kNotEncoded) tensor.encoded += shard.first_encoded;
  return tensor;
}

}  // namespace

bool LooksLikeShardIndex(std::span<const uint8_t> file) {
  const std::string_view start = Start(file);
  const size_t first = start.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && start[first] == '{' &&
         start.find("\"weight_map\"") != std::string_view::npos;
}

bool NamesPyTorchShards(std::span<const uint8_t> file) {
  constexpr std::string_view kEnds[] = {".bin\"", ".pt\"", ".pth\""};
  return std::any_of(std::begin(kEnds), std::end(kEnds),
                     [&](std::string_view end) { return Start(file).find(end) != std::string_view::npos; });
}

ShardIndex ReadShardIndex(std::span<const uint8_t> file) {
  IndexGrammar grammar;
  const std::string_view text = AsText(file);
  nlohmann::json::sax_parse(text.begin(), text.end(), &grammar);
  return grammar.TakeIndex();
}

plugin::Checkpoint ReadShards(const plugin::Source& source, plugin::Checkpoint (*read)(const plugin::Source& shard)) {
  const ShardIndex index = ReadShardIndex(source.bytes());
  plugin::CheckpointBuilder builder;
  std::unordered_map<std::string_view, Shard> shards;
  uint64_t total_bytes = 0;
  std::string weight_types;
  for (const ShardIndex::Entry& entry : index.entries) {
    const auto [known, is_new] = shards.try_emplace(entry.shard);
    if (is_new) {
      const auto read_shard = [&](const plugin::Source& shard) {
        total_bytes += shard.bytes().size();
        return read(shard);
      };
      known->second = MakeShard(plugin::ReadSibling(source, entry.shard, read_shard), &builder);
      for (const plugin::EncodedBytes& encoded : known->second.content.encoded) total_bytes += encoded.size_bytes;
      weight_types = known->second.content.weight_types;
    }
    builder.Add(TakeTensor(known->second, entry));
  }
  if (index.total_bytes > total_bytes) {
    FailCorrupt("index: expected a total_size of at most the " + std::to_string(total_bytes) +
                " bytes of its shards, found " + std::to_string(index.total_bytes));
  }
  plugin::Checkpoint checkpoint = builder.Finish();
  checkpoint.weight_types = std::move(weight_types);
  return checkpoint;
}

}  // namespace skein::formats
