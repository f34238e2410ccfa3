// A tokenizer.json of 267 ids with an example of every feature of the published one. Tests may change it.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_TOKENIZERS_SMALL_BPE_H_
#define SKEIN_TESTS_UNIT_PLUGINS_TOKENIZERS_SMALL_BPE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tokenizers/bpe/byte_alphabet.h"

namespace skein::tokenizers {

// Ids 0 to 255 are the bytes; then "ab", "bc", "abc", "bcd", " ab" and "aa" in order of their merges; 262 is special,
// "<|end|>"; 263 is "zz", which no merge makes; 264 to 266 are added tokens of the normalised text.
inline nlohmann::json SmallBpe() {
  nlohmann::json vocab;
  for (int byte = 0; byte < 256; ++byte) vocab[CharacterOfByte(static_cast<uint8_t>(byte))] = byte;
  const std::string space = CharacterOfByte(' ');
  const std::vector<std::pair<std::string, std::string>> pairs = {{"a", "b"},  {"b", "c"},    {"ab", "c"},
                                                                  {"bc", "d"}, {space, "ab"}, {"a", "a"}};
  nlohmann::json merges;
  int id = 256;
  for (const auto& [left, right] : pairs) {
    std::string merge = left;
    merges.push_back(merge.append(" ").append(right));
    vocab[left + right] = id++;
  }
  vocab["<|end|>"] = id++;
  vocab["zz"] = id++;
  const auto added = [](int added_id, const char* content, bool special) {
    return nlohmann::json{{"id", added_id},  {"content", content}, {"special", special},    {"single_word", false},
                          {"lstrip", false}, {"rstrip", false},    {"normalized", !special}};
  };
  const nlohmann::json byte_level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}};
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"added_tokens",
       {added(262, "<|end|>", true), added(264, "  ", false), added(265, "   ", false), added(266, "e\u0301e", false)}},
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer", byte_level},
      {"post_processor", byte_level},
      {"decoder", byte_level},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"vocab", vocab},
        {"merges", merges}}}};
}

}  // namespace skein::tokenizers

#endif  // SKEIN_TESTS_UNIT_PLUGINS_TOKENIZERS_SMALL_BPE_H_
