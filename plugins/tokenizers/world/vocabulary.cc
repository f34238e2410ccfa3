#include "tokenizers/world/vocabulary.h"

#include <algorithm>
#include <array>
#include <utility>

#include "support/boundary.h"
#include "tokenizers/world/literal.h"
#include "tokenizers/world/published_vocabulary.h"

namespace skein::tokenizers {
namespace {

// Whether the text of id 0 is a mark: `<s>` in files of Hugging Face and llama.cpp, `<|rwkv_tokenizer_end_of_text|>`.
bool IsEndMark(std::string_view text) {
  return text == "<s>" || (text.size() > 4 && text.starts_with("<|") && text.ends_with("|>"));
}

// Notes that `id` is that of line `number`, unless it is that of an earlier one.
void ClaimId(uint32_t id, uint32_t number, std::vector<uint32_t>* line_of_id) {
  if (id >= line_of_id->size()) line_of_id->resize(id + 1, 0);
  uint32_t& line = (*line_of_id)[id];
  if (line != 0) FailLine(number, "id " + std::to_string(id) + " is that of line " + std::to_string(line) + " as well");
  line = number;
}

// Appends what the literal of `line` stands for.
void AppendText(const VocabularyLine& line, std::string* bytes) {
  const size_t offset = bytes->size();
  try {
    AppendLiteral(line.literal, bytes);
  } catch (const plugin::Error& error) {
    FailLine(line.number, error.what());
  }
  const size_t size = bytes->size() - offset;
  if (size > kMaxTokenBytes) {
    FailLine(line.number, "expected at most " + std::to_string(kMaxTokenBytes) + " bytes in the literal, found " +
                              std::to_string(size));
  }
}

// As Python's b'...'.
void AppendBytesLiteral(std::string_view bytes, std::string* file) {
  constexpr std::string_view kHex = "0123456789abcdef";
  file->append("b'");
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\'' && c != '\\') {
      file->push_back(c);
    } else {
      file->append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  file->push_back('\'');
}

}  // namespace

Vocabulary::Vocabulary(std::span<const uint8_t> file) {
  VocabularyLines lines(file);
  std::vector<uint32_t> line_of_id;  // 0: the id has not been seen
  for (VocabularyLine line; lines.Next(&line);) {
    ClaimId(line.id, line.number, &line_of_id);
    const size_t offset = bytes_.size();
    AppendText(line, &bytes_);
    lines.CheckLength(bytes_.size() - offset);
    if (line.id == 0 && IsEndMark(std::string_view(bytes_).substr(offset))) bytes_.resize(offset);
    Add(line.id, offset);
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

Vocabulary Vocabulary::Published() {
  // Ids rise with the size: next_id[n] is the next one of a token of n bytes.
  std::array<uint32_t, 256> next_id = {};
  uint32_t num_ids = 1;
  size_t num_bytes = 0;
  for (PublishedTokens tokens; !tokens.AtEnd(); ++num_ids) {
    const uint32_t size = tokens.Next().size();
    num_bytes += size;
    ++next_id[size];
  }
  uint32_t first_id = 1;
  for (uint32_t& id : next_id) first_id += std::exchange(id, first_id);

  Vocabulary vocabulary;
  vocabulary.bytes_.reserve(num_bytes);
  vocabulary.ranges_.resize(num_ids);
  vocabulary.ids_by_text_.reserve(num_ids - 1);
  size_t previous = 0;
  for (PublishedTokens tokens; !tokens.AtEnd();) {
    const PublishedTokens::Token token = tokens.Next();
    const size_t offset = vocabulary.bytes_.size();
    vocabulary.bytes_.append(vocabulary.bytes_, previous, token.num_shared).append(token.rest);
    vocabulary.Add(next_id[token.size()]++, offset);
    previous = offset;
  }
  return vocabulary;
}

void Vocabulary::Add(uint32_t id, size_t offset) {
  if (id >= ranges_.size()) ranges_.resize(id + 1);
  ranges_[id] = {static_cast<uint32_t>(offset), static_cast<uint32_t>(bytes_.size() - offset)};
  if (ranges_[id].size > 0) ids_by_text_.push_back(id);
}

std::string Vocabulary::ToFile() const {
  std::string file;
  for (uint32_t id = 0; id < num_ids(); ++id) {
    if (text(id).empty()) continue;
    file.append(std::to_string(id)).push_back(' ');
    AppendBytesLiteral(text(id), &file);
    file.append(1, ' ').append(std::to_string(text(id).size())).push_back('\n');
  }
  return file;
}

}  // namespace skein::tokenizers
