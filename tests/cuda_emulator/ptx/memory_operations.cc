// Loads, stores, atomic operations and fences.
#include <algorithm>
#include <cstring>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

// The address of each lane: operand 0 holds it, where there is a register.
uint64_t AddressOf(Warp& warp, const Instruction& instruction, uint32_t lane) {
  const auto displacement = static_cast<uint64_t>(instruction.immediate);
  if (instruction.address_bytes == 8) return warp.Lanes<uint64_t>(instruction.operands[0])[lane] + displacement;
  if (instruction.address_bytes == 0) return displacement;
  // Addresses of 32 bits wrap around.
  return static_cast<uint32_t>(warp.Lanes<uint32_t>(instruction.operands[0])[lane] + displacement);
}

// `variant`: the space. T in memory, R in the register.
template <typename T, typename R>
void Load(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const std::byte* from[kLanes];
  const uint32_t num_bytes = sizeof(T) * instruction.num_elements;
  ForLanes(lanes, [&](uint32_t lane) {
    from[lane] = warp.machine().Resolve(warp, static_cast<Space>(instruction.variant),
                                        AddressOf(warp, instruction, lane), num_bytes, Access::kRead, lane);
  });
  for (uint32_t i = 0; i < instruction.num_elements; ++i) {
    R* target = warp.Lanes<R>(instruction.operands[i + 1]);
    ForLanes(lanes, [&](uint32_t lane) {
      T number;
      std::memcpy(&number, from[lane] + i * sizeof(T), sizeof(T));
      target[lane] = static_cast<R>(number);  // NOLINT(bugprone-signed-char-misuse): its sign is kept
    });
  }
}

template <typename T, typename R>
void Store(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  std::byte* to[kLanes];
  const uint32_t num_bytes = sizeof(T) * instruction.num_elements;
  ForLanes(lanes, [&](uint32_t lane) {
    to[lane] = warp.machine().Resolve(warp, static_cast<Space>(instruction.variant), AddressOf(warp, instruction, lane),
                                      num_bytes, Access::kWrite, lane);
  });
  for (uint32_t i = 0; i < instruction.num_elements; ++i) {
    const R* source = warp.Lanes<R>(instruction.operands[i + 1]);
    ForLanes(lanes, [&](uint32_t lane) {
      const T number = static_cast<T>(source[lane]);
      std::memcpy(to[lane] + i * sizeof(T), &number, sizeof(T));
    });
  }
}

void Fence(Warp& warp, uint32_t lanes) {
  ForLanes(lanes, [&](uint32_t lane) { warp.machine().host().OnFence(warp.first_thread() + lane); });
}

// Operands as in Load, of one number of 8 bytes; `second_variant`: whether it acquires. Left out, it gives the greatest
// number, which ends a wait.
void LoadStrong(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const bool is_on = warp.Enter("LoadAcquire", instruction);
  ForLanes(lanes, [&](uint32_t lane) {
    uint64_t& target = warp.Lanes<uint64_t>(instruction.operands[1])[lane];
    target = ~uint64_t{0};
    if (!is_on) return;
    std::memcpy(&target,
                warp.machine().Resolve(warp, static_cast<Space>(instruction.variant),
                                       AddressOf(warp, instruction, lane), sizeof(target), Access::kAtomic, lane),
                sizeof(target));
  });
  if (is_on && instruction.second_variant != 0) Fence(warp, lanes);
}

Space TakeSpace(Decoder& decoder) {
  constexpr std::pair<std::string_view, Space> kSpaces[] = {{"global", Space::kGlobal},      {"shared", Space::kShared},
                                                            {"shared::cta", Space::kShared}, {"local", Space::kLocal},
                                                            {"param", Space::kParam},        {"const", Space::kConst}};
  for (const auto& [name, space] : kSpaces) {
    if (!decoder.modifiers.Take(name)) continue;
    if (space == Space::kConst) decoder.Fail("constant memory: not known");
    return space;
  }
  return Space::kGeneric;
}

// The order of memory between blocks that an operation asks for.
struct Order {
  bool is_strong = false;  // it is one that other blocks look at
  bool releases = false, acquires = false;
};

