// Comparisons and what follows from predicates: setp, selp; moves: mov.
#include <algorithm>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

// The relation of two numbers. Those that end in "u" hold where one is a NaN.
struct Relation {
  std::string_view name;
  bool is_less, is_equal, is_greater, is_unordered;
  bool is_of_floats;
};
constexpr Relation kRelations[] = {
    {"eq", false, true, false, false, false}, {"ne", true, false, true, false, false},
    {"lt", true, false, false, false, false}, {"le", true, true, false, false, false},
    {"gt", false, false, true, false, false}, {"ge", false, true, true, false, false},
    {"lo", true, false, false, false, false}, {"ls", true, true, false, false, false},
    {"hi", false, false, true, false, false}, {"hs", false, true, true, false, false},
    {"equ", false, true, false, true, true},  {"neu", true, false, true, true, true},
    {"ltu", true, false, false, true, true},  {"leu", true, true, false, true, true},
    {"gtu", false, false, true, true, true},  {"geu", false, true, true, true, true},
    {"num", true, true, true, false, true},   {"nan", false, false, false, true, true},
};

enum Combination : uint8_t { kAlone, kAnd, kOr, kXor };

// `variant`: the relation, `second_variant`: how a predicate is combined with it; operand 4 is that predicate, operand
// 3 gets the combination with the opposite.
template <typename T>
void SetPredicate(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const Relation& relation = kRelations[instruction.variant];
  const T* a = warp.Lanes<T>(instruction.operands[1]);
  const T* b = warp.Lanes<T>(instruction.operands[2]);
  uint8_t is[kLanes];
  const uint8_t less = relation.is_less, equal = relation.is_equal, greater = relation.is_greater,
                unordered = relation.is_unordered;
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    if constexpr (kIsShortFloat<T>) {
      const float x = static_cast<float>(a[lane]), y = static_cast<float>(b[lane]);
      is[lane] = x < y ? less : x == y ? equal : x > y ? greater : unordered;
    } else {
      const T x = a[lane], y = b[lane];
      is[lane] = x < y ? less : x == y ? equal : x > y ? greater : unordered;
    }
  }
  uint32_t word = Packed(is);
  uint32_t opposite = ~word;
  if (instruction.second_variant != kAlone) {
    const uint32_t with = warp.Mask(instruction.operands[4]);
    const auto combine = [&](uint32_t x) {
      return instruction.second_variant == kAnd ? x & with : instruction.second_variant == kOr ? x | with : x ^ with;
    };
    word = combine(word);
    opposite = combine(opposite);
  }
  SetMask(warp, instruction.operands[0], lanes, word);
  if (instruction.operands[3] != kNoPlace) SetMask(warp, instruction.operands[3], lanes, opposite);
}

void DecodeSetp(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const auto& parts = decoder.modifiers.parts();
  size_t index = 0;
  while (index < std::size(kRelations) && (parts.empty() || kRelations[index].name != parts[0])) ++index;
  if (index == std::size(kRelations)) decoder.Fail("the relation is not known");
  decoder.modifiers.Take(kRelations[index].name);
  const std::string_view combination = decoder.modifiers.TakeOne({"and", "or", "xor"});
  const Type type = decoder.TakeType();
  decoder.ExpectOperands(combination.empty() ? 3 : 4);
  instruction.variant = static_cast<uint8_t>(index);
  instruction.operands[0] = decoder.Target(0, Type::kPred);
  instruction.operands[1] = decoder.Source(1, type);
  instruction.operands[2] = decoder.Source(2, type);
  instruction.operands[3] = decoder.SecondTarget(0);
  if (!combination.empty()) {
    instruction.second_variant = combination == "and" ? kAnd : combination == "or" ? kOr : kXor;
    instruction.operands[4] = decoder.Source(3, Type::kPred);
  }
  WithNumberOf(type, [&](auto number) {
    using T = decltype(number);
    if constexpr (kIsPair<T> || sizeof(T) == 1) {
      decoder.Fail("not known for this type");
    } else {
      if (kRelations[index].is_of_floats && std::is_integral_v<T>) decoder.Fail("a relation of floats alone");
      instruction.handler = SetPredicate<T>;
    }
  });
}

