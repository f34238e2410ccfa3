// Calls of the World tokenizer as tests write them: texts as strings, tokens as lists.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_TOKENIZERS_WORLD_CALLS_H_
#define SKEIN_TESTS_UNIT_PLUGINS_TOKENIZERS_WORLD_CALLS_H_

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/world/tokenizer.h"

namespace skein::tokenizers {

inline std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::vector<uint32_t> Encode(const WorldTokenizer& tokenizer, std::string_view text) {
  std::vector<uint32_t> tokens(text.size());
  tokens.resize(tokenizer.Encode(Bytes(text), tokens));
  return tokens;
}

inline std::string Decode(const WorldTokenizer& tokenizer, const std::vector<uint32_t>& tokens) {
  std::vector<uint8_t> text(tokenizer.Decode(tokens, {}));
  tokenizer.Decode(tokens, text);
  return std::string(text.begin(), text.end());
}

inline std::string RandomBytes(std::mt19937& generator, size_t size) {
  std::string bytes;
  while (bytes.size() < size) bytes.push_back(static_cast<char>(generator() % 256));
  return bytes;
}

}  // namespace skein::tokenizers

#endif  // SKEIN_TESTS_UNIT_PLUGINS_TOKENIZERS_WORLD_CALLS_H_
