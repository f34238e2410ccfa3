// Operations on bits: logic, shifts, fields, counts, permutations of bytes.
#include <bit>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

struct And {
  template <typename T>
  T operator()(T a, T b) const {
    return a & b;
  }
};
struct Or {
  template <typename T>
  T operator()(T a, T b) const {
    return a | b;
  }
};
struct Xor {
  template <typename T>
  T operator()(T a, T b) const {
    return a ^ b;
  }
};
struct Not {
  template <typename T>
  T operator()(T a) const {
    return static_cast<T>(~a);
  }
};
struct Cnot {
  template <typename T>
  T operator()(T a) const {
    return a == 0 ? 1 : 0;
  }
};
// Shifts by more than the width give what shifts by the width would.
struct ShiftLeft {
  template <typename T>
  T operator()(T a, uint32_t by) const {
    return by < 8 * sizeof(T) ? static_cast<T>(a << by) : T{0};
  }
};
struct ShiftRight {
  template <typename T>
  T operator()(T a, uint32_t by) const {
    constexpr uint32_t kWidth = 8 * sizeof(T);
    if (by < kWidth) return static_cast<T>(a >> by);
    return a < 0 ? static_cast<T>(-1) : T{0};
  }
};
struct PopulationCount {
  template <typename T>
  uint32_t operator()(T a) const {
    return static_cast<uint32_t>(std::popcount(a));
  }
};
struct LeadingZeros {
  template <typename T>
  uint32_t operator()(T a) const {
    return static_cast<uint32_t>(std::countl_zero(a));
  }
};
// The place of the highest bit that is not that of the sign; -1 if there is none.
struct FindBit {
  template <typename T>
  uint32_t operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    const U bits = static_cast<U>(a < 0 ? ~a : a);
    return static_cast<uint32_t>(std::bit_width(bits)) - 1;
  }
};
// How far it must be shifted to the left to be the highest.
struct FindShift {
  template <typename T>
  uint32_t operator()(T a) const {
    const uint32_t place = FindBit()(a);
    return place == ~0u ? place : 8 * sizeof(T) - 1 - place;
  }
};
struct Reverse {
  template <typename T>
  T operator()(T a) const {
    T reversed = 0;
    for (size_t i = 0; i < 8 * sizeof(T); ++i) reversed = static_cast<T>(reversed << 1 | (a >> i & 1));
    return reversed;
  }
};
// `length` bits of a from `begin` on; signed, with the last of them, or the number's own sign, in the place of the
// rest.
struct ExtractField {
  template <typename T>
  T operator()(T a, uint32_t begin, uint32_t length) const {
    constexpr uint32_t kWidth = 8 * sizeof(T);
    using U = std::make_unsigned_t<T>;
    begin &= 0xFF;
    length &= 0xFF;
    const uint32_t last = begin + length - 1 < kWidth ? begin + length - 1 : kWidth - 1;
    const bool sign = std::is_signed_v<T> && length != 0 && (static_cast<U>(a) >> last & 1) != 0;
    U field = 0;
    for (uint32_t i = 0; i < kWidth; ++i) {
      const bool bit = i < length && begin + i < kWidth ? (static_cast<U>(a) >> (begin + i) & 1) != 0 : sign;
      field |= static_cast<U>(bit) << i;
    }
    return static_cast<T>(field);
  }
};
// b with `length` bits from `begin` on that are the lowest of a.
struct InsertField {
  template <typename T>
  T operator()(T a, T b, uint32_t begin, uint32_t length) const {
    constexpr uint32_t kWidth = 8 * sizeof(T);
    begin &= 0xFF;
    length &= 0xFF;
    if (begin >= kWidth || length == 0) return b;
    const T field = length >= kWidth ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
    const T mask = static_cast<T>(field << begin);
    return static_cast<T>((b & ~mask) | (static_cast<T>(a << begin) & mask));
  }
};
// Bit abc of the table, for each bit of a, b and c: 0xF0 is a, 0xCC is b, 0xAA is c.
struct Logic {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t c, uint32_t table) const {
    uint32_t result = 0;
    for (uint32_t i = 0; i < 8; ++i) {
      const uint32_t is_so = (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
      result |= is_so & (0 - (table >> i & 1));
    }
    return result;
  }
};
// Each byte is one of the eight of a and b, or its sign in all bits.
struct Permute {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t selector) const {
    const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
    uint32_t result = 0;
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t choice = selector >> 4 * i & 0xF;
      auto byte = static_cast<uint8_t>(bytes >> 8 * (choice & 7));
      if (choice & 8) byte = byte & 0x80 ? 0xFF : 0;
      result |= static_cast<uint32_t>(byte) << 8 * i;
    }
    return result;
  }
};
// The middle of two words shifted: the upper of b:a to the left, the lower to the right. `kWraps`: by its five lowest
// bits.
template <bool kLeft, bool kWraps>
struct FunnelShift {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t by) const {
    by = kWraps ? by & 31 : (by < 32 ? by : 32);
    const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    return static_cast<uint32_t>(kLeft ? (both << by) >> 32 : both >> by);
  }
};

