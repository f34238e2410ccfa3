// Tokens as text, for vocabularies that have a text for each of them.
#ifndef SKEIN_PLUGINS_TOKENIZERS_DECODE_H_
#define SKEIN_PLUGINS_TOKENIZERS_DECODE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "skein/plugin.h"
#include "support/boundary.h"

namespace skein::tokenizers {

// Returns the number of bytes of all texts, and writes them one after the other if they fit. text_of(token) is a view
// of one. Throws plugin::Error INVALID_ARGUMENT for a token that is not below vocab_size.
template <typename TextOf>
uint64_t DecodeTexts(std::span<const uint32_t> tokens, uint32_t vocab_size, const TextOf& text_of,
                     std::span<uint8_t> text) {
  uint64_t size_bytes = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= vocab_size) {
      throw plugin::Error(SKEIN_INVALID_ARGUMENT, "token " + std::to_string(i) + ": expected an id below " +
                                                      std::to_string(vocab_size) + ", found " +
                                                      std::to_string(tokens[i]));
    }
    size_bytes += text_of(tokens[i]).size();
  }
  if (size_bytes > text.size()) return size_bytes;
  auto out = text.begin();
  for (const uint32_t token : tokens) {
    const std::string_view piece = text_of(token);
    out = std::copy(piece.begin(), piece.end(), out);
  }
  return size_bytes;
}

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_DECODE_H_
