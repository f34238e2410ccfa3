#include "chat/jinja_text.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "chat/jinja_condition.h"

namespace skein {
namespace {

using Tokens = absl::Span<const JinjaToken>;

// Longer templates are none: those of other programs have some thousand bytes.
constexpr size_t kMaxSourceBytes = 1 << 20;

// A statement, beside `if`, that goes on to an end of its own. `set` does so if it assigns nothing.
bool OpensBlock(absl::string_view word) {
  return word == "for" || word == "macro" || word == "call" || word == "filter" || word == "set";
}

bool IsAssignment(Tokens tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [](const JinjaToken& token) {
    return token.kind == JinjaToken::Kind::kSign && token.text == "=";
  });
}

bool IsWord(const JinjaToken& token, absl::string_view word) {
  return token.kind == JinjaToken::Kind::kWord && token.text == word;
}

// Every token of `tokens` that stands in no brackets.
std::vector<JinjaToken> OutsideBrackets(Tokens tokens) {
  std::vector<JinjaToken> outside;
  int depth = 0;
  for (const JinjaToken& token : tokens) {
    const bool is_sign = token.kind == JinjaToken::Kind::kSign;
    const bool opens = is_sign && absl::string_view("([{").find(token.text) != absl::string_view::npos;
    const bool closes = is_sign && absl::string_view(")]}").find(token.text) != absl::string_view::npos;
    if (closes) --depth;
    if (depth == 0 && !opens && !closes) outside.push_back(token);
    if (opens) ++depth;
  }
  return outside;
}

// The walk through a template.
class CertainText {
 public:
  void AddText(absl::string_view text) {
    if (current_ == Truth::kYes) written_.append(text.data(), text.size());
  }

  // {{ expression }}: its string literals, or those of the branch of `a if b else c` that holds.
  void AddExpression(absl::string_view expression) {
    if (current_ != Truth::kYes) return;
    const std::vector<JinjaToken> tokens = OutsideBrackets(JinjaTokens(expression));
    Tokens rest = tokens;
    while (true) {
      const auto if_word = std::find_if(rest.begin(), rest.end(), [](const auto& t) { return IsWord(t, "if"); });
      if (if_word == rest.end()) return AddLiterals(rest);
      const auto else_word = std::find_if(if_word, rest.end(), [](const auto& t) { return IsWord(t, "else"); });
      const Truth holds = EvaluateJinja(Tokens(if_word + 1, else_word - if_word - 1), variables_);
      if (holds == Truth::kYes) return AddLiterals(rest.first(if_word - rest.begin()));
      if (holds == Truth::kUnknown || else_word == rest.end()) return;
      rest.remove_prefix(else_word - rest.begin() + 1);
    }
  }

  // {% statement %}
  void AddStatement(absl::string_view statement) {
    const std::vector<JinjaToken> tokens = JinjaTokens(statement);
    if (tokens.empty() || tokens[0].kind != JinjaToken::Kind::kWord) return;
    const std::string& word = tokens[0].text;
    const Tokens rest = Tokens(tokens).subspan(1);
    if (word == "if") {
      Open(EvaluateJinja(rest, variables_), Truth::kNo);
    } else if (word == "elif" || word == "else") {
      Turn(word == "else" ? Truth::kYes : EvaluateJinja(rest, variables_));
    } else if (word == "set" && IsAssignment(rest)) {
      if (rest.size() >= 2 && rest[1].text == "=") Set(rest[0].text, rest.subspan(2));
    } else if (OpensBlock(word)) {
      Open(Truth::kUnknown, Truth::kUnknown);
    } else if (absl::StartsWith(word, "end") && (word == "endif" || OpensBlock(word.substr(3)))) {
      Close();
    }
  }

  std::string TakeWritten() { return std::move(written_); }

 private:
  // A statement that has an end.
  struct Block {
    Truth outside;  // whether the text around it is written
    Truth earlier;  // whether one of its branches so far holds
  };

  void AddLiterals(Tokens tokens) {
    for (const JinjaToken& token : tokens) {
      if (token.kind == JinjaToken::Kind::kString) written_ += token.text;
    }
  }
  // `earlier`: kUnknown for a block whose branches are not told apart.
  void Open(Truth holds, Truth earlier) {
    blocks_.push_back({current_, Or(earlier, holds)});
    current_ = And(current_, holds);
  }
  void Turn(Truth holds) {
    if (blocks_.empty()) return;
    Block& block = blocks_.back();
    current_ = And(block.outside, And(Not(block.earlier), holds));
    block.earlier = Or(block.earlier, holds);
  }
  void Close() {
    if (blocks_.empty()) return;
    current_ = blocks_.back().outside;
    blocks_.pop_back();
  }
  void Set(const std::string& name, Tokens value) {
    if (current_ == Truth::kNo) return;
    variables_[name] = current_ == Truth::kYes ? EvaluateJinja(value, variables_) : Truth::kUnknown;
  }

  JinjaVariables variables_ = {{"add_generation_prompt", Truth::kYes},
                               {"messages", Truth::kYes},
                               {"bos_token", Truth::kUnknown},
                               {"eos_token", Truth::kUnknown}};
  std::vector<Block> blocks_;
  Truth current_ = Truth::kYes;
  std::string written_;
};

// Takes the text up to `end` off `*rest`, outside of quotes, and `end` with it.
absl::string_view TakeUntil(absl::string_view end, absl::string_view* rest) {
  char quote = 0;
  for (size_t at = 0; at < rest->size(); ++at) {
    const char c = (*rest)[at];
    if (quote != 0) {
      if (c == '\\') ++at;
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (absl::StartsWith(rest->substr(at), end)) {
      const absl::string_view inside = rest->substr(0, at);
      rest->remove_prefix(at + end.size());
      return inside;
    }
  }
  return std::exchange(*rest, absl::string_view());
}

// Without the marks that take white space away around a tag.
absl::string_view WithoutMarks(absl::string_view inside) {
  for (const char* mark : {"-", "+"}) {
    absl::ConsumePrefix(&inside, mark);
    absl::ConsumeSuffix(&inside, mark);
  }
  return inside;
}

}  // namespace

std::string CertainJinjaText(absl::string_view source) {
  CertainText text;
  if (source.size() > kMaxSourceBytes) return "";
  while (!source.empty()) {
    const size_t tag = std::min(source.find('{'), source.size());
    text.AddText(source.substr(0, tag));
    source.remove_prefix(tag);
    if (absl::ConsumePrefix(&source, "{{")) {
      text.AddExpression(WithoutMarks(TakeUntil("}}", &source)));
    } else if (absl::ConsumePrefix(&source, "{%")) {
      text.AddStatement(WithoutMarks(TakeUntil("%}", &source)));
    } else if (absl::ConsumePrefix(&source, "{#")) {
      const size_t end = source.find("#}");
      source.remove_prefix(end == absl::string_view::npos ? source.size() : end + 2);
    } else if (!source.empty()) {
      text.AddText(source.substr(0, 1));
      source.remove_prefix(1);
    }
  }
  return text.TakeWritten();
}

}  // namespace skein
