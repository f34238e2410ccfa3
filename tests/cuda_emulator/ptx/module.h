// A module of PTX as text: which kernels it has, with their parameters; and the statements of one of them.
//
// Bodies are read when they are asked for: a file of the backend has a hundred thousand lines, and a test runs few.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_MODULE_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_MODULE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "types.h"

namespace skein::emulator::ptx {

// A variable of a space, or a parameter.
struct Variable {
  std::string_view name;
  std::string_view space;  // "param", "shared", "local"
  uint32_t alignment = 1;
  uint32_t num_bytes = 0;  // 0: dynamic shared memory
};

struct Operand {
  enum class Kind { kName, kNumber, kVector, kAddress };
  Kind kind = Kind::kName;
  bool is_negated = false;        // "!%p1"
  std::string_view text;          // the name or the number; of an address its base, which may be either
  std::string_view second;        // the predicate behind the bar: "%r1|%p1"
  int64_t displacement = 0;       // of an address, or of a symbol
  std::vector<Operand> elements;  // of a vector
  int scope = 0;                  // in which the names are looked up
};

// A line of C++ that PTX came from.
struct SourceLine {
  const char* file = nullptr;  // of the module
  int line = 0;
};

struct Statement {
  std::string_view label;   // not empty: nothing but a label
  std::string_view opcode;  // with its modifiers
  std::string_view guard;   // a predicate
  bool is_guard_negated = false;
  std::vector<Operand> operands;
  int scope = 0;  // in which the guard is looked up
  int line = 0;
  SourceLine source;
};

struct Register {
  std::string_view name;  // or the part before the number
  Type type = Type::kNone;
  uint32_t count = 0;  // not 0: names are followed by a number below this
};

// A block of statements in braces, with names of its own.
struct Scope {
  int parent = -1;
  std::vector<Register> registers;
};

struct Body {
  std::vector<Scope> scopes;
  std::vector<Variable> variables;
  std::vector<Statement> statements;
};

struct Entry {
  std::string_view name;  // mangled
  std::vector<Variable> parameters;
  int line = 0;

  std::string_view text;  // of the body
  int body_line = 0;
};

class Module {
 public:
  // Throws LoadError if the text is not known.
  Module(std::string file, std::string text);
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  const std::string& file() const { return file_; }
  uint32_t target() const { return target_; }  // 90 for sm_90
  const std::vector<Entry>& entries() const { return entries_; }
  // What the body refers to lives as long as the module. Throws LoadError.
  Body BodyOf(const Entry& entry) const;
  // The file of a number in the text; NULL: there is none.
  const char* SourceFile(uint32_t number) const;
  // Of the module: dynamic shared memory.
  const std::vector<Variable>& variables() const { return variables_; }

 private:
  const std::string file_;
  const std::string text_;
  uint32_t target_ = 0;
  std::vector<Entry> entries_;
  std::vector<Variable> variables_;
  std::map<uint32_t, std::string> source_files_;
};

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_MODULE_H_
