#include "screen_text.h"

namespace skein::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
}

// Whether `text` begins with one of U+0080 to U+009F.
bool IsLateControl(std::string_view text) {
  return text.size() >= 2 && text[0] == '\xC2' && (static_cast<unsigned char>(text[1]) & 0xE0) == 0x80;
}

}  // namespace

std::string ScreenText(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const size_t size = IsLateControl(text) ? 2 : 1;
    if (size == 2 || (IsControl(text[0]) && text[0] != '\r')) {
      shown += kReplacement;
    } else if (text[0] != '\r') {
      shown += text[0];
    }
    text.remove_prefix(size);
  }
  return shown;
}

}  // namespace skein::cli
