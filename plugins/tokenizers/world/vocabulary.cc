#include "tokenizers/world/vocabulary.h"

#include <algorithm>

#include "support/boundary.h"
#include "tokenizers/world/literal.h"

namespace skein::tokenizers {
namespace {

constexpr uint64_t kProbeBytes = 4096;

[[noreturn]] void FailLine(uint64_t line, const std::string& what) {
  throw plugin::Error(SKEIN_DATA_LOSS, "vocabulary line " + std::to_string(line) + ": " + what);
}

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

std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Vocabulary::Vocabulary(std::span<const uint8_t> file) {
  if (file.size() > kMaxVocabularyBytes) {
    throw plugin::Error(SKEIN_DATA_LOSS, "vocabulary: expected at most " + std::to_string(kMaxVocabularyBytes) +
                                             " bytes, found " + std::to_string(file.size()));
  }
  std::string_view rest = AsText(file);
  if (rest.empty()) throw plugin::Error(SKEIN_DATA_LOSS, "vocabulary: expected at least one line, found an empty file");

  std::vector<uint32_t> line_of_id;  // 0: the id has not been seen
  uint32_t line_number = 0;
  while (!rest.empty()) {
    ++line_number;
    const Fields fields = SplitLine(TakeLine(&rest));
    const uint64_t id = Number(fields.id, kMaxVocabularyIds, "id", line_number);
    if (id == kMaxVocabularyIds) {
      FailLine(line_number, "expected an id below " + std::to_string(kMaxVocabularyIds) + ", found a larger one");
    }
    if (id >= ranges_.size()) {
      ranges_.resize(id + 1);
      line_of_id.resize(id + 1, 0);
    }
    if (line_of_id[id] != 0) {
      FailLine(line_number,
               "id " + std::to_string(id) + " is that of line " + std::to_string(line_of_id[id]) + " as well");
    }
    line_of_id[id] = line_number;

    const size_t offset = bytes_.size();
    try {
      AppendLiteral(fields.literal, &bytes_);
    } catch (const plugin::Error& error) {
      FailLine(line_number, error.what());
    }
    const size_t size = bytes_.size() - offset;
    if (size > kMaxTokenBytes) {
      FailLine(line_number, "expected at most " + std::to_string(kMaxTokenBytes) + " bytes in the literal, found " +
                                std::to_string(size));
    }
    if (Number(fields.length, kMaxVocabularyBytes, "length", line_number) != size) {
      FailLine(line_number, "expected length " + std::to_string(size) + ", the size of the literal, found " +
                                std::string(fields.length.substr(0, 20)));
    }
    ranges_[id] = {static_cast<uint32_t>(offset), static_cast<uint32_t>(size)};
    if (size > 0) ids_by_text_.push_back(static_cast<uint32_t>(id));
  }

  std::sort(ids_by_text_.begin(), ids_by_text_.end(), [&](uint32_t a, uint32_t b) {
    const int order = text(a).compare(text(b));
    return order != 0 ? order < 0 : line_of_id[a] < line_of_id[b];
  });
  const auto same = std::adjacent_find(ids_by_text_.begin(), ids_by_text_.end(),
                                       [&](uint32_t a, uint32_t b) { return text(a) == text(b); });
  if (same != ids_by_text_.end()) {
    FailLine(line_of_id[*(same + 1)], "the text is that of line " + std::to_string(line_of_id[*same]) + " as well");
  }
}

bool LooksLikeVocabulary(std::span<const uint8_t> file) {
  const bool is_cut = file.size() > kProbeBytes;
  std::string_view rest = AsText(file.first(std::min<uint64_t>(file.size(), kProbeBytes)));
  uint64_t num_lines = 0;
  uint64_t num_matching = 0;
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    if (is_cut && rest.empty() && num_lines > 0) break;  // perhaps half a line
    ++num_lines;
    const Fields fields = SplitLine(line);
    const std::string_view opening = fields.literal.substr(0, fields.literal.starts_with('b') ? 2 : 1);
    const bool is_literal =
        (opening.ends_with('\'') || opening.ends_with('"')) && fields.literal.back() == opening.back();
    if (is_literal && IsDigits(fields.id) && IsDigits(fields.length)) ++num_matching;
  }
  return num_matching * 2 > num_lines;
}

}  // namespace skein::tokenizers
