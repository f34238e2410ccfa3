// Arithmetic of integers, and what floats and integers share: add, sub, mul, mad, div, rem, min, max, neg, abs, dp4a.
#include <limits>

#include "float_arithmetic.h"
#include "integer_arithmetic.h"
#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

// The type of products of two.
template <typename T>
using Twice = std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
                                 std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;

struct Sub {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) - static_cast<Wrapping<T>>(b));
  }
};
struct MulLow {
  template <typename T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Wrapping<T>>(a) * static_cast<Wrapping<T>>(b));
  }
};
struct MadLow {
  template <typename T>
  T operator()(T a, T b, T c) const {
    return Add()(MulLow()(a, b), c);
  }
};
struct MulHigh {
  template <typename T>
  T operator()(T a, T b) const {
    if constexpr (sizeof(T) == 8) {
      using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
      return static_cast<T>((static_cast<Wide>(a) * static_cast<Wide>(b)) >> 64);
    } else {
      return static_cast<T>((static_cast<Twice<T>>(a) * static_cast<Twice<T>>(b)) >> (8 * sizeof(T)));
    }
  }
};
struct MadHigh {
  template <typename T>
  T operator()(T a, T b, T c) const {
    return Add()(MulHigh()(a, b), c);
  }
};
struct MulWide {
  template <typename T>
  Twice<T> operator()(T a, T b) const {
    return static_cast<Twice<T>>(a) * static_cast<Twice<T>>(b);
  }
};
struct MadWide {
  template <typename T>
  Twice<T> operator()(T a, T b, Twice<T> c) const {
    return Add()(MulWide()(a, b), c);
  }
};
// What a division by zero gives is not said; here it is -1.
struct Div {
  template <typename T>
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(-1);
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return Sub()(T{0}, a);
    return static_cast<T>(a / b);
  }
};
struct Rem {
  template <typename T>
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(-1);
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) return 0;
    return static_cast<T>(a % b);
  }
};
struct Neg {
  template <typename T>
  T operator()(T a) const {
    return Sub()(T{0}, a);
  }
};
struct Abs {
  template <typename T>
  T operator()(T a) const {
    return a < 0 ? Sub()(T{0}, a) : a;
  }
};

// d = c + the products of the four bytes of a and b.
template <typename A, typename B>
struct Dp4a {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t c) const {
    for (uint32_t i = 0; i < 4; ++i) {
      c += static_cast<uint32_t>(static_cast<A>(a >> 8 * i) * static_cast<B>(b >> 8 * i));
    }
    return c;
  }
};

bool IsFloat(Type type) {
  return type == Type::kF16 || type == Type::kBf16 || type == Type::kF16x2 || type == Type::kBf16x2 ||
         type == Type::kF32 || type == Type::kF64;
}

// For the integers that PTX has of 16 to 64 bits.
template <typename Run>
void WithInteger(Decoder& decoder, Type type, Run run) {
  switch (type) {
    case Type::kU16:
      return run(uint16_t{});
    case Type::kS16:
      return run(int16_t{});
    case Type::kU32:
    case Type::kB32:
      return run(uint32_t{});
    case Type::kS32:
      return run(int32_t{});
    case Type::kU64:
      return run(uint64_t{});
    case Type::kS64:
      return run(int64_t{});
    default:
      decoder.Fail("not known for type " + std::string(NameOf(type)));
  }
}

// An operation on integers that goes by the same name for floats, by `decode_float`.
template <typename F, size_t kArity, void (*kDecodeFloat)(Decoder&, Type)>
void DecodeShared(Decoder& decoder) {
  const Type type = decoder.TakeType();
  if (IsFloat(type)) return kDecodeFloat(decoder, type);
  WithInteger(decoder, type, [&](auto number) { UseUniform<F, kArity, decltype(number)>(decoder, type); });
}

template <typename F, size_t kArity>
void DecodeInteger(Decoder& decoder) {
  const Type type = decoder.TakeType();
  WithInteger(decoder, type, [&](auto number) { UseUniform<F, kArity, decltype(number)>(decoder, type); });
}

Type TwiceAsWide(Type type) {
  return type == Type::kU16   ? Type::kU32
         : type == Type::kS16 ? Type::kS32
         : type == Type::kU32 ? Type::kU64
                              : Type::kS64;
}

void DecodeMul(Decoder& decoder) {
  const std::string_view part = decoder.modifiers.TakeOne({"lo", "hi", "wide"});
  if (part.empty()) return DecodeFloatMul(decoder, decoder.TakeType());
  const Type type = decoder.TakeType();
  WithInteger(decoder, type, [&](auto number) {
    using T = decltype(number);
    if (part == "lo") return UseUniform<MulLow, 2, T>(decoder, type);
    if (part == "hi") return UseUniform<MulHigh, 2, T>(decoder, type);
    if constexpr (sizeof(T) <= 4) {
      UseElementwise<MulWide, Twice<T>, T, T>(decoder, TwiceAsWide(type), {type, type});
    } else {
      decoder.Fail("no product of 128 bits");
    }
  });
}

void DecodeMad(Decoder& decoder) {
  const std::string_view part = decoder.modifiers.TakeOne({"lo", "hi", "wide"});
  if (part.empty()) return DecodeFma(decoder);
  const Type type = decoder.TakeType();
  WithInteger(decoder, type, [&](auto number) {
    using T = decltype(number);
    if (part == "lo") return UseUniform<MadLow, 3, T>(decoder, type);
    if (part == "hi") return UseUniform<MadHigh, 3, T>(decoder, type);
    if constexpr (sizeof(T) <= 4) {
      const Type wide = TwiceAsWide(type);
      UseElementwise<MadWide, Twice<T>, T, T, Twice<T>>(decoder, wide, {type, type, wide});
    } else {
      decoder.Fail("no product of 128 bits");
    }
  });
}

void DecodeDp4a(Decoder& decoder) {
  const Type a = decoder.TakeType({Type::kU32, Type::kS32});
  const Type b = decoder.TakeType({Type::kU32, Type::kS32});
  const auto use = [&]<typename A, typename B>(A, B) {
    UseElementwise<Dp4a<A, B>, uint32_t, uint32_t, uint32_t, uint32_t>(decoder, Type::kB32, {a, b, Type::kB32});
  };
  if (a == Type::kS32) {
    b == Type::kS32 ? use(int8_t{}, int8_t{}) : use(int8_t{}, uint8_t{});
  } else {
    b == Type::kS32 ? use(uint8_t{}, int8_t{}) : use(uint8_t{}, uint8_t{});
  }
}

constexpr Opcode kOpcodes[] = {
    {"add", DecodeShared<Add, 2, DecodeFloatAdd>},
    {"sub", DecodeShared<Sub, 2, DecodeFloatSub>},
    {"mul", DecodeMul},
    {"mad", DecodeMad},
    {"div", DecodeShared<Div, 2, DecodeFloatDiv>},
    {"rem", DecodeInteger<Rem, 2>},
    {"min", DecodeShared<Min, 2, DecodeFloatMin>},
    {"max", DecodeShared<Max, 2, DecodeFloatMax>},
    {"neg", DecodeShared<Neg, 1, DecodeFloatNeg>},
    {"abs", DecodeShared<Abs, 1, DecodeFloatAbs>},
    {"dp4a", DecodeDp4a},
};

}  // namespace

std::span<const Opcode> ArithmeticOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
