// The World vocabulary as GGUF files embed it, turned into the vocabulary file that the World tokenizer reads.
#ifndef SKEIN_PLUGINS_FORMATS_GGUF_VOCABULARY_H_
#define SKEIN_PLUGINS_FORMATS_GGUF_VOCABULARY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skein::formats {

// Lines `id b'...' length`, one for each token that has text. `tokens` are by id, their bytes escaped as in Python's
// b'...' without the quotes. `types` are llama.cpp's, one for each token, or empty where the file has none: control,
// unknown and unused tokens have no text. Without types, the tokens that its converter makes up are told by their text:
// "<s>" as token 0, and "[PAD65530]" and the like behind the last real token. Throws plugin::Error DATA_LOSS if a token
// is malformed, which it names, or if the counts differ.
std::string WorldVocabularyFile(std::span<const std::string_view> tokens, std::span<const int32_t> types);

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_GGUF_VOCABULARY_H_
