#include "tokenizers/bpe/definition.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_map>

#include "support/boundary.h"
#include "tokenizers/bpe/byte_alphabet.h"

namespace skein::tokenizers {
namespace {

using nlohmann::json;

constexpr uint64_t kProbeBytes = 4096;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // which the parser skips
// The deepest part of a definition is a merge: root, model, merges, pair. A sequence of pre-tokenizers, which is
// refused by name, goes two deeper.
constexpr int kMaxDepth = 16;
constexpr uint64_t kMaxValues = uint64_t{4} << 20;

[[noreturn]] void Damaged(const std::string& what) { throw plugin::Error(SKEIN_DATA_LOSS, "tokenizer.json: " + what); }

[[noreturn]] void Unsupported(const std::string& what) {
  throw plugin::Error(SKEIN_UNIMPLEMENTED, "tokenizer.json: " + what);
}

// For messages; cut where it is long.
std::string Quoted(std::string_view text) {
  std::string quoted(1, '"');
  quoted.append(text.substr(0, 60)).push_back('"');
  return quoted;
}

json Parse(std::span<const uint8_t> file) {
  uint64_t num_values = 0;
  const auto keep = [&num_values](int depth, json::parse_event_t /*event*/, json& /*parsed*/) {
    if (depth > kMaxDepth) Damaged("expected values nested at most " + std::to_string(kMaxDepth) + " deep, found more");
    if (++num_values > kMaxValues) Damaged("expected at most " + std::to_string(kMaxValues) + " values, found more");
    return true;
  };
  try {
    return json::parse(file.begin(), file.end(), keep);
  } catch (const json::exception& error) {
    Damaged(std::string("not well-formed JSON: ") + error.what());
  }
}

// The member `key` of `object`; null where it is missing, as the format leaves out what has its default.
const json& Member(const json& object, const char* key) {
  static const json& null = *new json;  // never destroyed: exit handlers may run while a tokenizer is made
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

// The text under `key`; "" if it is null or missing.
std::string Text(const json& object, const char* key, const std::string& where) {
  const json& member = Member(object, key);
  if (member.is_null()) return "";
  if (!member.is_string()) Damaged(where + "." + key + ": expected a text, found " + member.type_name());
  return member.get<std::string>();
}

bool Flag(const json& object, const char* key, bool missing, const std::string& where) {
  const json& member = Member(object, key);
  if (member.is_null()) return missing;
  if (!member.is_boolean()) Damaged(where + "." + key + ": expected true or false, found " + member.type_name());
  return member.get<bool>();
}

uint32_t Id(const json& value, const std::string& where) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() >= kMaxBpeIds) {
    Damaged(where + ": expected an id below " + std::to_string(kMaxBpeIds) + ", found " +
            (value.is_number() ? value.dump() : value.type_name()));
  }
  return value.get<uint32_t>();
}

// A part of the pipeline under `key` of the root, which is null or says its type.
struct Part {
  const json& value;
  std::string type;  // "" if it is null
};

Part PartOf(const json& root, const char* key) {
  const json& value = Member(root, key);
  if (value.is_null()) return {value, ""};
  if (!value.is_object()) Damaged(std::string(key) + ": expected an object, found " + value.type_name());
  return {value, Text(value, "type", key)};
}

bool ReadNormalizer(const json& root) {
  const Part part = PartOf(root, "normalizer");
  if (!part.value.is_null() && part.type != "NFC") {
    Unsupported("normalizer " + Quoted(part.type) + " is not supported; expected \"NFC\" or none");
  }
  return part.type == "NFC";
}

void CheckPreTokenizer(const json& root) {
  const Part part = PartOf(root, "pre_tokenizer");
  if (part.type != "ByteLevel") {
    Unsupported("pre_tokenizer " + Quoted(part.type) + " is not supported; expected \"ByteLevel\"");
  }
  if (Flag(part.value, "add_prefix_space", true, "pre_tokenizer")) {
    Unsupported("pre_tokenizer.add_prefix_space is not supported; expected false");
  }
  if (!Flag(part.value, "use_regex", true, "pre_tokenizer")) {
    Unsupported("pre_tokenizer.use_regex false, another pattern than ByteLevel's, is not supported");
  }
}

void CheckDecoder(const json& root) {
  const Part part = PartOf(root, "decoder");
  if (!part.value.is_null() && part.type != "ByteLevel") {
    Unsupported("decoder " + Quoted(part.type) + " is not supported; expected \"ByteLevel\"");
  }
}

void CheckModel(const json& model) {
  if (!model.is_object()) Damaged(std::string("model: expected an object, found ") + model.type_name());
  const std::string type = Text(model, "type", "model");
  // Old files leave the type of a BPE out: its merges tell.
  if (type != "BPE" && !(type.empty() && model.contains("merges"))) {
    Unsupported("model " + Quoted(type) + " is not supported; expected \"BPE\"");
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!Text(model, affix, "model").empty()) Unsupported(std::string("model.") + affix + " is not supported");
  }
  const json& dropout = Member(model, "dropout");
  if (!dropout.is_null() && dropout != 0) Unsupported("model.dropout is not supported: it makes encoding random");
  if (Flag(model, "ignore_merges", false, "model")) Unsupported("model.ignore_merges is not supported");
}

using IdsByName = std::unordered_map<std::string_view, uint32_t>;

