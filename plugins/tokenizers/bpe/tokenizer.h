// Byte-level BPE, as GPT-2 began it and GPT-NeoX and the RWKV-4 Pile models have it. A text is cut at the added tokens.
// The parts between them are normalised and cut into words. The bytes of each word are merged.
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_TOKENIZER_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_TOKENIZER_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/bpe/definition.h"
#include "tokenizers/bpe/merger.h"
#include "tokenizers/trie.h"

namespace skein::tokenizers {

// Immutable; any thread.
class BpeTokenizer {
 public:
  // 90 if it looks like a tokenizer.json, else 0.
  static uint32_t Probe(std::span<const uint8_t> vocabulary) { return LooksLikeDefinition(vocabulary) ? 90 : 0; }

  // Throws plugin::Error, see ReadDefinition.
  explicit BpeTokenizer(std::span<const uint8_t> vocabulary);

  uint32_t vocab_size() const { return static_cast<uint32_t>(texts_.size()); }

  // Returns the number of tokens of `text`; writes them only if all fit. Any bytes have tokens: bytes that are no UTF-8
  // are characters of words like any other. A byte that the vocabulary lacks is left out; GPT-NeoX's vocabulary lacks
  // the bytes that UTF-8 never has. The text of an added token becomes that token, also if the token is special.
  // Normalising can make a few texts longer, so that there are more tokens than bytes. Throws plugin::Error
  // INVALID_ARGUMENT for a text of more than a gibibyte.
  uint64_t Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const;

  // Returns the number of bytes of `tokens`; writes them only if all fit. Special tokens, such as the end of text, and
  // ids that the file leaves out have no bytes. Throws plugin::Error INVALID_ARGUMENT for an id that is not below
  // vocab_size.
  uint64_t Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const;

 private:
  static constexpr uint32_t kNoToken = 0xFFFFFFFF;

  explicit BpeTokenizer(const BpeDefinition& definition);

  void EncodePiece(std::string_view text, MergeScratch* scratch, std::vector<uint32_t>* tokens) const;
  void EncodeWord(std::string_view word, MergeScratch* scratch, std::vector<uint32_t>* tokens) const;
  // Merges the tokens of the single bytes of `word`. Bytes that have none are left out.
  void MergeBytes(std::string_view word, MergeScratch* scratch, std::vector<uint32_t>* tokens) const;
  Trie MakeWholeWords(const BpeDefinition& definition) const;

  const bool composes_;
  const std::vector<std::string> texts_;         // by id, as Decode gives them
  const std::array<uint32_t, 256> byte_tokens_;  // kNoToken: the vocabulary has none
  const Merger merger_;
  const Trie added_as_given_;    // content of added tokens to id: those that are looked for in the text as it is
  const Trie added_normalized_;  // those that are looked for in the normalised text
  // The words that become one token. A vocabulary may have tokens that merges do not lead to; those are not here.
  const Trie whole_words_;
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_TOKENIZER_H_
