#include "module.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>
#include <utility>

#include "lexer.h"

namespace skein::emulator::ptx {
namespace {

uint32_t TakeCount(Lexer& lexer) {
  const Token token = lexer.ExpectKind(Token::Kind::kNumber, "a number");
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
  if (error != std::errc() || end != token.text.data() + token.text.size()) lexer.Fail("expected a number");
  return value;
}

Type TakeType(Lexer& lexer) {
  const Token token = lexer.ExpectKind(Token::Kind::kDirective, "a type");
  const Type type = TypeNamed(token.text.substr(1));
  if (type == Type::kNone) lexer.Fail("no type \"" + std::string(token.text) + "\"");
  return type;
}

// Behind the space: ".align 8 .b8 name[16]", ".u64 name".
Variable TakeVariable(Lexer& lexer, std::string_view space) {
  Variable variable;
  variable.space = space;
  const bool is_aligned = lexer.TakeIf(".align");
  if (is_aligned) variable.alignment = TakeCount(lexer);
  const uint32_t element = BytesOf(TakeType(lexer));
  if (!is_aligned) variable.alignment = element;
  if (lexer.TakeIf(".ptr")) {  // what the pointer points to
    for (const std::string_view to : {".global", ".shared", ".local", ".const"}) lexer.TakeIf(to);
    if (lexer.TakeIf(".align")) TakeCount(lexer);
  }
  variable.name = lexer.ExpectKind(Token::Kind::kName, "the name of a variable").text;
  variable.num_bytes = element;
  if (lexer.TakeIf("[")) {
    variable.num_bytes = lexer.token().Is("]") ? 0 : element * TakeCount(lexer);
    lexer.Expect("]");
  }
  if (lexer.token().Is("=")) lexer.Fail("a variable with a value: not known");
  return variable;
}

Entry TakeEntry(Lexer& lexer) {
  Entry entry;
  entry.line = lexer.token().line;
  entry.name = lexer.ExpectKind(Token::Kind::kName, "the name of a kernel").text;
  if (lexer.TakeIf("(")) {
    while (!lexer.TakeIf(")")) {
      lexer.Expect(".param");
      entry.parameters.push_back(TakeVariable(lexer, "param"));
      if (!lexer.token().Is(")")) lexer.Expect(",");
    }
  }
  // Limits of the launch, which the compiler of the device's code looks at: ".maxntid 128, 1, 1".
  while (lexer.token().kind == Token::Kind::kDirective) {
    const Token limit = lexer.Take();
    if (!limit.Is(".maxntid") && !limit.Is(".minnctapersm") && !limit.Is(".reqntid") && !limit.Is(".maxnreg")) {
      lexer.Fail("\"" + std::string(limit.text) + "\" of a kernel: not known");
    }
    do TakeCount(lexer);
    while (lexer.TakeIf(","));
  }
  entry.body_line = lexer.token().line;
  entry.text = lexer.SkipBlock();
  return entry;
}

// A place in C++, as ".loc" gives it, and the call that it was inlined at.
struct Location {
  uint32_t file = 0, line = 0, column = 0;
  bool operator<(const Location& other) const {
    return std::tie(file, line, column) < std::tie(other.file, other.line, other.column);
  }
};

// The functions of instructions.h and of CUDA's headers stand for what their caller does.
bool IsOfCaller(const char* file) {
  return file == nullptr || std::string_view(file).ends_with("/instructions.h") ||
         std::string_view(file).find("/targets/") != std::string_view::npos;
}

class BodyParser {
 public:
  BodyParser(const Module& module, const Entry& entry)
      : module_(module), lexer_(module.file(), entry.text, entry.body_line) {
    body_.scopes.emplace_back();
  }

  Body Parse() {
    while (lexer_.token().kind != Token::Kind::kEnd) ParseOne();
    if (scope_ != 0) lexer_.Fail("a block without an end");
    return std::move(body_);
  }

 private:
  void ParseOne() {
    if (lexer_.TakeIf("{")) {
      body_.scopes.push_back({scope_, {}});
      scope_ = static_cast<int>(body_.scopes.size()) - 1;
    } else if (lexer_.TakeIf("}")) {
      if (scope_ == 0) lexer_.Fail("\"}\" without \"{\"");
      scope_ = body_.scopes[static_cast<size_t>(scope_)].parent;
    } else if (lexer_.TakeIf(";")) {
      // Inline assembly may end twice.
    } else if (lexer_.token().kind == Token::Kind::kDirective) {
      ParseDirective();
    } else {
      ParseStatement();
    }
  }

  void ParseDirective() {
    const Token directive = lexer_.Take();
    if (directive.Is(".reg")) {
      ParseRegisters();
    } else if (directive.Is(".shared") || directive.Is(".local")) {
      body_.variables.push_back(TakeVariable(lexer_, directive.text.substr(1)));
    } else if (directive.Is(".pragma")) {
      lexer_.ExpectKind(Token::Kind::kString, "a pragma");
    } else if (directive.Is(".loc")) {
      return ParseLocation();
    } else {
      lexer_.Fail("\"" + std::string(directive.text) + "\" in a kernel: not known");
    }
    lexer_.Expect(";");
  }

  Location TakeLocation() {
    Location location;
    for (uint32_t* part : {&location.file, &location.line, &location.column}) *part = TakeCount(lexer_);
    return location;
  }

