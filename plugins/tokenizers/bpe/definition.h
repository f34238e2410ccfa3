// A tokenizer.json of Hugging Face `tokenizers` that holds a byte-level BPE, checked and as values.
//
// Supported: model BPE without affixes, dropout and ignore_merges; pre-tokenizer ByteLevel with its pattern and without
// prefix space; decoder ByteLevel; normalizer NFC or none; added tokens whose content is taken as it stands. Any other
// model, pre-tokenizer, decoder, normalizer or added token is refused by name, since it would encode differently. The
// post-processor, truncation and padding are ignored: they come after the tokens of a text.
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_DEFINITION_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_DEFINITION_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tokenizers/bpe/merger.h"

namespace skein::tokenizers {

// Bounds on what a file may make the tokenizer allocate. GPT-NeoX's file has 50277 ids in 2 MB.
inline constexpr uint64_t kMaxDefinitionBytes = uint64_t{64} << 20;
inline constexpr uint32_t kMaxBpeIds = 1u << 20;

// A text that is one token wherever it stands.
struct AddedToken {
  uint32_t id = 0;
  std::string content;      // UTF-8
  bool special = false;     // part of the protocol, not of the text
  bool normalized = false;  // is looked for in the normalised text, not in the text as given
};

struct BpeDefinition {
  // The bytes of each token of the vocabulary by id; empty where the vocabulary has no such id. An added token may have
  // an id of its own or one of these.
  std::vector<std::string> tokens;
  // True where the token is written in the byte alphabet, as all are that merges can make.
  std::vector<bool> is_bytes;
  std::vector<Merge> merges;  // in order of rank
  std::vector<AddedToken> added;
  bool composes = false;  // normalizer NFC
};

// Reads the whole of a tokenizer.json. Throws plugin::Error: DATA_LOSS, the file is damaged or contradicts itself, with
// the place inside it; UNIMPLEMENTED, it is of a kind that is not supported, with what it names.
BpeDefinition ReadDefinition(std::span<const uint8_t> file);

// True if the first 4096 bytes are those of a tokenizer.json, of whatever model.
bool LooksLikeDefinition(std::span<const uint8_t> file);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_DEFINITION_H_
