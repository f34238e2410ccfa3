// Cuts text into the words that byte-level BPE merges within, as GPT-2's pattern does:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_WORDS_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_WORDS_H_

#include <string_view>

namespace skein::tokenizers {

// Takes the first word off `*text`, which must not be empty and may be any bytes. The words of a text, in order, are
// the text.
std::string_view TakeWord(std::string_view* text);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_WORDS_H_
