#include "tokenizers/bpe/tokenizer.h"

#include <algorithm>
#include <utility>

#include "support/boundary.h"
#include "tokenizers/bpe/composition.h"
#include "tokenizers/bpe/words.h"
#include "tokenizers/decode.h"

namespace skein::tokenizers {
namespace {

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Keeps positions to 32 bits, also in a text that normalising made three times as long.
constexpr uint64_t kMaxTextBytes = uint64_t{1} << 30;

// The entries that a Trie is made of, in any order.
class TrieEntries {
 public:
  void Add(std::string_view key, uint32_t value) { entries_.emplace_back(key, value); }

  Trie Build() {
    std::sort(entries_.begin(), entries_.end());
    std::vector<std::string_view> keys;
    std::vector<uint32_t> values;
    for (const auto& [key, value] : entries_) {
      keys.push_back(key);
      values.push_back(value);
    }
    return Trie(keys, values);
  }

 private:
  std::vector<std::pair<std::string_view, uint32_t>> entries_;
};

std::vector<std::string> MakeTexts(const BpeDefinition& definition) {
  std::vector<std::string> texts = definition.tokens;
  for (const AddedToken& token : definition.added) {
    if (token.id >= texts.size()) texts.resize(token.id + 1);
    texts[token.id] = token.special ? "" : token.content;
  }
  return texts;
}

std::array<uint32_t, 256> MakeByteTokens(const BpeDefinition& definition, uint32_t none) {
  std::array<uint32_t, 256> tokens;
  tokens.fill(none);
  for (uint32_t id = 0; id < definition.tokens.size(); ++id) {
    const std::string& token = definition.tokens[id];
    if (definition.is_bytes[id] && token.size() == 1) tokens[static_cast<uint8_t>(token[0])] = id;
  }
  return tokens;
}

Trie MakeAddedTokens(const BpeDefinition& definition, bool normalized) {
  // Contents are normalised as the text is in which they are looked for.
  std::vector<std::string> contents(definition.added.size());
  TrieEntries entries;
  for (size_t i = 0; i < definition.added.size(); ++i) {
    const AddedToken& token = definition.added[i];
    if (token.normalized != normalized) continue;
    std::string composed;
    contents[i] = normalized && definition.composes ? Compose(token.content, &composed) : token.content;
    entries.Add(contents[i], token.id);
  }
  return entries.Build();
}

// Cuts `text` at the keys of `added`, from the left, the longest first: calls between(text) for what is not a key, and
// emit(id) for each key.
template <typename Between, typename Emit>
void SplitAt(const Trie& added, std::string_view text, Between between, Emit emit) {
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const Trie::Match match = added.LongestPrefix(Bytes(text.substr(at)));
    if (match.size == 0) {
      ++at;
      continue;
    }
    if (at > start) between(text.substr(start, at - start));
    emit(match.value);
    at += match.size;
    start = at;
  }
  if (start < text.size()) between(text.substr(start));
}

}  // namespace

BpeTokenizer::BpeTokenizer(std::span<const uint8_t> vocabulary) : BpeTokenizer(ReadDefinition(vocabulary)) {}

BpeTokenizer::BpeTokenizer(const BpeDefinition& definition)
    : composes_(definition.composes),
      texts_(MakeTexts(definition)),
      byte_tokens_(MakeByteTokens(definition, kNoToken)),
      merger_(definition.merges),
      added_as_given_(MakeAddedTokens(definition, false)),
      added_normalized_(MakeAddedTokens(definition, true)),
      whole_words_(MakeWholeWords(definition)) {}

Trie BpeTokenizer::MakeWholeWords(const BpeDefinition& definition) const {
  TrieEntries entries;
  MergeScratch scratch;
  std::vector<uint32_t> merged;
  for (uint32_t id = 0; id < definition.tokens.size(); ++id) {
    const std::string& token = definition.tokens[id];
    if (token.empty() || !definition.is_bytes[id]) continue;
    merged.clear();
    MergeBytes(token, &scratch, &merged);
    if (merged.size() == 1 && merged[0] == id) entries.Add(token, id);
  }
  return entries.Build();
}

void BpeTokenizer::MergeBytes(std::string_view word, MergeScratch* scratch, std::vector<uint32_t>* tokens) const {
  scratch->tokens.clear();
  for (const char byte : word) {
    const uint32_t token = byte_tokens_[static_cast<uint8_t>(byte)];
    if (token != kNoToken) scratch->tokens.push_back(token);
  }
  merger_.MergeAll(scratch, tokens);
}

uint64_t BpeTokenizer::Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const {
  if (text.size() > kMaxTextBytes) {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT, "text: expected at most " + std::to_string(kMaxTextBytes) +
                                                    " bytes, found " + std::to_string(text.size()));
  }
  std::vector<uint32_t> encoded;
  encoded.reserve(text.size() / 3);
  MergeScratch scratch;
  SplitAt(
      added_as_given_, {reinterpret_cast<const char*>(text.data()), text.size()},
      [&](std::string_view piece) { EncodePiece(piece, &scratch, &encoded); },
      [&](uint32_t id) { encoded.push_back(id); });
  if (encoded.size() <= tokens.size()) std::copy(encoded.begin(), encoded.end(), tokens.begin());
  return encoded.size();
}

void BpeTokenizer::EncodePiece(std::string_view text, MergeScratch* scratch, std::vector<uint32_t>* tokens) const {
  std::string composed;
  if (composes_) text = Compose(text, &composed);
  SplitAt(
      added_normalized_, text,
      [&](std::string_view piece) {
        while (!piece.empty()) EncodeWord(TakeWord(&piece), scratch, tokens);
      },
      [&](uint32_t id) { tokens->push_back(id); });
}

void BpeTokenizer::EncodeWord(std::string_view word, MergeScratch* scratch, std::vector<uint32_t>* tokens) const {
  const Trie::Match match = whole_words_.LongestPrefix(Bytes(word));
  if (match.size == word.size()) {
    tokens->push_back(match.value);
  } else {
    MergeBytes(word, scratch, tokens);
  }
}

uint64_t BpeTokenizer::Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const {
  return DecodeTexts(
      tokens, vocab_size(), [this](uint32_t token) { return std::string_view(texts_[token]); }, text);
}

}  // namespace skein::tokenizers
