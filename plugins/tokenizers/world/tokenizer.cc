#include "tokenizers/world/tokenizer.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "support/boundary.h"
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
  uint64_t size_bytes = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= vocab_size()) {
      throw plugin::Error(SKEIN_INVALID_ARGUMENT, "token " + std::to_string(i) + ": expected an id below " +
                                                      std::to_string(vocab_size()) + ", found " +
                                                      std::to_string(tokens[i]));
    }
    size_bytes += vocabulary_.text(tokens[i]).size();
  }
  if (size_bytes > text.size()) return size_bytes;
  auto out = text.begin();
  for (const uint32_t token : tokens) {
    const std::string_view piece = vocabulary_.text(token);
    out = std::copy(piece.begin(), piece.end(), out);
  }
  return size_bytes;
}

}  // namespace skein::tokenizers
