// A vocabulary of World models: the published one, or one from a file (vocabulary_file.h).
#ifndef SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_H_
#define SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/world/vocabulary_file.h"

namespace skein::tokenizers {

// The tokens: text by id. Ids that are left out, and ids whose literal is empty, have empty text. So has id 0 where its
// literal is a mark for the end of text and no text: `<s>`, or anything of the form `<|...|>`.
class Vocabulary {
 public:
  // Throws plugin::Error DATA_LOSS with the number of the line that is damaged: not of the form of the file, a length
  // that is not the literal's, an id or a text that an earlier line has.
  explicit Vocabulary(std::span<const uint8_t> file);

  // The published vocabulary.
  static Vocabulary Published();

  uint32_t num_ids() const { return static_cast<uint32_t>(ranges_.size()); }  // the highest id and one
  std::string_view text(uint32_t id) const { return {bytes_.data() + ranges_[id].offset, ranges_[id].size}; }

  // The ids that have text, in ascending order of their text as unsigned bytes.
  const std::vector<uint32_t>& ids_by_text() const { return ids_by_text_; }

  // A file of the numbered form that gives the same vocabulary. Its literals are byte strings.
  std::string ToFile() const;

 private:
  struct Range {
    uint32_t offset = 0;  // in bytes_
    uint32_t size = 0;
  };

  Vocabulary() = default;
  void Add(uint32_t id, size_t offset);

  std::string bytes_;  // all texts, one behind the other
  std::vector<Range> ranges_;
  std::vector<uint32_t> ids_by_text_;
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_H_
