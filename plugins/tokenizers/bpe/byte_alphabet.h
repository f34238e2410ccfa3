// The alphabet of byte-level BPE, as GPT-2 has it: each byte is written as one printable character, so that
// vocabularies can be text. The printable characters of Latin-1 stand for their own byte; the other 68 bytes, in
// ascending order, are U+0100, U+0101, ... (so a space is U+0120).
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_BYTE_ALPHABET_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_BYTE_ALPHABET_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace skein::tokenizers {

// The character that stands for `byte`, as UTF-8.
std::string CharacterOfByte(uint8_t byte);

// The bytes that the characters of `text` (UTF-8) stand for; nullopt if one is not of the alphabet.
std::optional<std::string> BytesOfCharacters(std::string_view text);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_BYTE_ALPHABET_H_
