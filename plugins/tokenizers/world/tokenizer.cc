#include "tokenizers/world/tokenizer.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "support/boundary.h"
#include "tokenizers/decode.h"
#include "tokenizers/world/published_vocabulary.h"

namespace skein::tokenizers {
namespace {

bool NamesPublished(std::span<const uint8_t> vocabulary) {
  return IsPublishedName({reinterpret_cast<const char*>(vocabulary.data()), vocabulary.size()});
}

Trie MakeTrie(const Vocabulary& vocabulary) {
  std::vector<std::string_view> texts;
  texts.reserve(vocabulary.ids_by_text().size());
  for (const uint32_t id : vocabulary.ids_by_text()) texts.push_back(vocabulary.text(id));
  return Trie(texts, vocabulary.ids_by_text());
}

// Calls emit(id) for each token of `text`; returns their number.
template <typename Emit>
uint64_t ForEachToken(const Trie& trie, std::span<const uint8_t> text, Emit emit) {
  uint64_t num_tokens = 0;
  for (uint64_t position = 0; position < text.size(); ++num_tokens) {
    // No token is longer than kMaxTokenBytes; the bound keeps sizes inside the trie to 32 bits.
    const Trie::Match match =
        trie.LongestPrefix(text.subspan(position, std::min<uint64_t>(text.size() - position, kMaxTokenBytes)));
    if (match.size == 0) {
      throw plugin::Error(SKEIN_INVALID_ARGUMENT, "text, byte " + std::to_string(position) +
                                                      ": expected the start of a token, found byte " +
                                                      std::to_string(text[position]) + ", which no token starts with");
    }
    emit(match.value);
    position += match.size;
  }
  return num_tokens;
}

}  // namespace

uint32_t WorldTokenizer::Probe(std::span<const uint8_t> vocabulary) {
  if (NamesPublished(vocabulary)) return 100;
  return FormOf(vocabulary) != VocabularyForm::kNone ? 90 : 0;
}

std::string WorldTokenizer::OwnVocabulary() { return Vocabulary::Published().ToFile(); }

WorldTokenizer::WorldTokenizer(std::span<const uint8_t> vocabulary)
    : vocabulary_(NamesPublished(vocabulary) ? Vocabulary::Published() : Vocabulary(vocabulary)),
      trie_(MakeTrie(vocabulary_)) {}

uint64_t WorldTokenizer::Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const {
  if (tokens.size() < text.size()) {
    const uint64_t num_tokens = ForEachToken(trie_, text, [](uint32_t) {});
    if (num_tokens > tokens.size()) return num_tokens;
  }
  uint32_t* out = tokens.data();
  return ForEachToken(trie_, text, [&out](uint32_t id) { *out++ = id; });
}

uint64_t WorldTokenizer::Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const {
  return DecodeTexts(
      tokens, vocab_size(), [this](uint32_t token) { return vocabulary_.text(token); }, text);
}

}  // namespace skein::tokenizers