template <typename F>
void Masked(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const uint32_t a = warp.Mask(instruction.operands[1]);
  if constexpr (std::is_invocable_v<F, uint32_t, uint32_t>) {
    SetMask(warp, instruction.operands[0], lanes, F{}(a, warp.Mask(instruction.operands[2])));
  } else {
    SetMask(warp, instruction.operands[0], lanes, F{}(a));
  }
}

// Of bits and of predicates.
template <typename F, size_t kArity>
void DecodeLogic(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kPred, Type::kB16, Type::kB32, Type::kB64});
  if (type != Type::kPred) {
    return WithNumberOf(type, [&](auto number) {
      using T = decltype(number);
      if constexpr (std::is_unsigned_v<T>) UseUniform<F, kArity, T>(decoder, type);
    });
  }
  decoder.ExpectOperands(kArity + 1);
  decoder.instruction.operands[0] = decoder.Target(0, type);
  for (size_t i = 1; i <= kArity; ++i) decoder.instruction.operands[i] = decoder.Source(i, type);
  decoder.instruction.handler = Masked<F>;
}

template <typename F>
void DecodeShift(Decoder& decoder) {
  const Type type = decoder.TakeType(
      {Type::kB16, Type::kB32, Type::kB64, Type::kU16, Type::kU32, Type::kU64, Type::kS16, Type::kS32, Type::kS64});
  WithNumberOf(type, [&](auto number) {
    using T = decltype(number);
    if constexpr (std::is_integral_v<T>) UseElementwise<F, T, T, uint32_t>(decoder, type, {type, Type::kU32});
  });
}

template <typename F>
void DecodeCount(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kB32, Type::kB64});
  if (type == Type::kB32) return UseElementwise<F, uint32_t, uint32_t>(decoder, Type::kU32, {type});
  UseElementwise<F, uint32_t, uint64_t>(decoder, Type::kU32, {type});
}

void DecodeBfind(Decoder& decoder) {
  const bool is_shift = decoder.modifiers.Take("shiftamt");
  const Type type = decoder.TakeType({Type::kU32, Type::kU64, Type::kS32, Type::kS64});
  WithNumberOf(type, [&](auto number) {
    using T = decltype(number);
    if constexpr (std::is_integral_v<T>) {
      if (is_shift) return UseElementwise<FindShift, uint32_t, T>(decoder, Type::kU32, {type});
      UseElementwise<FindBit, uint32_t, T>(decoder, Type::kU32, {type});
    }
  });
}

void DecodeBrev(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kB32, Type::kB64});
  if (type == Type::kB32) return UseUniform<Reverse, 1, uint32_t>(decoder, type);
  UseUniform<Reverse, 1, uint64_t>(decoder, type);
}

void DecodeBfe(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kU32, Type::kU64, Type::kS32, Type::kS64});
  WithNumberOf(type, [&](auto number) {
    using T = decltype(number);
    if constexpr (std::is_integral_v<T>) {
      UseElementwise<ExtractField, T, T, uint32_t, uint32_t>(decoder, type, {type, Type::kU32, Type::kU32});
    }
  });
}

void DecodeBfi(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kB32, Type::kB64});
  const auto use = [&](auto number) {
    using T = decltype(number);
    UseElementwise<InsertField, T, T, T, uint32_t, uint32_t>(decoder, type, {type, type, Type::kU32, Type::kU32});
  };
  type == Type::kB32 ? use(uint32_t{}) : use(uint64_t{});
}

void DecodeLop3(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kB32});
  UseElementwise<Logic, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t>(decoder, type, {type, type, type, type});
}

void DecodePrmt(Decoder& decoder) {
  const Type type = decoder.TakeType({Type::kB32});
  UseElementwise<Permute, uint32_t, uint32_t, uint32_t, uint32_t>(decoder, type, {type, type, type});
}

void DecodeShf(Decoder& decoder) {
  const bool is_left = decoder.modifiers.TakeOne({"l", "r"}) == "l";
  const bool wraps = decoder.modifiers.TakeOne({"wrap", "clamp"}) == "wrap";
  const Type type = decoder.TakeType({Type::kB32});
  const auto use = [&]<typename F>(F) {
    UseElementwise<F, uint32_t, uint32_t, uint32_t, uint32_t>(decoder, type, {type, type, type});
  };
  if (is_left) {
    wraps ? use(FunnelShift<true, true>{}) : use(FunnelShift<true, false>{});
  } else {
    wraps ? use(FunnelShift<false, true>{}) : use(FunnelShift<false, false>{});
  }
}

constexpr Opcode kOpcodes[] = {
    {"and", DecodeLogic<And, 2>},
    {"or", DecodeLogic<Or, 2>},
    {"xor", DecodeLogic<Xor, 2>},
    {"not", DecodeLogic<Not, 1>},
    {"cnot", DecodeLogic<Cnot, 1>},
    {"shl", DecodeShift<ShiftLeft>},
    {"shr", DecodeShift<ShiftRight>},
    {"popc", DecodeCount<PopulationCount>},
    {"clz", DecodeCount<LeadingZeros>},
    {"bfind", DecodeBfind},
    {"brev", DecodeBrev},
    {"bfe", DecodeBfe},
    {"bfi", DecodeBfi},
    {"lop3", DecodeLop3},
    {"prmt", DecodePrmt},
    {"shf", DecodeShf},
};

}  // namespace

std::span<const Opcode> BitOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
