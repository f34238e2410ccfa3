// Expressions of Jinja, as far as they can be known without messages: words, truth, conditions.
#ifndef SKEIN_CHAT_JINJA_CONDITION_H_
#define SKEIN_CHAT_JINJA_CONDITION_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

enum class Truth { kNo, kYes, kUnknown };

Truth Not(Truth a);
Truth And(Truth a, Truth b);
Truth Or(Truth a, Truth b);

struct JinjaToken {
  enum class Kind { kWord, kString, kNumber, kSign };
  Kind kind;
  std::string text;  // of a string: without its quotes and escapes
};

// The tokens of an expression. Bytes that begin no token are signs.
std::vector<JinjaToken> JinjaTokens(absl::string_view expression);

// The variables of a template that have a value, and whether the value counts as true. Others are undefined.
using JinjaVariables = std::map<std::string, Truth>;

// The truth of a condition: names, constants, `is defined` and its kind, comparisons with true and false, `not`, `and`,
// `or`, parentheses. kUnknown for everything else.
Truth EvaluateJinja(absl::Span<const JinjaToken> condition, const JinjaVariables& variables);

}  // namespace skein

#endif  // SKEIN_CHAT_JINJA_CONDITION_H_
