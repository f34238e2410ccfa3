// Facts about a file. Each fact is written once, and has two forms: a member of a JSON object for programs, and a line
// for people.
//
// The tree is our own: one of nlohmann-json allocates memory while it is destroyed, which ends the process when there
// is none.
#ifndef SKEIN_FILES_FACTS_H_
#define SKEIN_FILES_FACTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace skein {

struct Fact;
using Facts = std::vector<Fact>;

// 0.1, not 0.100000001490116, for 0.1f.
double ShortestReal(float number);

// Nothing, a scalar, an object, or a list. It is no std::variant: a copy of one of libstdc++ 12 crashes if it gets no
// memory.
struct FactValue {
  enum class Kind { kNothing, kYesOrNo, kInteger, kReal, kText, kFacts, kList };

  // NOLINTBEGIN(google-explicit-constructor): a fact is written as its name and its value
  FactValue();
  FactValue(bool is);
  FactValue(uint32_t number);
  FactValue(uint64_t number);
  FactValue(double number);
  FactValue(float number);  // the real number with the fewest digits that is read back as this one
  FactValue(const char* a_text);
  FactValue(std::string a_text);
  FactValue(Facts members);
  FactValue(std::vector<FactValue> items);
  // NOLINTEND(google-explicit-constructor)

  Kind kind = Kind::kNothing;
  uint64_t integer = 0;
  double real = 0;
  std::string text = {};  // any bytes
  Facts facts;
  std::vector<FactValue> list;
};

struct Fact {
  std::string name;  // of the member
  FactValue value;
  // The line for people: a label, and a text where that is not simply the value. Without a label the fact has no line,
  // but the facts in its value may have theirs.
  std::string label = {};
  std::optional<std::string> text = {};
};

// Only here, where a Fact is complete, can its vector be made.
inline FactValue::FactValue() = default;
inline FactValue::FactValue(bool is) : kind(Kind::kYesOrNo), integer(is ? 1 : 0) {}
inline FactValue::FactValue(uint32_t number) : kind(Kind::kInteger), integer(number) {}
inline FactValue::FactValue(uint64_t number) : kind(Kind::kInteger), integer(number) {}
inline FactValue::FactValue(double number) : kind(Kind::kReal), real(number) {}
inline FactValue::FactValue(float number) : kind(Kind::kReal), real(ShortestReal(number)) {}
inline FactValue::FactValue(const char* a_text) : kind(Kind::kText), text(a_text) {}
inline FactValue::FactValue(std::string a_text) : kind(Kind::kText), text(std::move(a_text)) {}
inline FactValue::FactValue(Facts members) : kind(Kind::kFacts), facts(std::move(members)) {}
inline FactValue::FactValue(std::vector<FactValue> items) : kind(Kind::kList), list(std::move(items)) {}

// One object, indented, with a newline at the end. U+FFFD stands for bytes that are not UTF-8.
std::string FactsAsJson(const Facts& facts);

// `title`, and a line for each fact with a label and a text that is not empty. Control characters are escaped.
std::string FactsAsText(absl::string_view title, const Facts& facts);

// The members of a list or an object are separated by commas, and a member of an object follows its name. Nothing is
// "". Control characters are escaped.
std::string ValueAsText(const FactValue& value);

// The text with blanks behind it, `width` bytes at least. absl::StrFormat could do it, but ends the process when memory
// runs out.
std::string Padded(absl::string_view text, size_t width);

}  // namespace skein

#endif  // SKEIN_FILES_FACTS_H_
