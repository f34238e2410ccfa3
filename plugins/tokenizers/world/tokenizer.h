// The tokenizer of World models: the longest token that matches, from left to right, on raw bytes. It does not
// normalise text.
#ifndef SKEIN_PLUGINS_TOKENIZERS_WORLD_TOKENIZER_H_
#define SKEIN_PLUGINS_TOKENIZERS_WORLD_TOKENIZER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizers/trie.h"
#include "tokenizers/world/vocabulary.h"

namespace skein::tokenizers {

// Immutable; any thread.
class WorldTokenizer {
 public:
  // 100 for a name of the published vocabulary (published_vocabulary.h), 90 if it looks like a vocabulary file of this
  // kind, else 0.
  static uint32_t Probe(std::span<const uint8_t> vocabulary);

  // The published vocabulary as a file.
  static std::string OwnVocabulary();

  // `vocabulary` is a file, or a name of the published vocabulary. Throws plugin::Error DATA_LOSS, see Vocabulary.
  explicit WorldTokenizer(std::span<const uint8_t> vocabulary);

  uint32_t vocab_size() const { return vocabulary_.num_ids(); }

  // Returns the number of tokens of `text`, which is at most its size; writes them only if all fit. It is fastest, one
  // pass, with room for as many tokens as bytes. With a vocabulary that has all 256 single bytes it succeeds for any
  // text. Else it throws plugin::Error INVALID_ARGUMENT that names the first byte where no token matches.
  uint64_t Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const;

  // Returns the number of bytes of `tokens`; writes them only if all fit. An id without text, such as 0 where it is not
  // in the vocabulary (the end of text), has no bytes. Throws plugin::Error INVALID_ARGUMENT for an id that is not
  // below vocab_size.
  uint64_t Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const;

 private:
  const Vocabulary vocabulary_;
  const Trie trie_;
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_WORLD_TOKENIZER_H_
