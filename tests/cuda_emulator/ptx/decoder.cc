#include "decoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

#include "lexer.h"

namespace skein::emulator::ptx {
namespace {

constexpr std::pair<std::string_view, Special> kSpecials[] = {
    {"%tid.x", Special::kTidX},
    {"%tid.y", Special::kTidY},
    {"%tid.z", Special::kTidZ},
    {"%ntid.x", Special::kNtidX},
    {"%ntid.y", Special::kNtidY},
    {"%ntid.z", Special::kNtidZ},
    {"%ctaid.x", Special::kCtaidX},
    {"%ctaid.y", Special::kCtaidY},
    {"%ctaid.z", Special::kCtaidZ},
    {"%nctaid.x", Special::kNctaidX},
    {"%nctaid.y", Special::kNctaidY},
    {"%nctaid.z", Special::kNctaidZ},
    {"%laneid", Special::kLaneid},
    {"%warpid", Special::kWarpid},
    {"%lanemask_eq", Special::kLanemaskEq},
    {"%lanemask_lt", Special::kLanemaskLt},
    {"%lanemask_le", Special::kLanemaskLe},
    {"%lanemask_gt", Special::kLanemaskGt},
    {"%lanemask_ge", Special::kLanemaskGe},
    {"%dynamic_smem_size", Special::kDynamicSharedBytes},
};

uint32_t RoundUp(uint32_t value, uint32_t multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace

Modifiers::Modifiers(std::string_view opcode) {
  size_t point = opcode.find('.');
  while (point != std::string_view::npos) {
    const size_t next = opcode.find('.', point + 1);
    parts_.push_back(opcode.substr(point + 1, next == std::string_view::npos ? next : next - point - 1));
    point = next;
  }
}

bool Modifiers::Take(std::string_view modifier) {
  const auto found = std::find(parts_.begin(), parts_.end(), modifier);
  if (found == parts_.end()) return false;
  parts_.erase(found);
  return true;
}

std::string_view Modifiers::TakeOne(std::initializer_list<std::string_view> modifiers) {
  for (const std::string_view modifier : modifiers) {
    if (Take(modifier)) return modifier;
  }
  return {};
}

Type Modifiers::TakeType() {
  for (const std::string_view part : parts_) {
    const Type type = TypeNamed(part);
    if (type == Type::kNone) continue;
    Take(part);
    return type;
  }
  return Type::kNone;
}

Registers::Registers(const Body& body, Program& program) : body_(body), program_(program) {
  names_.resize(body.scopes.size());
  for (size_t scope = 0; scope < body.scopes.size(); ++scope) {
    for (const Register& declared : body.scopes[scope].registers) {
      const uint32_t num_bytes = declared.type == Type::kPred ? 4 : kLanes * std::max(2u, BytesOf(declared.type));
      if (declared.count == 0) {
        names_[scope].insert_or_assign(std::string(declared.name), Found{Allocate(num_bytes), declared.type});
      }
    }
  }
}

Place Registers::Allocate(uint32_t num_bytes) {
  program_.file_bytes = RoundUp(program_.file_bytes, num_bytes >= 64 ? 64 : 4);
  const Place place = program_.file_bytes;
  program_.file_bytes += num_bytes;
  return place;
}

bool Registers::Find(std::string_view name, int scope, Found& found) {
  for (const auto& [special_name, special] : kSpecials) {
    if (special_name != name) continue;
    const auto [entry, is_new] = specials_.try_emplace(special, Place{0});
    if (is_new) {
      entry->second = Allocate(kLanes * 4);
      program_.specials.push_back({special, entry->second});
    }
    found = {entry->second, Type::kU32};
    return true;
  }
  for (; scope >= 0; scope = body_.scopes[static_cast<size_t>(scope)].parent) {
    auto& names = names_[static_cast<size_t>(scope)];
    if (const auto known = names.find(name); known != names.end()) {
      found = known->second;
      return true;
    }
    // "%r12" of ".reg .b32 %r<37>": it gets its place when it is first used.
    for (const Register& declared : body_.scopes[static_cast<size_t>(scope)].registers) {
      if (declared.count == 0 || !name.starts_with(declared.name)) continue;
      const std::string_view digits = name.substr(declared.name.size());
      uint32_t number = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (error != std::errc() || end != digits.data() + digits.size() || number >= declared.count) continue;
      found = {Allocate(declared.type == Type::kPred ? 4 : kLanes * std::max(2u, BytesOf(declared.type))),
               declared.type};
      names.emplace(std::string(name), found);
      return true;
    }
  }
  return false;
}

// Every lane has it, for every warp alike: it is part of the image that a file begins as.
Place Registers::Constant(uint64_t bits, uint32_t num_bytes) {
  const auto [entry, is_new] = constants_.try_emplace({bits, num_bytes}, Place{0});
  if (!is_new) return entry->second;
  entry->second = Allocate(kLanes * num_bytes);
  program_.image.resize(program_.file_bytes, kUnwritten);
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    std::memcpy(program_.image.data() + entry->second + lane * num_bytes, &bits, num_bytes);
  }
  return entry->second;
}

Decoder::Decoder(const Module& module, const Statement& statement, Registers& registers, const Program& program,
                 const std::map<std::string_view, uint64_t>& symbols)
    : modifiers(statement.opcode),
      module_(module),
      statement_(statement),
      registers_(registers),
      program_(program),
      symbols_(symbols) {
  instruction.line = statement.line;
  instruction.opcode = statement.opcode;
  instruction.source = statement.source;
  if (instruction.source.file == nullptr) instruction.source = {module.file().c_str(), statement.line};
  instruction.is_guard_negated = statement.is_guard_negated;
  if (statement.guard.empty()) return;
  Operand guard;
  guard.text = statement.guard;
  guard.scope = statement.scope;
  instruction.guard = SourceOf(guard, Type::kPred);
}

void Decoder::Fail(const std::string& what) const {
  throw LoadError(module_.file(), statement_.line, std::string(statement_.opcode) + ": " + what);
}

void Decoder::ExpectOperands(size_t count) { ExpectOperands(count, count); }
void Decoder::ExpectOperands(size_t least, size_t most) {
  if (num_operands() >= least && num_operands() <= most) return;
  Fail(std::to_string(num_operands()) + " operands; expected " + std::to_string(least) +
       (most != least ? " to " + std::to_string(most) : ""));
}

Type Decoder::TakeType(std::initializer_list<Type> types) {
  const Type type = modifiers.TakeType();
  if (type == Type::kNone) Fail("it has no type");
  if (types.size() != 0 && std::find(types.begin(), types.end(), type) == types.end()) {
    Fail("not known for type " + std::string(NameOf(type)));
  }
  return type;
}

bool Decoder::FindRegister(const Operand& operand, Registers::Found& found) {
  return operand.kind == Operand::Kind::kName && operand.displacement == 0 &&
         registers_.Find(operand.text, operand.scope, found);
}

Place Decoder::SourceOf(const Operand& operand, Type type) {
  const uint32_t num_bytes = std::max(2u, BytesOf(type));
  Registers::Found found;
  if (operand.is_negated) Fail("a negated operand: not known");
  if (FindRegister(operand, found)) {
    if ((found.type == Type::kPred) != (type == Type::kPred) || std::max(2u, BytesOf(found.type)) != num_bytes) {
      Fail("register " + std::string(operand.text) + " of type " + std::string(NameOf(found.type)) + "; expected " +
           std::string(NameOf(type)));
    }
    return found.place;
  }
  if (operand.kind == Operand::Kind::kNumber) {
    if (type == Type::kPred) return registers_.Constant(ParseNumber(operand.text, Type::kU32) != 0 ? ~0ull : 0, 4);
    return registers_.Constant(ParseNumber(operand.text, type), num_bytes);
  }
  const auto symbol = symbols_.find(operand.text);
  if (operand.kind != Operand::Kind::kName || symbol == symbols_.end()) {
    Fail("no register or variable \"" + std::string(operand.text) + "\"");
  }
  return registers_.Constant(symbol->second + static_cast<uint64_t>(operand.displacement), num_bytes);
}

Place Decoder::TargetOf(const Operand& operand, Type type) {
  if (operand.text == "_") return registers_.Scratch(std::max(2u, BytesOf(type)));
  Registers::Found found;
  if (!FindRegister(operand, found)) Fail("no register \"" + std::string(operand.text) + "\"");
  return SourceOf(operand, type);
}

Place Decoder::Wide(const Operand& operand, Type type, uint8_t& register_bytes) {
  Registers::Found found;
  if (operand.text != "_" && FindRegister(operand, found) && found.type != Type::kPred) {
    register_bytes = static_cast<uint8_t>(std::max(2u, BytesOf(found.type)));
    if (register_bytes < BytesOf(type)) Fail("register " + std::string(operand.text) + " is too narrow");
    return found.place;
  }
  register_bytes = static_cast<uint8_t>(std::max(2u, BytesOf(type)));
  return operand.text == "_" ? registers_.Scratch(register_bytes) : SourceOf(operand, type);
}

Place Decoder::SecondTarget(size_t index) {
  const Operand& both = operand(index);
  if (both.second.empty()) return kNoPlace;
  Operand second;
  second.text = both.second;
  second.scope = both.scope;
  return TargetOf(second, Type::kPred);
}

bool Decoder::IsPredicate(size_t index) {
  Registers::Found found;
  return FindRegister(operand(index), found) && found.type == Type::kPred;
}

std::span<const Operand> Decoder::ElementsOf(size_t index) const {
  const Operand& whole = operand(index);
  if (whole.kind == Operand::Kind::kVector) return whole.elements;
  return {&whole, 1};
}

int64_t Decoder::Number(size_t index) {
  if (operand(index).kind != Operand::Kind::kNumber) Fail("expected a number as operand " + std::to_string(index));
  return static_cast<int64_t>(ParseNumber(operand(index).text, Type::kS64));
}

void Decoder::Address(size_t index, size_t place) {
  const Operand& address = operand(index);
  if (address.kind != Operand::Kind::kAddress) Fail("expected an address in brackets");
  instruction.immediate = address.displacement;
  Registers::Found found;
  if (registers_.Find(address.text, address.scope, found)) {
    instruction.address_bytes = static_cast<uint8_t>(BytesOf(found.type));
    if (found.type == Type::kPred || instruction.address_bytes < 4) Fail("no address");
    instruction.operands[place] = found.place;
    return;
  }
  instruction.address_bytes = 0;
  if (const auto symbol = symbols_.find(address.text); symbol != symbols_.end()) {
    instruction.immediate += static_cast<int64_t>(symbol->second);
  } else {
    instruction.immediate += static_cast<int64_t>(ParseNumber(address.text, Type::kS64));
  }
}

// "0f" and "0d" are followed by the bits of a float32 or a float64, whatever the type.
uint64_t Decoder::ParseNumber(std::string_view text, Type type) const {
  const std::string_view whole = text;
  const bool is_negative = text.starts_with("-");
  if (is_negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0f") || text.starts_with("0F") || text.starts_with("0d") || text.starts_with("0D") ||
      text.starts_with("0x") || text.starts_with("0X")) {
    const bool is_float = text[1] != 'x' && text[1] != 'X';
    const bool is_double = text[1] == 'd' || text[1] == 'D';
    if (is_float && (is_double ? 8u : 4u) != BytesOf(type)) Fail("\"" + std::string(whole) + "\" is of another size");
    base = 16;
    text.remove_prefix(2);
  }
  if (text.ends_with("U")) text.remove_suffix(1);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) Fail("\"" + std::string(whole) + "\" is no number");
  return is_negative ? 0 - value : value;
}

}  // namespace skein::emulator::ptx
