// Files that hold a vocabulary of World models: text, one token a line, in one of two forms.
//
// `id SP literal SP length`, as the models' author publishes it:
//   id       decimal
//   literal  as Python's repr writes it: a string, whose UTF-8 bytes are the token, or a byte string b'...'; it may
//            contain spaces
//   length   bytes of the token, decimal
// The ids may come in any order and with gaps. The published vocabulary has no id 0, which its models use as end of
// text; files of small models may have one.
//
// `literal`, as Hugging Face's vocab.txt has it: line n, from 0, is token n.
//
// Lines end in LF or CRLF. A byte order mark in front of the first line is skipped.
#ifndef SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_FILE_H_
#define SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_FILE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace skein::tokenizers {

// Bounds on what a file may make the tokenizer allocate. The published vocabulary has 65529 tokens of at most 128 bytes
// in 1.1 MB.
inline constexpr uint32_t kMaxVocabularyIds = 1u << 20;
inline constexpr uint64_t kMaxVocabularyBytes = uint64_t{16} << 20;
inline constexpr uint32_t kMaxTokenBytes = 1024;

// Throws plugin::Error DATA_LOSS that names the line, from 1.
[[noreturn]] void FailLine(uint64_t line, const std::string& what);

enum class VocabularyForm { kNone, kNumbered, kLiterals };

// The form that most of the lines in the first 4096 bytes have; kNone if most have neither, or a byte is NUL. Not all
// need it, so that a damaged file is still recognised, and its damage reported.
VocabularyForm FormOf(std::span<const uint8_t> file);

struct VocabularyLine {
  uint32_t number = 0;  // from 1
  uint32_t id = 0;      // below kMaxVocabularyIds
  std::string_view literal;
};

// Walks the lines of a file, which must outlive it.
class VocabularyLines {
 public:
  // Throws plugin::Error DATA_LOSS if the file is empty or too large.
  explicit VocabularyLines(std::span<const uint8_t> file);

  // False at the end. Throws plugin::Error DATA_LOSS that names a line that has not the form of the file.
  bool Next(VocabularyLine* line);

  // Checks the length that the last line states, if the file has the form with lengths.
  void CheckLength(uint64_t size) const;

 private:
  const VocabularyForm form_;
  std::string_view rest_;
  uint32_t number_ = 0;
  std::string_view length_;  // of the last line
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_WORLD_VOCABULARY_FILE_H_
