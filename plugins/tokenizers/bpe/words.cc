#include "tokenizers/bpe/words.h"

#include "tokenizers/bpe/characters.h"

namespace skein::tokenizers {
namespace {

// In the order of the pattern.
constexpr std::string_view kContractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

// The bytes of the contraction that `text` starts with; 0 if there is none.
size_t ContractionSize(std::string_view text) {
  if (text.front() != '\'') return 0;
  for (const std::string_view contraction : kContractions) {
    if (text.substr(0, contraction.size()) == contraction) return contraction.size();
  }
  return 0;
}

// The bytes of the characters of class `kind` at the start of `text`.
size_t RunSize(std::string_view text, CharacterClass kind) {
  size_t size = 0;
  while (size < text.size()) {
    const CodePoint character = FirstCodePoint(text.substr(size));
    if (ClassOf(character) != kind) break;
    size += character.size;
  }
  return size;
}

// The white space at the start of `text`. Without its last character, if it has more than one and a word follows: the
// word takes the space in front of it.
size_t SpaceSize(std::string_view text) {
  size_t size = 0;
  size_t last_size = 0;
  while (size < text.size()) {
    const CodePoint character = FirstCodePoint(text.substr(size));
    if (ClassOf(character) != CharacterClass::kSpace) return size > last_size ? size - last_size : size;
    last_size = character.size;
    size += last_size;
  }
  return size;
}

size_t FirstWordSize(std::string_view text) {
  if (const size_t size = ContractionSize(text); size > 0) return size;
  const size_t prefix = text.front() == ' ' ? 1 : 0;
  const std::string_view rest = text.substr(prefix);
  const CharacterClass kind = rest.empty() ? CharacterClass::kSpace : ClassOf(FirstCodePoint(rest));
  return kind == CharacterClass::kSpace ? SpaceSize(text) : prefix + RunSize(rest, kind);
}

}  // namespace

std::string_view TakeWord(std::string_view* text) {
  const std::string_view word = text->substr(0, FirstWordSize(*text));
  text->remove_prefix(word.size());
  return word;
}

}  // namespace skein::tokenizers
