#include "chat/jinja_condition.h"

#include <cstddef>

#include "absl/strings/ascii.h"

namespace skein {
namespace {

constexpr int kMaxDepth = 32;

bool IsWordCharacter(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The string at the start of `rest`, which begins with a quote. Takes it off `*rest`.
JinjaToken TakeString(absl::string_view* rest) {
  JinjaToken token = {JinjaToken::Kind::kString, ""};
  const char quote = rest->front();
  rest->remove_prefix(1);
  while (!rest->empty() && rest->front() != quote) {
    char c = rest->front();
    if (c == '\\' && rest->size() > 1) {
      rest->remove_prefix(1);
      c = rest->front() == 'n' ? '\n' : rest->front() == 't' ? '\t' : rest->front();
    }
    token.text.push_back(c);
    rest->remove_prefix(1);
  }
  if (!rest->empty()) rest->remove_prefix(1);
  return token;
}

JinjaToken TakeWord(absl::string_view* rest) {
  size_t size = 1;
  while (size < rest->size() && IsWordCharacter((*rest)[size])) ++size;
  const bool is_number = absl::ascii_isdigit(static_cast<unsigned char>(rest->front()));
  JinjaToken token = {is_number ? JinjaToken::Kind::kNumber : JinjaToken::Kind::kWord,
                      std::string(rest->substr(0, size))};
  rest->remove_prefix(size);
  return token;
}

JinjaToken TakeSign(absl::string_view* rest) {
  const bool is_comparison =
      rest->size() > 1 && (*rest)[1] == '=' && absl::string_view("=!<>").find(rest->front()) != absl::string_view::npos;
  const size_t size = is_comparison ? 2 : 1;
  JinjaToken token = {JinjaToken::Kind::kSign, std::string(rest->substr(0, size))};
  rest->remove_prefix(size);
  return token;
}

// Python and Jinja spell constants with a capital or without.
bool IsConstant(absl::string_view word, Truth* value) {
  if (word.size() > 5) return false;
  const std::string lower = absl::AsciiStrToLower(word);
  if (lower != "true" && lower != "false" && lower != "none") return false;
  *value = lower == "true" ? Truth::kYes : Truth::kNo;
  return true;
}

// A recursive descent. Whatever it does not know makes the whole condition unknown.
class Condition {
 public:
  Condition(absl::Span<const JinjaToken> tokens, const JinjaVariables& variables)
      : rest_(tokens), variables_(variables) {}

  Truth Evaluate() {
    const Truth value = Any(0);
    return is_known_ && rest_.empty() ? value : Truth::kUnknown;
  }

 private:
  bool Take(absl::string_view text) {
    if (rest_.empty() || rest_[0].kind == JinjaToken::Kind::kString || rest_[0].text != text) return false;
    rest_.remove_prefix(1);
    return true;
  }
  Truth Fail() {
    is_known_ = false;
    rest_ = {};
    return Truth::kUnknown;
  }

  Truth Any(int depth) {
    Truth value = All(depth);
    while (Take("or")) value = Or(value, All(depth));
    return value;
  }
  Truth All(int depth) {
    Truth value = Negated(depth);
    while (Take("and")) value = And(value, Negated(depth));
    return value;
  }
  Truth Negated(int depth) {
    bool negates = false;
    while (Take("not")) negates = !negates;
    const Truth value = Tested(depth);
    return negates ? Not(value) : value;
  }

  // A value, perhaps tested or compared.
  Truth Tested(int depth) {
    std::string name;
    const Truth value = Value(depth, &name);
    if (Take("is")) return Test(value, name);
    const bool is_equal = Take("==");
    if (!is_equal && !Take("!=")) return value;
    const Truth same = IsSame(value, name);
    return is_equal ? same : Not(same);
  }

  // Whether a value that may have a name is the constant that follows.
  Truth IsSame(Truth value, const std::string& name) {
    if (rest_.empty()) return Fail();
    const JinjaToken token = rest_[0];
    rest_.remove_prefix(1);
    if (!name.empty() && variables_.count(name) == 0) return Truth::kNo;  // what is undefined is no constant
    Truth constant = Truth::kUnknown;
    if (token.kind != JinjaToken::Kind::kWord || !IsConstant(token.text, &constant)) return Truth::kUnknown;
    return constant == Truth::kYes ? value : Not(value);
  }

  // The test behind `is` of a value that may have a name.
  Truth Test(Truth value, const std::string& name) {
    const bool negates = Take("not");
    const bool is_defined = variables_.count(name) != 0;
    Truth result = Truth::kUnknown;
    if (Take("defined") && !name.empty()) {
      result = is_defined ? Truth::kYes : Truth::kNo;
    } else if (Take("undefined") && !name.empty()) {
      result = is_defined ? Truth::kNo : Truth::kYes;
    } else if (Take("true")) {
      result = value;
    } else if (Take("false")) {
      result = name.empty() || is_defined ? Not(value) : Truth::kNo;  // what is undefined is not false either
    } else {
      return Fail();
    }
    return negates ? Not(result) : result;
  }

  // `*name` is set for a variable.
  Truth Value(int depth, std::string* name) {
    if (rest_.empty() || depth == kMaxDepth) return Fail();
    if (Take("(")) {
      const Truth inside = Any(depth + 1);
      return Take(")") ? inside : Fail();
    }
    const JinjaToken token = rest_[0];
    if (token.kind != JinjaToken::Kind::kWord) return Fail();
    rest_.remove_prefix(1);
    Truth value = Truth::kNo;
    if (IsConstant(token.text, &value)) return value;
    *name = token.text;
    const auto found = variables_.find(token.text);
    return found == variables_.end() ? Truth::kNo : found->second;
  }

  absl::Span<const JinjaToken> rest_;
  const JinjaVariables& variables_;
  bool is_known_ = true;
};

}  // namespace

Truth Not(Truth a) {
  if (a == Truth::kUnknown) return a;
  return a == Truth::kYes ? Truth::kNo : Truth::kYes;
}

Truth And(Truth a, Truth b) {
  if (a == Truth::kNo || b == Truth::kNo) return Truth::kNo;
  return a == Truth::kYes ? b : Truth::kUnknown;
}

Truth Or(Truth a, Truth b) { return Not(And(Not(a), Not(b))); }

std::vector<JinjaToken> JinjaTokens(absl::string_view expression) {
  std::vector<JinjaToken> tokens;
  while (!expression.empty()) {
    const char c = expression.front();
    if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
      expression.remove_prefix(1);
    } else if (c == '\'' || c == '"') {
      tokens.push_back(TakeString(&expression));
    } else {
      tokens.push_back(IsWordCharacter(c) ? TakeWord(&expression) : TakeSign(&expression));
    }
  }
  return tokens;
}

Truth EvaluateJinja(absl::Span<const JinjaToken> condition, const JinjaVariables& variables) {
  return Condition(condition, variables).Evaluate();
}

}  // namespace skein
