#include "base/short_text.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace skein {
namespace {

constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr absl::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026
// Words are not shortened below this. Then the text as a whole is.
constexpr size_t kLeastWordBytes = 48;

// Whether a character moves the cursor, ends a line or gives a terminal an order: C0, DEL, C1, U+2028 and U+2029.
bool IsControl(absl::string_view character) {
  const auto byte = [character](size_t i) { return static_cast<uint8_t>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  return character == "\xE2\x80\xA8" || character == "\xE2\x80\xA9";
}

// A character as it is shown.
absl::string_view Shown(absl::string_view character) {
  if (character == "\n") return "\\n";
  if (character == "\r") return "\\r";
  if (character == "\t") return "\\t";
  return IsControl(character) ? kReplacement : character;
}

// The number of bytes at the start of `text`, at most `size`, that cut no character.
size_t WholeBytes(absl::string_view text, size_t size) {
  const auto continues = [text](size_t i) { return (static_cast<uint8_t>(text[i]) & 0xC0) == 0x80; };
  if (size >= text.size()) return text.size();
  size_t whole = size;
  while (whole > 0 && size - whole < 3 && continues(whole)) --whole;
  return whole;
}

// Calls `put` with the pieces of a part of a text as they are shown. `is_last`: nothing follows it.
template <typename Put>
void PutClean(absl::string_view part, bool is_last, const Put& put) {
  while (!part.empty()) {
    const Utf8Piece piece = TakeUtf8Piece(&part);
    if (piece.kind == Utf8Piece::kCut && is_last) return;
    put(piece.kind == Utf8Piece::kCharacter ? Shown(piece.bytes) : kReplacement);
  }
}

// A word that is too long keeps its start in a third of the room, and its end, where the name of a file is.
template <typename Put>
void PutWord(absl::string_view word, size_t max_bytes, bool is_last, const Put& put) {
  if (word.size() <= max_bytes) return PutClean(word, is_last, put);
  const size_t head = WholeBytes(word, max_bytes / 3);
  const size_t tail = WholeBytes(word, word.size() - (max_bytes - max_bytes / 3 - kEllipsis.size()));
  PutClean(word.substr(0, head), false, put);
  put(kEllipsis);
  PutClean(word.substr(tail), is_last, put);
}

template <typename Put>
void PutWords(absl::string_view text, size_t max_word_bytes, const Put& put) {
  while (!text.empty()) {
    const absl::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size());
    PutWord(word, max_word_bytes, text.empty(), put);
    if (text.empty()) return;
    put(text.substr(0, 1));
    text.remove_prefix(1);
  }
}

size_t SizeOf(absl::string_view text, size_t max_word_bytes) {
  size_t size = 0;
  PutWords(text, max_word_bytes, [&size](absl::string_view piece) { size += piece.size(); });
  return size;
}

// The longest words with which a text fits; kLeastWordBytes or less if it does not fit.
size_t MaxWordBytes(absl::string_view text, size_t room) {
  size_t max_word_bytes = std::max(text.size(), kLeastWordBytes);
  if (SizeOf(text, max_word_bytes) <= room) return max_word_bytes;
  for (max_word_bytes = room / 2; max_word_bytes > kLeastWordBytes; max_word_bytes /= 2) {
    if (SizeOf(text, max_word_bytes) <= room) break;
  }
  return max_word_bytes;
}

// Writes pieces one behind the other. Those in the gap of a text that is too long are left out.
class Writer {
 public:
  Writer(absl::Span<char> to, size_t size) : to_(to) {
    const size_t room = to.size() - 1;
    if (size <= room) return;
    const size_t left = room > kEllipsis.size() ? room - kEllipsis.size() : 0;
    gap_begin_ = left / 4;
    gap_end_ = size - (left - gap_begin_);
  }

  void operator()(absl::string_view piece) {
    const size_t begin = offset_;
    offset_ += piece.size();
    if (offset_ <= gap_begin_ || begin >= gap_end_) return Append(piece);
    if (!in_gap_) Append(kEllipsis);
    in_gap_ = true;
  }

  size_t Finish() {
    to_[written_] = '\0';
    return written_;
  }

 private:
  void Append(absl::string_view piece) {
    if (piece.size() >= to_.size() - written_) return;  // not even the ellipsis fits
    std::copy(piece.begin(), piece.end(), to_.begin() + static_cast<ptrdiff_t>(written_));
    written_ += piece.size();
  }

  const absl::Span<char> to_;
  size_t gap_begin_ = SIZE_MAX;
  size_t gap_end_ = SIZE_MAX;
  size_t offset_ = 0;  // in the text as it would be without a gap
  size_t written_ = 0;
  bool in_gap_ = false;
};

}  // namespace

size_t WriteShortText(absl::string_view text, absl::Span<char> to) {
  const size_t max_word_bytes = MaxWordBytes(text, to.size() - 1);
  Writer writer(to, SizeOf(text, max_word_bytes));
  PutWords(text, max_word_bytes, [&writer](absl::string_view piece) { writer(piece); });
  return writer.Finish();
}

std::string ShortText(absl::string_view text, size_t max_bytes) {
  // Three bytes may stand for one.
  std::string line(std::min(3 * text.size(), max_bytes) + 1, '\0');
  line.resize(WriteShortText(text, absl::MakeSpan(line)));
  return line;
}

}  // namespace skein
