#include "tokenizers/bpe/composition.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "support/boundary.h"
#include "tokenizers/bpe/characters.h"

namespace skein::tokenizers {
namespace {

// The first combining mark is U+0300, whose first byte in UTF-8 is 0xCC. A character below it neither changes in form C
// nor joins the character in front of it; only a mark behind it may join it.
constexpr uint32_t kFirstMark = 0x300;
constexpr uint8_t kFirstMarkLead = 0xCC;

// True for characters that neither change nor join the one in front. The ideographs are named because whole texts are
// made of them.
bool StartsAfresh(uint32_t value) {
  return value < kFirstMark || (value >= 0x4E00 && value <= 0x9FFF) || (value >= 0x3400 && value <= 0x4DBF);
}

utf8proc_propval_t CombiningClass(utf8proc_int32_t value) { return utf8proc_get_property(value)->combining_class; }

// Takes code points and appends them to a text in form C, stretch by stretch: a stretch begins where StartsAfresh.
class Composer {
 public:
  explicit Composer(std::string* text) : text_(text) {}

  void Add(uint32_t value) {
    if (StartsAfresh(value)) Flush();
    stretch_.push_back(static_cast<utf8proc_int32_t>(value));
  }

  // Ends the stretch: what is added next does not join it.
  void Flush() {
    if (stretch_.size() == 1 && StartsAfresh(static_cast<uint32_t>(stretch_[0]))) {
      AppendCodePoint(static_cast<uint32_t>(stretch_[0]), text_);
    } else if (!stretch_.empty()) {
      Decompose();
      SortMarks();
      const utf8proc_ssize_t count =
          utf8proc_normalize_utf32(decomposed_.data(), static_cast<utf8proc_ssize_t>(decomposed_.size()),
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
      for (utf8proc_ssize_t i = 0; i < count; ++i) {
        AppendCodePoint(static_cast<uint32_t>(decomposed_[static_cast<size_t>(i)]), text_);
      }
    }
    stretch_.clear();
  }

 private:
  void Decompose() {
    decomposed_.clear();
    std::array<utf8proc_int32_t, 8> parts;  // Unicode's canonical decompositions have at most 4
    for (const utf8proc_int32_t value : stretch_) {
      int boundary = 0;
      const utf8proc_ssize_t count =
          utf8proc_decompose_char(value, parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
                                  static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE), &boundary);
      if (count < 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) {
        throw plugin::Error(SKEIN_INTERNAL, "normalising text: no decomposition of U+" + std::to_string(value));
      }
      decomposed_.insert(decomposed_.end(), parts.begin(), parts.begin() + count);
    }
  }

  // Canonical order. utf8proc's own is quadratic in the length of a run of marks.
  void SortMarks() {
    const auto is_starter = [](utf8proc_int32_t value) { return CombiningClass(value) == 0; };
    for (auto at = decomposed_.begin(); at != decomposed_.end();) {
      at = std::find_if_not(at, decomposed_.end(), is_starter);
      const auto end = std::find_if(at, decomposed_.end(), is_starter);
      std::stable_sort(at, end,
                       [](utf8proc_int32_t a, utf8proc_int32_t b) { return CombiningClass(a) < CombiningClass(b); });
      at = end;
    }
  }

  std::string* const text_;
  std::vector<utf8proc_int32_t> stretch_;
  std::vector<utf8proc_int32_t> decomposed_;  // of the stretch
};

}  // namespace

std::string_view Compose(std::string_view text, std::string* composed) {
  const auto is_plain = [](char byte) { return static_cast<uint8_t>(byte) < kFirstMarkLead; };
  if (std::all_of(text.begin(), text.end(), is_plain)) return text;
  composed->clear();
  composed->reserve(text.size());
  Composer composer(composed);
  while (!text.empty()) {
    const CodePoint character = FirstCodePoint(text);
    if (character.valid) {
      composer.Add(character.value);
    } else {
      composer.Flush();
      composed->push_back(text.front());
    }
    text.remove_prefix(character.size);
  }
  composer.Flush();
  return *composed;
}

}  // namespace skein::tokenizers
