#include "tokenizers/bpe/characters.h"

#include <utf8proc.h>

#include <array>

namespace skein::tokenizers {
namespace {

constexpr uint32_t kNumAscii = 0x80;

constexpr bool IsSpace(uint32_t value) {
  return (value >= 0x09 && value <= 0x0D) || value == 0x20 || value == 0x85 || value == 0xA0 || value == 0x1680 ||
         (value >= 0x2000 && value <= 0x200A) || value == 0x2028 || value == 0x2029 || value == 0x202F ||
         value == 0x205F || value == 0x3000;
}

CharacterClass LookUpClass(uint32_t value) {
  if (IsSpace(value)) return CharacterClass::kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(value))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharacterClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharacterClass::kNumber;
    default:
      return CharacterClass::kOther;
  }
}

// Most text is ASCII, whose classes need no look-up in Unicode's tables.
constexpr std::array<CharacterClass, kNumAscii> kAsciiClasses = [] {
  std::array<CharacterClass, kNumAscii> classes = {};
  for (uint32_t value = 0; value < kNumAscii; ++value) {
    const uint32_t lower = value | 0x20;
    classes[value] = IsSpace(value)                 ? CharacterClass::kSpace
                     : value >= '0' && value <= '9' ? CharacterClass::kNumber
                     : lower >= 'a' && lower <= 'z' ? CharacterClass::kLetter
                                                    : CharacterClass::kOther;
  }
  return classes;
}();

}  // namespace

CodePoint FirstCodePoint(std::string_view text) {
  const auto first = static_cast<uint8_t>(text.front());
  if (first < kNumAscii) return {first, 1, true};
  utf8proc_int32_t value = 0;
  const utf8proc_ssize_t size =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                       static_cast<utf8proc_ssize_t>(text.size() < 4 ? text.size() : 4), &value);
  if (size <= 0) return {first, 1, false};
  return {static_cast<uint32_t>(value), static_cast<uint32_t>(size), true};
}

void AppendCodePoint(uint32_t value, std::string* text) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(value), bytes);
  text->append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
}

CharacterClass ClassOf(const CodePoint& character) {
  if (!character.valid) return CharacterClass::kOther;
  return character.value < kNumAscii ? kAsciiClasses[character.value] : LookUpClass(character.value);
}

}  // namespace skein::tokenizers