template <typename T>
void Select(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const uint32_t mask = warp.Mask(instruction.operands[3]);
  const T* a = warp.Lanes<T>(instruction.operands[1]);
  const T* b = warp.Lanes<T>(instruction.operands[2]);
  T* target = warp.Lanes<T>(instruction.operands[0]);
  if (lanes == kAllLanes) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) target[lane] = (mask >> lane & 1) ? a[lane] : b[lane];
  } else {
    ForLanes(lanes, [&](uint32_t lane) { target[lane] = (mask >> lane & 1) ? a[lane] : b[lane]; });
  }
}

template <typename T>
void Move(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  Map(
      lanes, [](T a) { return a; }, warp.Lanes<T>(instruction.operands[0]), warp.Lanes<T>(instruction.operands[1]));
}

void MovePredicate(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  SetMask(warp, instruction.operands[0], lanes, warp.Mask(instruction.operands[1]));
}

// A register as its parts, the lowest first. `register_bytes`: of a part.
template <bool kTakesApart>
void MoveParts(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const uint32_t part_bytes = instruction.register_bytes;
  const uint32_t num_bytes = part_bytes * instruction.num_elements;
  std::byte* whole = warp.Lanes<std::byte>(instruction.operands[0]);
  for (uint32_t i = 0; i < instruction.num_elements; ++i) {
    std::byte* part = warp.Lanes<std::byte>(instruction.operands[i + 1]);
    ForLanes(lanes, [&](uint32_t lane) {
      std::byte* in_whole = whole + lane * num_bytes + i * part_bytes;
      std::byte* alone = part + lane * part_bytes;
      if (kTakesApart) {
        std::copy_n(in_whole, part_bytes, alone);
      } else {
        std::copy_n(alone, part_bytes, in_whole);
      }
    });
  }
}

Type BitsOf(uint32_t num_bytes) {
  return num_bytes == 1 ? Type::kB8 : num_bytes == 2 ? Type::kB16 : num_bytes == 4 ? Type::kB32 : Type::kB64;
}

void DecodeMov(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const Type type = decoder.TakeType();
  decoder.ExpectOperands(2);
  const bool takes_apart = decoder.operand(0).kind == Operand::Kind::kVector;
  if (takes_apart || decoder.operand(1).kind == Operand::Kind::kVector) {
    const auto parts = decoder.ElementsOf(takes_apart ? 0 : 1);
    const auto num_bytes = static_cast<uint32_t>(BytesOf(type) / parts.size());
    if (num_bytes * parts.size() != BytesOf(type) || num_bytes < 2) decoder.Fail("the parts do not make the whole");
    instruction.num_elements = static_cast<uint8_t>(parts.size());
    instruction.register_bytes = static_cast<uint8_t>(num_bytes);
    instruction.operands[0] = takes_apart ? decoder.Source(1, type) : decoder.Target(0, type);
    for (size_t i = 0; i < parts.size(); ++i) {
      instruction.operands[i + 1] =
          takes_apart ? decoder.TargetOf(parts[i], BitsOf(num_bytes)) : decoder.SourceOf(parts[i], BitsOf(num_bytes));
    }
    instruction.handler = takes_apart ? MoveParts<true> : MoveParts<false>;
    return;
  }
  instruction.operands[0] = decoder.Target(0, type);
  instruction.operands[1] = decoder.Source(1, type);
  if (type == Type::kPred) {
    instruction.handler = MovePredicate;
    return;
  }
  WithNumberOf(type, [&](auto number) {
    if constexpr (sizeof(number) > 1) instruction.handler = Move<decltype(number)>;
  });
}

void DecodeSelp(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const Type type = decoder.TakeType();
  decoder.ExpectOperands(4);
  instruction.operands[0] = decoder.Target(0, type);
  instruction.operands[1] = decoder.Source(1, type);
  instruction.operands[2] = decoder.Source(2, type);
  instruction.operands[3] = decoder.Source(3, Type::kPred);
  WithNumberOf(type, [&](auto number) {
    if constexpr (sizeof(number) > 1) instruction.handler = Select<decltype(number)>;
  });
}

constexpr Opcode kOpcodes[] = {{"setp", DecodeSetp}, {"selp", DecodeSelp}, {"mov", DecodeMov}};

}  // namespace

std::span<const Opcode> SelectionOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
