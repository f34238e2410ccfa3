#include "base/utf8.h"

#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace skein {

bool IsUtf8Text(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const uint8_t lead = static_cast<uint8_t>(text[i++]);
    if (lead == 0) return false;
    if (lead < 0x80) continue;
    const int num_more = lead >= 0xf0 && lead < 0xf5   ? 3
                         : lead >= 0xe0 && lead < 0xf0 ? 2
                         : lead >= 0xc2 && lead < 0xe0 ? 1
                                                       : 0;
    if (num_more == 0) return false;
    uint32_t code_point = lead & (0x3fu >> num_more);
    for (int k = 0; k < num_more; ++k, ++i) {
      if (i == text.size() || (static_cast<uint8_t>(text[i]) & 0xc0u) != 0x80u) return false;
      code_point = code_point << 6 | (static_cast<uint8_t>(text[i]) & 0x3fu);
    }
    const uint32_t smallest = num_more == 1 ? 0x80u : num_more == 2 ? 0x800u : 0x10000u;
    const bool surrogate = code_point >= 0xd800 && code_point < 0xe000;
    if (code_point < smallest || surrogate || code_point > 0x10ffff) return false;
  }
  return true;
}

std::string EscapeText(absl::string_view text) {
  return IsUtf8Text(text) ? absl::Utf8SafeCHexEscape(text) : absl::CHexEscape(text);
}

}  // namespace skein