// What a load or a store asks of caches changes nothing here.
Order TakeHints(Decoder& decoder) {
  decoder.modifiers.Take("volatile");
  const std::string_view order = decoder.modifiers.TakeOne({"relaxed", "acquire", "release", "acq_rel", "weak"});
  const bool is_within = decoder.modifiers.TakeOne({"cta", "gpu", "sys"}) == "cta";
  decoder.modifiers.Take("nc");
  decoder.modifiers.TakeOne({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  decoder.modifiers.TakeOne({"L1::evict_last", "L1::no_allocate", "L1::evict_first", "L1::evict_normal"});
  decoder.modifiers.TakeOne({"L2::64B", "L2::128B", "L2::256B"});
  if (is_within || order.empty() || order == "weak") return {};
  return {.is_strong = true,
          .releases = order == "release" || order == "acq_rel",
          .acquires = order == "acquire" || order == "acq_rel"};
}

// The integer of a type's bits; with its sign where it has one.
template <typename Run>
void WithBitsOf(Type type, Run run) {
  WithNumberOf(type, [&](auto number) {
    using T = decltype(number);
    if constexpr (std::is_integral_v<T>) {
      run(number);
    } else if constexpr (sizeof(T) == 2) {
      run(uint16_t{});
    } else if constexpr (sizeof(T) == 4) {
      run(uint32_t{});
    } else {
      run(uint64_t{});
    }
  });
}

template <bool kIsLoad>
void DecodeAccess(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const Space space = TakeSpace(decoder);
  const Order order = TakeHints(decoder);
  const bool is_2 = decoder.modifiers.Take("v2"), is_4 = decoder.modifiers.Take("v4");
  const Type type = decoder.TakeType();
  decoder.ExpectOperands(2);
  const size_t data = kIsLoad ? 0 : 1;
  const auto elements = decoder.ElementsOf(data);
  if (elements.size() != (is_4 ? 4 : is_2 ? 2 : 1)) decoder.Fail("so many elements do not fit the instruction");
  decoder.Address(kIsLoad ? 1 : 0, 0);
  instruction.variant = static_cast<uint8_t>(space);
  instruction.num_elements = static_cast<uint8_t>(elements.size());
  instruction.access_bytes = static_cast<uint8_t>(BytesOf(type));
  for (size_t i = 0; i < elements.size(); ++i) {
    uint8_t register_bytes = 0;
    instruction.operands[i + 1] = decoder.Wide(elements[i], type, register_bytes);
    if (i > 0 && register_bytes != instruction.register_bytes) decoder.Fail("registers of different sizes");
    instruction.register_bytes = register_bytes;
  }
  if (order.is_strong) {
    if (!kIsLoad || elements.size() != 1 || BytesOf(type) != 8) decoder.Fail("with an order: not known");
    instruction.handler = LoadStrong;
    instruction.second_variant = order.acquires ? 1 : 0;
    instruction.flow = Flow::kPause;
    return;
  }
  WithBitsOf(type, [&](auto number) {
    using T = decltype(number);
    const auto use = [&]<typename R>(R) { instruction.handler = kIsLoad ? Load<T, R> : Store<T, R>; };
    switch (instruction.register_bytes) {
      case 2:
        if constexpr (sizeof(T) <= 2) use(uint16_t{});
        break;
      case 4:
        if constexpr (sizeof(T) <= 4) use(uint32_t{});
        break;
      default:
        use(uint64_t{});
    }
  });
}

// What an atomic operation leaves of the old value `a`, an operand `b` and, of cas, another.
enum class AtomicKind : uint8_t { kAdd, kMin, kMax, kInc, kDec, kExch, kCas, kAnd, kOr, kXor };
constexpr std::pair<std::string_view, AtomicKind> kAtomicKinds[] = {
    {"add", AtomicKind::kAdd}, {"min", AtomicKind::kMin},   {"max", AtomicKind::kMax}, {"inc", AtomicKind::kInc},
    {"dec", AtomicKind::kDec}, {"exch", AtomicKind::kExch}, {"cas", AtomicKind::kCas}, {"and", AtomicKind::kAnd},
    {"or", AtomicKind::kOr},   {"xor", AtomicKind::kXor}};

template <typename T>
T Updated(AtomicKind kind, T a, T b, T c) {
  if constexpr (std::is_integral_v<T>) {
    switch (kind) {
      case AtomicKind::kInc:
        return a >= b ? T{0} : static_cast<T>(a + 1);
      case AtomicKind::kDec:
        return a == 0 || a > b ? b : static_cast<T>(a - 1);
      case AtomicKind::kAnd:
        return a & b;
      case AtomicKind::kOr:
        return a | b;
      case AtomicKind::kXor:
        return a ^ b;
      default:
        break;
    }
  }
  switch (kind) {
    case AtomicKind::kMin:
      return std::min(a, b);
    case AtomicKind::kMax:
      return std::max(a, b);
    case AtomicKind::kExch:
      return b;
    case AtomicKind::kCas:
      return a == b ? c : a;
    default:
      if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
        return static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) + static_cast<std::make_unsigned_t<T>>(b));
      } else {
        return a + b;
      }
  }
}

