#include "tokenizers/world/vocabulary_file.h"

#include <algorithm>

#include "support/boundary.h"

namespace skein::tokenizers {
namespace {

constexpr uint64_t kProbeBytes = 4096;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The number in `text`; `limit` or more if it is larger. Text that is no number fails.
uint64_t Number(std::string_view text, uint64_t limit, const char* name, uint64_t line) {
  if (!IsDigits(text)) FailLine(line, std::string("expected `id literal length`, found no decimal number as ") + name);
  uint64_t number = 0;
  for (const char digit : text) {
    number = number * 10 + static_cast<uint64_t>(digit - '0');
    if (number >= limit) return limit;
  }
  return number;
}

// Takes the first line off `*text`, without its LF or CRLF.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

struct Fields {
  std::string_view id;
  std::string_view literal;
  std::string_view length;
};

// The literal is what is between the first and the last space. All are empty if there is nothing between.
Fields SplitLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first + 1) return {};
  return {line.substr(0, first), line.substr(first + 1, last - first - 1), line.substr(last + 1)};
}

// Whether `text` begins and ends as a literal does.
bool LooksLikeLiteral(std::string_view text) {
  if (text.starts_with('b')) text.remove_prefix(1);
  return text.size() >= 2 && (text[0] == '\'' || text[0] == '"') && text.back() == text[0];
}

VocabularyForm FormOfLine(std::string_view line) {
  if (LooksLikeLiteral(line)) return VocabularyForm::kLiterals;
  const Fields fields = SplitLine(line);
  const bool is_numbered = LooksLikeLiteral(fields.literal) && IsDigits(fields.id) && IsDigits(fields.length);
  return is_numbered ? VocabularyForm::kNumbered : VocabularyForm::kNone;
}

std::string_view TextOf(std::span<const uint8_t> file) {
  std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

}  // namespace

void FailLine(uint64_t line, const std::string& what) {
  throw plugin::Error(SKEIN_DATA_LOSS, "vocabulary line " + std::to_string(line) + ": " + what);
}

VocabularyForm FormOf(std::span<const uint8_t> file) {
  const bool is_cut = file.size() > kProbeBytes;
  std::string_view rest = TextOf(file.first(std::min<uint64_t>(file.size(), kProbeBytes)));
  // A container that holds such a file near its start is none itself. Python writes a NUL as an escape.
  if (rest.find('\0') != std::string_view::npos) return VocabularyForm::kNone;
  uint64_t num_lines = 0;
  uint64_t num_numbered = 0;
  uint64_t num_literals = 0;
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    if (is_cut && rest.empty() && num_lines > 0) break;  // perhaps half a line
    ++num_lines;
    const VocabularyForm form = FormOfLine(line);
    if (form == VocabularyForm::kNumbered) ++num_numbered;
    if (form == VocabularyForm::kLiterals) ++num_literals;
  }
  if (num_numbered * 2 > num_lines) return VocabularyForm::kNumbered;
  return num_literals * 2 > num_lines ? VocabularyForm::kLiterals : VocabularyForm::kNone;
}

VocabularyLines::VocabularyLines(std::span<const uint8_t> file) : form_(FormOf(file)), rest_(TextOf(file)) {
  if (file.size() > kMaxVocabularyBytes) {
    throw plugin::Error(SKEIN_DATA_LOSS, "vocabulary: expected at most " + std::to_string(kMaxVocabularyBytes) +
                                             " bytes, found " + std::to_string(file.size()));
  }
  if (rest_.empty()) {
    throw plugin::Error(SKEIN_DATA_LOSS, "vocabulary: expected at least one line, found an empty file");
  }
}

bool VocabularyLines::Next(VocabularyLine* line) {
  if (rest_.empty()) return false;
  const std::string_view text = TakeLine(&rest_);
  line->number = ++number_;
  uint64_t id = number_ - 1;
  line->literal = text;
  if (form_ != VocabularyForm::kLiterals) {
    const Fields fields = SplitLine(text);
    id = Number(fields.id, kMaxVocabularyIds, "id", number_);
    line->literal = fields.literal;
    length_ = fields.length;
  }
  if (id >= kMaxVocabularyIds) {
    FailLine(number_, "expected an id below " + std::to_string(kMaxVocabularyIds) + ", found a larger one");
  }
  line->id = static_cast<uint32_t>(id);
  return true;
}

void VocabularyLines::CheckLength(uint64_t size) const {
  if (form_ == VocabularyForm::kLiterals) return;
  if (Number(length_, kMaxVocabularyBytes, "length", number_) == size) return;
  FailLine(number_, "expected length " + std::to_string(size) + ", the size of the literal, found " +
                        std::string(length_.substr(0, 20)));
}

}  // namespace skein::tokenizers
