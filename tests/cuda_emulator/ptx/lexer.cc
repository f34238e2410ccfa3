#include "lexer.h"

#include <algorithm>
#include <cctype>

namespace skein::emulator::ptx {
namespace {

bool IsOfName(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%'; }

// A point or a pair of colons belongs to the name if more of the name follows.
size_t NameLength(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const bool is_part = text[i] == '.' && i + 1 < text.size() && IsOfName(text[i + 1]);
    if (is_part || text.substr(i).starts_with("::")) {
      i += 2;
    } else if (IsOfName(text[i])) {
      ++i;
    } else {
      break;
    }
  }
  return i;
}

size_t NumberLength(std::string_view text) {
  size_t i = text[0] == '-' ? 1 : 0;
  while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '.')) ++i;
  return i;
}

}  // namespace

void Lexer::SkipSpace() {
  while (!rest_.empty()) {
    if (rest_[0] == '\n') {
      ++line_;
      rest_.remove_prefix(1);
    } else if (std::isspace(static_cast<unsigned char>(rest_[0]))) {
      rest_.remove_prefix(1);
    } else if (rest_.starts_with("//")) {
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
    } else if (rest_.starts_with("/*")) {
      const size_t end = std::min(rest_.find("*/"), rest_.size() - 2) + 2;
      line_ += static_cast<int>(std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      rest_.remove_prefix(end);
    } else {
      return;
    }
  }
}

Token Lexer::Cut(Token::Kind kind, size_t length) {
  const Token token = {kind, rest_.substr(0, length), line_};
  rest_.remove_prefix(std::min(length, rest_.size()));
  return token;
}

void Lexer::Next() {
  SkipSpace();
  if (rest_.empty()) {
    token_ = {Token::Kind::kEnd, "", line_};
    return;
  }
  const char c = rest_[0];
  const bool more = rest_.size() > 1;
  if (c == '"') {
    const size_t end = rest_.find('"', 1);
    token_ = {Token::Kind::kString, rest_.substr(1, end - 1), line_};
    if (end == std::string_view::npos) Fail("a string without an end");
    rest_.remove_prefix(end + 1);
  } else if (c == '.' && more && IsOfName(rest_[1])) {
    token_ = Cut(Token::Kind::kDirective, 1 + NameLength(rest_.substr(1)));
  } else if (std::isdigit(static_cast<unsigned char>(c)) ||
             (c == '-' && more && std::isdigit(static_cast<unsigned char>(rest_[1])))) {
    token_ = Cut(Token::Kind::kNumber, NumberLength(rest_));
  } else if (IsOfName(c)) {
    token_ = Cut(Token::Kind::kName, NameLength(rest_));
  } else {
    token_ = Cut(Token::Kind::kMark, 1);
  }
}

Token Lexer::Take() {
  const Token token = token_;
  Next();
  return token;
}

bool Lexer::TakeIf(std::string_view text) {
  if (!token_.Is(text)) return false;
  Next();
  return true;
}

void Lexer::Expect(std::string_view text) {
  if (!TakeIf(text)) Fail("\"" + std::string(token_.text) + "\"; expected \"" + std::string(text) + "\"");
}

Token Lexer::ExpectKind(Token::Kind kind, std::string_view what) {
  if (token_.kind != kind) Fail("\"" + std::string(token_.text) + "\"; expected " + std::string(what));
  return Take();
}

std::string_view Lexer::SkipBlock() {
  if (!token_.Is("{")) Fail("expected \"{\"");
  const char* begin = rest_.data();
  int depth = 1;
  size_t i = 0;
  for (; i < rest_.size(); ++i) {
    if (rest_[i] == '\n') ++line_;
    if (rest_[i] == '{') ++depth;
    if (rest_[i] == '}' && --depth == 0) break;
    if (rest_.substr(i).starts_with("//")) i = std::min(rest_.find('\n', i), rest_.size()) - 1;
  }
  if (depth != 0) Fail("a block without an end");
  rest_.remove_prefix(i + 1);
  Next();
  return {begin, i};
}

}  // namespace skein::emulator::ptx
