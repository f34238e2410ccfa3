// UTF-8 one character at a time, and the classes of characters that words are made of. Text may be any bytes: a
// byte that belongs to no character counts as a character of its own.
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_CHARACTERS_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_CHARACTERS_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace skein::tokenizers {

struct CodePoint {
  uint32_t value = 0;  // the byte itself if it is not valid
  uint32_t size = 1;   // bytes
  bool valid = false;  // false: the byte starts no well-formed UTF-8 sequence
};

// `text` must not be empty.
CodePoint FirstCodePoint(std::string_view text);

// Appends UTF-8. `value` is a code point that is no surrogate.
void AppendCodePoint(uint32_t value, std::string* text);

enum class CharacterClass : uint8_t {
  kLetter,  // Unicode category L
  kNumber,  // Unicode category N
  kSpace,   // Unicode property White_Space
  kOther,   // all else, with bytes that belong to no character
};

CharacterClass ClassOf(const CodePoint& character);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_CHARACTERS_H_
