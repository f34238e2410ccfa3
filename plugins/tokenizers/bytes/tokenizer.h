// The tokenizer of byte-level models: 256 tokens, and the id of a token is its byte. It has no special tokens.
#ifndef SKEIN_PLUGINS_TOKENIZERS_BYTES_TOKENIZER_H_
#define SKEIN_PLUGINS_TOKENIZERS_BYTES_TOKENIZER_H_

#include <cstdint>
#include <span>

namespace skein::tokenizers {

// Immutable; any thread.
class BytesTokenizer {
 public:
  // 100 for the five bytes "bytes", which stand for this tokenizer where a vocabulary is asked for; 0 for all else.
  static uint32_t Probe(std::span<const uint8_t> vocabulary);

  // Throws plugin::Error INVALID_ARGUMENT if `vocabulary` is neither empty nor "bytes".
  explicit BytesTokenizer(std::span<const uint8_t> vocabulary);

  uint32_t vocab_size() const { return 256; }

  // Each returns the size of its input, which is the size of its result; writes the result only if all of it fits.
  // Decode throws plugin::Error INVALID_ARGUMENT for an id above 255.
  uint64_t Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const;
  uint64_t Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const;
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BYTES_TOKENIZER_H_
