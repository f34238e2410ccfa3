#include "tokenizer/utf8_stream.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace skein {
namespace {

// Bytes of the sequence that starts with `lead`; 0 for a byte that starts none.
size_t SequenceSize(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;  // a continuation, or the start of an overlong form
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;  // above U+10FFFF
}

// The Unicode Standard, table 3-7: the second byte excludes overlong forms, surrogates and what is above U+10FFFF.
bool IsSecondByte(uint8_t lead, uint8_t byte) {
  const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return byte >= low && byte <= high;
}

// The number of bytes at the end of `text` that are the start of a sequence, but not all of it.
size_t UnfinishedSize(absl::string_view text) {
  for (size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    const absl::string_view tail = text.substr(text.size() - size);
    const auto lead = static_cast<uint8_t>(tail[0]);
    if (lead >= 0x80 && lead < 0xC0) continue;  // a continuation: its lead is further back
    const bool is_sound = size == 1 || IsSecondByte(lead, static_cast<uint8_t>(tail[1]));
    return is_sound && SequenceSize(lead) > size ? size : 0;
  }
  return 0;
}

}  // namespace

std::string Utf8Stream::Push(absl::string_view bytes) {
  std::string text = std::move(pending_);
  text.append(bytes.data(), bytes.size());
  const size_t unfinished = UnfinishedSize(text);
  pending_.assign(text, text.size() - unfinished, unfinished);
  text.erase(text.size() - unfinished);
  return text;
}

std::string Utf8Stream::Flush() { return std::exchange(pending_, std::string()); }

}  // namespace skein
