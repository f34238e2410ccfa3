// The words of PTX text.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_LEXER_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_LEXER_H_

#include <stdexcept>
#include <string>
#include <string_view>

namespace skein::emulator::ptx {

// A text that the interpreter does not know: "FILE:LINE: what".
class LoadError : public std::runtime_error {
 public:
  LoadError(std::string_view file, int line, const std::string& what)
      : std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what) {}
};

struct Token {
  enum class Kind {
    kEnd,
    kName,       // of an opcode with its modifiers, a register with its part, a label, a symbol: "ld.global.v2.f32"
    kDirective,  // with its point: ".reg"
    kNumber,     // its text: "0f3F800000", "-1", "0xEA"
    kString,     // without the quotes
    kMark,       // one character
  };
  Kind kind = Kind::kEnd;
  std::string_view text;
  int line = 0;

  bool Is(std::string_view other) const { return text == other && kind != Kind::kString; }
};

// Comments are left out.
class Lexer {
 public:
  // `file`, for messages, and the text outlive the lexer.
  Lexer(std::string_view file, std::string_view text, int first_line = 1)
      : file_(file), rest_(text), line_(first_line) {
    Next();
  }

  const Token& token() const { return token_; }
  // The present token; the next one takes its place.
  Token Take();
  bool TakeIf(std::string_view text);
  void Expect(std::string_view text);
  Token ExpectKind(Token::Kind kind, std::string_view what);
  // Passes over a block in braces, of which the present token is the first. Gives the text between them.
  std::string_view SkipBlock();

  std::string_view file() const { return file_; }
  [[noreturn]] void Fail(const std::string& what) const { throw LoadError(file_, token_.line, what); }

 private:
  void Next();
  void SkipSpace();
  Token Cut(Token::Kind kind, size_t length);

  std::string_view file_;
  std::string_view rest_;
  int line_;
  Token token_;
};

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_LEXER_H_
