#include "tokenizers/bpe/byte_alphabet.h"

#include <array>

#include "tokenizers/bpe/characters.h"

namespace skein::tokenizers {
namespace {

constexpr uint32_t kFirstStandIn = 0x100;
constexpr uint32_t kNumStandIns = 68;

// True for the bytes that are printable characters of Latin-1; 0xAD is the soft hyphen, which does not show.
constexpr bool StandsForItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

// The bytes behind U+0100, U+0101, ...
constexpr std::array<uint8_t, kNumStandIns> kStandIns = [] {
  std::array<uint8_t, kNumStandIns> bytes = {};
  uint32_t count = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (!StandsForItself(byte)) bytes[count++] = static_cast<uint8_t>(byte);
  }
  return bytes;
}();

}  // namespace

std::string CharacterOfByte(uint8_t byte) {
  uint32_t code_point = byte;
  if (!StandsForItself(byte)) {
    code_point = kFirstStandIn;
    while (kStandIns[code_point - kFirstStandIn] != byte) ++code_point;
  }
  std::string character;
  AppendCodePoint(code_point, &character);
  return character;
}

std::optional<std::string> BytesOfCharacters(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const CodePoint character = FirstCodePoint(text);
    if (!character.valid) return std::nullopt;
    if (character.value < kFirstStandIn && StandsForItself(character.value)) {
      bytes.push_back(static_cast<char>(character.value));
    } else if (character.value >= kFirstStandIn && character.value < kFirstStandIn + kNumStandIns) {
      bytes.push_back(static_cast<char>(kStandIns[character.value - kFirstStandIn]));
    } else {
      return std::nullopt;
    }
    text.remove_prefix(character.size);
  }
  return bytes;
}

}  // namespace skein::tokenizers
