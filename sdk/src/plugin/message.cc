#include "plugin/message.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/utf8.h"

namespace skein {
namespace {

bool IsFailureOfAPlugin(int32_t code) {
  switch (code) {
    case SKEIN_CANCELLED:
    case SKEIN_DEADLINE_EXCEEDED:
    case SKEIN_UNAUTHENTICATED:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::string TextAt(const char* text) {
  constexpr size_t kMaxBytes = 4096;
  return text == nullptr ? std::string() : TextWithin(text, kMaxBytes);
}

std::string TextWithin(const char* text, size_t size) {
  return ToUtf8Text(absl::string_view(text, strnlen(text, size)));
}

void EndTextWithin(char* text, size_t size) {
  std::string clean = TextWithin(text, size);
  // Replacements are longer than what they replace. The second pass leaves out a character that the cut divides.
  if (clean.size() >= size) clean = ToUtf8Text(absl::string_view(clean).substr(0, size - 1));
  *std::copy(clean.begin(), clean.end(), text) = '\0';
}

absl::Status FromPlugin(int32_t code, const skein_message& message, absl::string_view plugin_id) {
  if (code == SKEIN_OK) return absl::OkStatus();
  const std::string text = TextOf(message.text);
  const absl::string_view reason = text.empty() ? "gave no reason" : absl::string_view(text);
  if (code < 0 || code > SKEIN_UNAUTHENTICATED) {
    return absl::InternalError(absl::StrCat(plugin_id, ": returned unknown code ", code, ": ", reason));
  }
  const auto known = static_cast<absl::StatusCode>(code);
  if (!IsFailureOfAPlugin(code)) {
    return absl::InternalError(absl::StrCat(plugin_id, ": returned ", absl::StatusCodeToString(known),
                                            ", which is no failure of a plugin: ", reason));
  }
  return absl::Status(known, absl::StrCat(plugin_id, ": ", reason));
}

}  // namespace skein
