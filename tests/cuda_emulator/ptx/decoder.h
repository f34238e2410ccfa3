// What a row of the table of opcodes sees of an instruction that it decodes.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_DECODER_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_DECODER_H_

#include <bit>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program.h"

namespace skein::emulator::ptx {

// The parts of an opcode behind its name, each taken once. What is left in the end is not known.
class Modifiers {
 public:
  explicit Modifiers(std::string_view opcode);

  bool Take(std::string_view modifier);
  // The first of `modifiers` that is there; empty if there is none.
  std::string_view TakeOne(std::initializer_list<std::string_view> modifiers);
  // The first type that is left; kNone if there is none.
  Type TakeType();
  bool empty() const { return parts_.empty(); }
  const std::vector<std::string_view>& parts() const { return parts_; }

 private:
  std::vector<std::string_view> parts_;
};

// Which registers there are, and where.
class Registers {
 public:
  Registers(const Body& body, Program& program);

  struct Found {
    Place place;
    Type type;
  };
  // A name as a block sees it. False: no register.
  bool Find(std::string_view name, int scope, Found& found);
  Place Constant(uint64_t bits, uint32_t num_bytes);
  Place Scratch(uint32_t num_bytes) { return Allocate(num_bytes == 4 ? kLanes * 4 : kLanes * num_bytes); }

 private:
  Place Allocate(uint32_t num_bytes);

  const Body& body_;
  Program& program_;
  std::vector<std::map<std::string, Found, std::less<>>> names_;  // by scope
  std::map<std::pair<uint64_t, uint32_t>, Place> constants_;
  std::map<Special, Place> specials_;
};

class Decoder {
 public:
  Decoder(const Module& module, const Statement& statement, Registers& registers, const Program& program,
          const std::map<std::string_view, uint64_t>& symbols);

  Instruction instruction;
  Modifiers modifiers;

  size_t num_operands() const { return statement_.operands.size(); }
  // Fails unless there are so many.
  void ExpectOperands(size_t count);
  void ExpectOperands(size_t least, size_t most);
  // The type that is left among the modifiers, one of `types` if there are any.
  Type TakeType(std::initializer_list<Type> types = {});

  // Where operand `index` has its numbers of a type: a register of its size, or a constant.
  Place Source(size_t index, Type type) { return SourceOf(statement_.operands.at(index), type); }
  Place SourceOf(const Operand& operand, Type type);
  // A register of exactly this size to write.
  Place Target(size_t index, Type type) { return TargetOf(statement_.operands.at(index), type); }
  Place TargetOf(const Operand& operand, Type type);
  // A register that may be wider than the type, with its size.
  Place Wide(const Operand& operand, Type type, uint8_t& register_bytes);
  // The predicate behind a bar; kNoPlace if there is none.
  Place SecondTarget(size_t index);
  bool IsPredicate(size_t index);

  const Operand& operand(size_t index) const { return statement_.operands.at(index); }
  // The elements of a vector, or the operand alone.
  std::span<const Operand> ElementsOf(size_t index) const;
  // A number that is part of the instruction.
  int64_t Number(size_t index);
  // An address, into operands[place], address_bytes and immediate.
  void Address(size_t index, size_t place);

  [[noreturn]] void Fail(const std::string& what) const;

 private:
  bool FindRegister(const Operand& operand, Registers::Found& found);
  uint64_t ParseNumber(std::string_view text, Type type) const;

  const Module& module_;
  const Statement& statement_;
  Registers& registers_;
  const Program& program_;
  const std::map<std::string_view, uint64_t>& symbols_;
};

// Makes an instruction of a statement whose opcode has the row's name.
struct Opcode {
  std::string_view name;  // the part before the first point
  void (*decode)(Decoder& decoder);
};

// Each file of operations has some.
std::span<const Opcode> ArithmeticOpcodes();
std::span<const Opcode> FloatOpcodes();
std::span<const Opcode> BitOpcodes();
std::span<const Opcode> SelectionOpcodes();
std::span<const Opcode> ConversionOpcodes();
std::span<const Opcode> MemoryOpcodes();
std::span<const Opcode> AsyncCopyOpcodes();
std::span<const Opcode> FlowOpcodes();
std::span<const Opcode> WarpOpcodes();
std::span<const Opcode> TensorOpcodes();

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_DECODER_H_
