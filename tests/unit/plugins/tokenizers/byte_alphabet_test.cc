#include "tokenizers/bpe/byte_alphabet.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace skein::tokenizers {
namespace {

TEST(ByteAlphabetTest, EveryByteHasACharacterOfItsOwnAndComesBack) {
  std::set<std::string> characters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string character = CharacterOfByte(static_cast<uint8_t>(byte));
    characters.insert(character);
    EXPECT_EQ(BytesOfCharacters(character), std::string(1, static_cast<char>(byte)));
  }
  EXPECT_EQ(characters.size(), 256u);
}

TEST(ByteAlphabetTest, PrintableCharactersStandForThemselvesAndTheRestCountsUpFrom256) {
  EXPECT_EQ(CharacterOfByte('A'), "A");
  EXPECT_EQ(CharacterOfByte('\0'), "\u0100");
  EXPECT_EQ(CharacterOfByte('\n'), "\u010A");
  EXPECT_EQ(CharacterOfByte(' '), "\u0120");
  EXPECT_EQ(CharacterOfByte(0x7F), "\u0121");
  EXPECT_EQ(CharacterOfByte(0xAD), "\u0143");
  EXPECT_EQ(CharacterOfByte(0xE9), "\u00E9");
}

TEST(ByteAlphabetTest, WhatIsNotOfTheAlphabetHasNoBytes) {
  EXPECT_FALSE(BytesOfCharacters("a b").has_value());
  EXPECT_FALSE(BytesOfCharacters("\u0144").has_value());
  EXPECT_FALSE(BytesOfCharacters("\u65E5").has_value());
  EXPECT_FALSE(BytesOfCharacters("a\xFF").has_value());
  EXPECT_EQ(BytesOfCharacters(""), "");
}

}  // namespace
}  // namespace skein::tokenizers