// Runs `inner` with the fences that its order asks for, bits of `register_bytes`.
constexpr uint8_t kReleases = 1, kAcquires = 2;
void Ordered(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const bool is_on = warp.Enter("ReleaseAdd", instruction);
  if (is_on && (instruction.register_bytes & kReleases) != 0) {
    ForLanes(lanes, [&](uint32_t lane) { warp.machine().host().OnReleaseFence(warp.first_thread() + lane); });
  }
  instruction.inner(warp, instruction, lanes);
  if (is_on && (instruction.register_bytes & kAcquires) != 0) Fence(warp, lanes);
}

// Lane after lane. Operand 1: the old value, if it is asked for; 2 and 3: what the operation takes.
template <typename T>
void Atomic(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  ForLanes(lanes, [&](uint32_t lane) {
    std::byte* bytes = warp.machine().Resolve(warp, static_cast<Space>(instruction.variant),
                                              AddressOf(warp, instruction, lane), sizeof(T), Access::kAtomic, lane);
    T old;
    std::memcpy(&old, bytes, sizeof(T));
    const T b = warp.Lanes<T>(instruction.operands[2])[lane];
    const T c = instruction.operands[3] != kNoPlace ? warp.Lanes<T>(instruction.operands[3])[lane] : T{};
    const T updated = Updated(static_cast<AtomicKind>(instruction.second_variant), old, b, c);
    std::memcpy(bytes, &updated, sizeof(T));
    if (instruction.operands[1] != kNoPlace) warp.Lanes<T>(instruction.operands[1])[lane] = old;
  });
}

template <bool kHasResult>
void DecodeAtomic(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const Space space = TakeSpace(decoder);
  const Order order = TakeHints(decoder);
  const auto* kind = std::find_if(std::begin(kAtomicKinds), std::end(kAtomicKinds),
                                  [&](const auto& row) { return decoder.modifiers.Take(row.first); });
  if (kind == std::end(kAtomicKinds)) decoder.Fail("the operation is not known");
  const Type type = decoder.TakeType(
      {Type::kB32, Type::kU32, Type::kS32, Type::kF32, Type::kB64, Type::kU64, Type::kS64, Type::kF64});
  const size_t first = kHasResult ? 1 : 0;
  decoder.ExpectOperands(first + (kind->second == AtomicKind::kCas ? 3 : 2));
  instruction.variant = static_cast<uint8_t>(space);
  instruction.second_variant = static_cast<uint8_t>(kind->second);
  decoder.Address(first, 0);
  instruction.operands[1] = kHasResult ? decoder.Target(0, type) : kNoPlace;
  instruction.operands[2] = decoder.Source(first + 1, type);
  instruction.operands[3] = kind->second == AtomicKind::kCas ? decoder.Source(first + 2, type) : kNoPlace;
  WithNumberOf(type, [&](auto number) {
    using T = decltype(number);
    if constexpr (std::is_arithmetic_v<T> && sizeof(T) >= 4) instruction.handler = Atomic<T>;
  });
  if (!order.releases && !order.acquires) return;
  instruction.inner = instruction.handler;
  instruction.handler = Ordered;
  instruction.register_bytes = (order.releases ? kReleases : 0) | (order.acquires ? kAcquires : 0);
}

void Fence(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  if (warp.Enter("membar", instruction)) Fence(warp, lanes);
}

void DecodeFence(Decoder& decoder) {
  decoder.ExpectOperands(0);
  decoder.modifiers.TakeOne({"sc", "acq_rel"});
  if (decoder.modifiers.TakeOne({"cta", "gl", "gpu", "sys"}).empty()) decoder.Fail("the scope is not known");
  decoder.instruction.handler = Fence;
}

constexpr Opcode kOpcodes[] = {{"ld", DecodeAccess<true>},   {"st", DecodeAccess<false>}, {"atom", DecodeAtomic<true>},
                               {"red", DecodeAtomic<false>}, {"membar", DecodeFence},     {"fence", DecodeFence}};

}  // namespace

std::span<const Opcode> MemoryOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
