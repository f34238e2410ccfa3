#include "program.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include "decoder.h"
#include "fusion.h"
#include "lexer.h"

namespace skein::emulator::ptx {
namespace {

const std::map<std::string_view, const Opcode*>& Opcodes() {
  static const auto opcodes = [] {
    std::map<std::string_view, const Opcode*> all;
    for (const auto& some : {ArithmeticOpcodes(), FloatOpcodes(), BitOpcodes(), SelectionOpcodes(), ConversionOpcodes(),
                             MemoryOpcodes(), AsyncCopyOpcodes(), FlowOpcodes(), WarpOpcodes(), TensorOpcodes()}) {
      for (const Opcode& opcode : some) all[opcode.name] = &opcode;
    }
    return all;
  }();
  return opcodes;
}

uint32_t RoundUp(uint32_t value, uint32_t multiple) { return (value + multiple - 1) / multiple * multiple; }

// Where a space's variables lie, one behind the other, and where the last one ends.
uint32_t LayOut(const std::vector<Variable>& variables, std::string_view space, uint64_t begin,
                std::map<std::string_view, uint64_t>& symbols) {
  uint32_t end = 0;
  for (const Variable& variable : variables) {
    if (variable.space != space) continue;
    end = RoundUp(end, variable.alignment);
    symbols[variable.name] = begin + end;
    end += variable.num_bytes;
  }
  return end;
}

void Resolve(const Module& module, const Statement& statement, const std::map<std::string_view, uint32_t>& labels,
             Instruction& instruction) {
  const auto label = labels.find(statement.operands[0].text);
  if (label == labels.end()) {
    throw LoadError(module.file(), statement.line, "no label \"" + std::string(statement.operands[0].text) + "\"");
  }
  instruction.target = label->second;
}

Instruction DecodeStatement(const Module& module, const Statement& statement, Registers& registers,
                            const Program& program, const std::map<std::string_view, uint64_t>& symbols) {
  Decoder decoder(module, statement, registers, program, symbols);
  const auto opcode = Opcodes().find(statement.opcode.substr(0, statement.opcode.find('.')));
  if (opcode == Opcodes().end()) decoder.Fail("no such instruction is known");
  opcode->second->decode(decoder);
  if (!decoder.modifiers.empty()) {
    decoder.Fail("\"." + std::string(decoder.modifiers.parts()[0]) + "\" is not known here");
  }
  return decoder.instruction;
}

}  // namespace

std::string Demangled(std::string_view name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(std::string(name).c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : std::string(name);
}

Program Decode(const Module& module, const Entry& entry, Products products) {
  const Body body = module.BodyOf(entry);
  Program program;
  program.name = Demangled(entry.name);
  program.file = module.file();
  program.parameters = entry.parameters;
  std::map<std::string_view, uint64_t> symbols;
  program.parameter_bytes = LayOut(entry.parameters, "param", 0, symbols);
  for (const Variable& parameter : entry.parameters) {
    program.parameter_offsets.push_back(static_cast<uint32_t>(symbols[parameter.name]));
  }
  program.local_bytes = LayOut(body.variables, "local", 0, symbols);
  program.local_bytes = RoundUp(program.local_bytes, 16);
  program.shared_bytes = LayOut(body.variables, "shared", kSharedBegin, symbols);
  for (const Variable& dynamic : module.variables()) {
    program.shared_bytes = RoundUp(program.shared_bytes, dynamic.alignment);
    symbols[dynamic.name] = kSharedBegin + program.shared_bytes;
    if (dynamic.num_bytes != 0) throw LoadError(module.file(), entry.line, "shared memory of the module: not known");
  }

  std::map<std::string_view, uint32_t> labels;
  uint32_t num_instructions = 0;
  for (const Statement& statement : body.statements) {
    if (statement.label.empty()) {
      ++num_instructions;
    } else {
      labels[statement.label] = num_instructions;
    }
  }
  Registers registers(body, program);
  for (const Statement& statement : body.statements) {
    if (!statement.label.empty()) continue;
    program.code.push_back(DecodeStatement(module, statement, registers, program, symbols));
    if (program.code.back().flow == Flow::kBranch) Resolve(module, statement, labels, program.code.back());
  }
  if (products == Products::kFused) program.num_fused = FuseProducts(body, program);
  if (program.code.empty() || program.code.back().flow != Flow::kExit) {
    Instruction end;
    end.flow = Flow::kExit;
    end.opcode = "the end of the kernel";
    program.code.push_back(end);
  }
  program.image.resize(program.file_bytes, kUnwritten);
  return program;
}

}  // namespace skein::emulator::ptx