// Fills tokens and is_bytes; gives the ids by the texts of the file, which point into `vocab`.
IdsByName ReadVocabulary(const json& vocab, BpeDefinition* definition) {
  if (!vocab.is_object()) Damaged(std::string("model.vocab: expected an object, found ") + vocab.type_name());
  IdsByName ids;
  ids.reserve(vocab.size());
  for (auto entry = vocab.begin(); entry != vocab.end(); ++entry) {
    const std::string& name = entry.key();
    const std::string where = "model.vocab[" + Quoted(name) + "]";
    const uint32_t id = Id(*entry, where);
    if (name.empty()) Damaged(where + ": expected a text, found an empty one");
    if (id >= definition->tokens.size()) {
      definition->tokens.resize(id + 1);
      definition->is_bytes.resize(id + 1);
    }
    std::string& token = definition->tokens[id];
    if (!token.empty()) Damaged(where + ": id " + std::to_string(id) + " is that of another token as well");
    std::optional<std::string> bytes = BytesOfCharacters(name);
    definition->is_bytes[id] = bytes.has_value();
    token = bytes.has_value() ? *std::move(bytes) : name;
    ids.emplace(name, id);
  }
  return ids;
}

// The two parts of a merge, written "a b" or ["a", "b"].
std::pair<std::string_view, std::string_view> MergeParts(const json& merge, const std::string& where) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>()};
  }
  if (merge.is_string()) {
    const std::string_view text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  Damaged(where + ": expected two tokens, found " +
          Quoted(merge.is_string() ? merge.get<std::string>() : merge.type_name()));
}

void ReadMerges(const json& merges, const IdsByName& ids, BpeDefinition* definition) {
  if (!merges.is_array()) Damaged(std::string("model.merges: expected an array, found ") + merges.type_name());
  const auto id_of = [&ids](const std::string& name, const std::string& where) {
    const auto found = ids.find(name);
    if (found == ids.end()) Damaged(where + ": " + Quoted(name) + " is not in the vocabulary");
    return found->second;
  };
  definition->merges.reserve(merges.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const std::string where = "model.merges[" + std::to_string(i) + "]";
    const auto [left, right] = MergeParts(merges[i], where);
    const std::string left_name(left);
    const std::string right_name(right);
    definition->merges.push_back(
        {id_of(left_name, where), id_of(right_name, where), id_of(left_name + right_name, where)});
  }
}

void ReadAddedTokens(const json& added, const IdsByName& ids, BpeDefinition* definition) {
  if (added.is_null()) return;
  if (!added.is_array()) Damaged(std::string("added_tokens: expected an array, found ") + added.type_name());
  std::unordered_map<uint32_t, std::string> contents;
  std::unordered_map<std::string, uint32_t> ids_of_contents;
  for (size_t i = 0; i < added.size(); ++i) {
    const std::string where = "added_tokens[" + std::to_string(i) + "]";
    const json& entry = added[i];
    if (!entry.is_object()) Damaged(where + ": expected an object, found " + entry.type_name());
    AddedToken token;
    token.id = Id(Member(entry, "id"), where + ".id");
    token.content = Text(entry, "content", where);
    token.special = Flag(entry, "special", false, where);
    token.normalized = Flag(entry, "normalized", !token.special, where);
    if (token.content.empty()) Damaged(where + ".content: expected a text, found none");
    for (const char* option : {"single_word", "lstrip", "rstrip"}) {
      if (Flag(entry, option, false, where)) Unsupported(where + "." + option + " is not supported; expected false");
    }
    const auto known = ids.find(token.content);
    if (known != ids.end() && known->second != token.id) {
      Damaged(where + ": expected id " + std::to_string(known->second) + ", that of " + Quoted(token.content) +
              " in the vocabulary, found " + std::to_string(token.id));
    }
    if (known == ids.end() && token.id < definition->tokens.size() && !definition->tokens[token.id].empty()) {
      Damaged(where + ": id " + std::to_string(token.id) + " is that of a token of the vocabulary as well");
    }
    if (!contents.emplace(token.id, token.content).second || !ids_of_contents.emplace(token.content, token.id).second) {
      Damaged(where + ": its id or its content is that of an earlier one as well");
    }
    definition->added.push_back(std::move(token));
  }
}

}  // namespace

BpeDefinition ReadDefinition(std::span<const uint8_t> file) {
  if (file.size() > kMaxDefinitionBytes) {
    Damaged("expected at most " + std::to_string(kMaxDefinitionBytes) + " bytes, found " + std::to_string(file.size()));
  }
  const json root = Parse(file);
  if (!root.is_object()) Damaged(std::string("expected an object, found ") + root.type_name());
  const json& model = Member(root, "model");
  CheckModel(model);
  CheckPreTokenizer(root);
  CheckDecoder(root);
  BpeDefinition definition;
  definition.composes = ReadNormalizer(root);
  const IdsByName ids = ReadVocabulary(Member(model, "vocab"), &definition);
  ReadMerges(Member(model, "merges"), ids, &definition);
  ReadAddedTokens(Member(root, "added_tokens"), ids, &definition);
  return definition;
}

bool LooksLikeDefinition(std::span<const uint8_t> file) {
  std::string_view head(reinterpret_cast<const char*>(file.data()), std::min<uint64_t>(file.size(), kProbeBytes));
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  const size_t start = head.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || head[start] != '{') return false;
  // Keys of the root, of which the usual order of the file puts at least one near its start.
  constexpr std::string_view kKeys[] = {"\"added_tokens\"", "\"pre_tokenizer\"", "\"normalizer\"", "\"truncation\"",
                                        "\"model\""};
  return std::any_of(std::begin(kKeys), std::end(kKeys),
                     [head](std::string_view key) { return head.find(key) != std::string_view::npos; });
}

}  // namespace skein::tokenizers
