#include "base/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"

namespace skein {
namespace {

// Bytes of a sequence that begins with `lead`; 0 for a byte that begins none, and for NUL.
size_t SequenceSize(uint8_t lead) {
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  if (lead < 0xC2) return 0;  // a continuation, or the start of an overlong form
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;  // above U+10FFFF
}

// Whether `byte` may stand at `index` > 0 of a sequence. The second byte excludes overlong forms, surrogates and
// numbers above U+10FFFF (the Unicode Standard, table 3-7).
bool Continues(uint8_t lead, size_t index, uint8_t byte) {
  const uint8_t low = index > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const uint8_t high = index > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  return byte >= low && byte <= high;
}

// The sequence at the start of a text that is not empty: the bytes that are present, and the number that it should
// have.
struct Sequence {
  explicit Sequence(absl::string_view text) : expected(SequenceSize(static_cast<uint8_t>(text[0]))) {
    const auto lead = static_cast<uint8_t>(text[0]);
    found = expected > 0 ? 1 : 0;
    while (found < expected && found < text.size() && Continues(lead, found, static_cast<uint8_t>(text[found]))) {
      ++found;
    }
  }
  bool is_whole() const { return expected > 0 && found == expected; }

  size_t expected;
  size_t found;
};

}  // namespace

Utf8Piece TakeUtf8Piece(absl::string_view* text) {
  const Sequence sequence(*text);
  const bool is_cut = !sequence.is_whole() && sequence.found == text->size();
  const Utf8Piece piece = {text->substr(0, std::max<size_t>(sequence.found, 1)), sequence.is_whole()
                                                                                     ? Utf8Piece::kCharacter
                                                                                 : is_cut ? Utf8Piece::kCut
                                                                                          : Utf8Piece::kNoUtf8};
  text->remove_prefix(piece.bytes.size());
  return piece;
}

namespace {

// A sequence that the end of a text cuts.
enum class CutEnd { kLeftOut, kReplaced };

std::string Replaced(absl::string_view text, CutEnd cut_end) {
  constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
  std::string clean;
  while (!text.empty()) {
    const Utf8Piece piece = TakeUtf8Piece(&text);
    if (piece.kind == Utf8Piece::kCut && cut_end == CutEnd::kLeftOut) break;
    const absl::string_view shown = piece.kind == Utf8Piece::kCharacter ? piece.bytes : kReplacement;
    clean.append(shown.data(), shown.size());
  }
  return clean;
}

}  // namespace

bool IsUtf8Text(absl::string_view text) {
  while (!text.empty()) {
    if (TakeUtf8Piece(&text).kind != Utf8Piece::kCharacter) return false;
  }
  return true;
}

std::string ToUtf8Text(absl::string_view text) { return Replaced(text, CutEnd::kLeftOut); }

std::string ReplaceNonUtf8(absl::string_view text) { return Replaced(text, CutEnd::kReplaced); }

std::string EscapeText(absl::string_view text) {
  const std::string escaped = IsUtf8Text(text) ? absl::Utf8SafeCHexEscape(text) : absl::CHexEscape(text);
  // Abseil escapes quotes too, which are part of many names and of most messages.
  std::string shown;
  for (size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] == '\\') {
      ++i;  // to the character behind it, which is always there
      if (escaped[i] != '\'' && escaped[i] != '"') shown.push_back('\\');
    }
    shown.push_back(escaped[i]);
  }
  return shown;
}

}  // namespace skein
