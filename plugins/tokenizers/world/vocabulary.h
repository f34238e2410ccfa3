// Vocabulary files of World models: text, one token a line, `id SP literal SP length`.
//   id       decimal
//   literal  as Python's repr writes it: a string, whose UTF-8 bytes are the token, or a byte string b'...'; it may
//            contain spaces
//   length   bytes of the token, decimal
// Lines end in LF or CRLF. The ids may come in any order and with gaps. The published vocabulary has no id 0, which its
// models use as end of text; files of small models may have one.
#ifndef SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_H_
#define SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace skein::tokenizers {

// Bounds on what a file may make the tokenizer allocate. The published vocabulary has 65529 tokens of at most 128 bytes
// in 1.1 MB.
inline constexpr uint32_t kMaxVocabularyIds = 1u << 20;
inline constexpr uint64_t kMaxVocabularyBytes = uint64_t{16} << 20;
inline constexpr uint32_t kMaxTokenBytes = 1024;

// The tokens of a file: text by id. Ids that the file leaves out, and ids whose literal is empty, have empty text.
class Vocabulary {
 public:
  // Throws plugin::Error DATA_LOSS with the number of the line that is damaged: not of the form above, a length that is
  // not the literal's, an id or a text that an earlier line has.
  explicit Vocabulary(std::span<const uint8_t> file);

  uint32_t num_ids() const { return static_cast<uint32_t>(ranges_.size()); }  // the highest id and one
  std::string_view text(uint32_t id) const { return {bytes_.data() + ranges_[id].offset, ranges_[id].size}; }

  // The ids that have text, in ascending order of their text as unsigned bytes.
  const std::vector<uint32_t>& ids_by_text() const { return ids_by_text_; }

 private:
  struct Range {
    uint32_t offset = 0;  // in bytes_
    uint32_t size = 0;
  };

  std::string bytes_;  // all texts, in the order of the file
  std::vector<Range> ranges_;
  std::vector<uint32_t> ids_by_text_;
};

// True if most of the lines in the first 4096 bytes have the form above. Not all of them need it, so that a damaged
// file is still recognised, and its damage reported.
bool LooksLikeVocabulary(std::span<const uint8_t> file);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_H_