  // ".loc 4 124 3, function_name $L__info_string21, inlined_at 1 307 5", without a semicolon.
  void ParseLocation() {
    Location location = TakeLocation();
    Location caller;
    if (lexer_.TakeIf(",")) {
      lexer_.Expect("function_name");
      lexer_.ExpectKind(Token::Kind::kName, "the name of a function");
      if (lexer_.TakeIf("+")) TakeCount(lexer_);
      lexer_.Expect(",");
      lexer_.Expect("inlined_at");
      caller = TakeLocation();
    }
    callers_[location] = caller;
    // The text has told before where the caller itself was inlined at.
    constexpr int kDeepest = 16;
    for (int i = 0; i < kDeepest && IsOfCaller(module_.SourceFile(location.file)); ++i) {
      if (callers_[location].file == 0) break;
      location = callers_[location];
    }
    source_ = {module_.SourceFile(location.file), static_cast<int>(location.line)};
  }

  void ParseRegisters() {
    Register names;
    names.type = TakeType(lexer_);
    do {
      names.name = lexer_.ExpectKind(Token::Kind::kName, "the name of a register").text;
      names.count = 0;
      if (lexer_.TakeIf("<")) {
        names.count = TakeCount(lexer_);
        lexer_.Expect(">");
      }
      body_.scopes[static_cast<size_t>(scope_)].registers.push_back(names);
    } while (lexer_.TakeIf(","));
  }

  void ParseStatement() {
    Statement statement;
    statement.line = lexer_.token().line;
    statement.scope = scope_;
    statement.source = source_;
    if (lexer_.TakeIf("@")) {
      statement.is_guard_negated = lexer_.TakeIf("!");
      statement.guard = lexer_.ExpectKind(Token::Kind::kName, "a predicate").text;
    }
    const Token name = lexer_.ExpectKind(Token::Kind::kName, "an instruction");
    if (lexer_.TakeIf(":")) {
      statement.label = name.text;
    } else {
      statement.opcode = name.text;
      while (!lexer_.TakeIf(";")) {
        statement.operands.push_back(ParseOperand());
        if (!lexer_.token().Is(";")) lexer_.Expect(",");
      }
    }
    body_.statements.push_back(std::move(statement));
  }

  Operand ParseOperand() {
    Operand operand;
    operand.scope = scope_;
    if (lexer_.TakeIf("{")) {
      operand.kind = Operand::Kind::kVector;
      do operand.elements.push_back(ParseOperand());
      while (lexer_.TakeIf(","));
      lexer_.Expect("}");
      return operand;
    }
    if (lexer_.TakeIf("[")) {
      operand.kind = Operand::Kind::kAddress;
      operand.text = lexer_.Take().text;
      ParseDisplacement(operand);
      lexer_.Expect("]");
      return operand;
    }
    operand.is_negated = lexer_.TakeIf("!");
    if (lexer_.token().kind == Token::Kind::kNumber) {
      operand.kind = Operand::Kind::kNumber;
      operand.text = lexer_.Take().text;
      return operand;
    }
    operand.text = lexer_.ExpectKind(Token::Kind::kName, "an operand").text;
    if (lexer_.TakeIf("|")) operand.second = lexer_.ExpectKind(Token::Kind::kName, "a predicate").text;
    ParseDisplacement(operand);
    return operand;
  }

  void ParseDisplacement(Operand& operand) {
    if (!lexer_.TakeIf("+")) return;
    const Token token = lexer_.ExpectKind(Token::Kind::kNumber, "a displacement");
    std::from_chars(token.text.data(), token.text.data() + token.text.size(), operand.displacement);
  }

  const Module& module_;
  Lexer lexer_;
  Body body_;
  int scope_ = 0;
  SourceLine source_;
  std::map<Location, Location> callers_;
};

}  // namespace

Module::Module(std::string file, std::string text) : file_(std::move(file)), text_(std::move(text)) {
  Lexer lexer(file_, text_);
  while (lexer.token().kind != Token::Kind::kEnd) {
    const Token directive = lexer.ExpectKind(Token::Kind::kDirective, "a directive");
    if (directive.Is(".version")) {
      lexer.ExpectKind(Token::Kind::kNumber, "a version");
    } else if (directive.Is(".target")) {
      const std::string_view name = lexer.ExpectKind(Token::Kind::kName, "a target").text;
      std::from_chars(name.data() + std::min<size_t>(3, name.size()), name.data() + name.size(), target_);
      if (target_ == 0) lexer.Fail("\"" + std::string(name) + "\"; expected a target as sm_90");
    } else if (directive.Is(".address_size")) {
      if (TakeCount(lexer) != 64) lexer.Fail("addresses of other than 64 bits: not known");
    } else if (directive.Is(".visible") || directive.Is(".weak")) {
      if (!lexer.token().Is(".entry")) lexer.Fail("\"" + std::string(lexer.token().text) + "\"; expected .entry");
    } else if (directive.Is(".entry")) {
      entries_.push_back(TakeEntry(lexer));
    } else if (directive.Is(".extern") && lexer.TakeIf(".shared")) {
      variables_.push_back(TakeVariable(lexer, "shared"));
      lexer.Expect(";");
    } else if (directive.Is(".file")) {
      const uint32_t number = TakeCount(lexer);
      source_files_[number] = lexer.ExpectKind(Token::Kind::kString, "the name of a file").text;
    } else if (directive.Is(".section")) {  // for debuggers
      lexer.ExpectKind(Token::Kind::kDirective, "the name of a section");
      lexer.SkipBlock();
    } else {
      lexer.Fail("\"" + std::string(directive.text) + "\" in a module: not known");
    }
  }
}

const char* Module::SourceFile(uint32_t number) const {
  const auto file = source_files_.find(number);
  return file == source_files_.end() ? nullptr : file->second.c_str();
}

Body Module::BodyOf(const Entry& entry) const { return BodyParser(*this, entry).Parse(); }

}  // namespace skein::emulator::ptx
