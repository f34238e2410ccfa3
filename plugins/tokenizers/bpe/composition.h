// Unicode normalisation form C: characters with marks in their composed form, marks in canonical order.
#ifndef SKEIN_PLUGINS_TOKENIZERS_BPE_COMPOSITION_H_
#define SKEIN_PLUGINS_TOKENIZERS_BPE_COMPOSITION_H_

#include <string>
#include <string_view>

namespace skein::tokenizers {

// `text` in form C. Returns `text` itself where it is easily seen to be in form C, else `*composed`, which it
// overwrites. Bytes that are no UTF-8 stay as they are, and nothing composes across them. The result may be longer than
// `text`: a few characters have no composed form in C. Time is n log n in the length of a run of marks, and linear in
// all else.
std::string_view Compose(std::string_view text, std::string* composed);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_BPE_COMPOSITION_H_
