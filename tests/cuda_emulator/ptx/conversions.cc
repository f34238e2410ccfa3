// Conversions between types: cvt; and between the addresses of spaces: cvta.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

enum class Rounding : uint8_t { kNone, kNearest, kZero, kDown, kUp, kNearestAway };

// A float32 or float64 as a whole number, still a float.
double Whole(double x, Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearest:
      return std::nearbyint(x);
    case Rounding::kDown:
      return std::floor(x);
    case Rounding::kUp:
      return std::ceil(x);
    default:
      return std::trunc(x);
  }
}

// Out of range: the nearest that there is. A NaN: 0, or the lowest bit pattern of 64 bits with its highest bit alone.
template <typename To>
To ToInteger(double x) {
  using Limits = std::numeric_limits<To>;
  if (std::isnan(x)) return sizeof(To) == 8 ? static_cast<To>(uint64_t{1} << 63) : To{0};
  if (x <= static_cast<double>(Limits::min())) return Limits::min();
  if (x >= std::ldexp(1.0, Limits::digits)) return Limits::max();
  return static_cast<To>(x);
}

template <typename T>
inline constexpr bool kIsFloat = std::is_floating_point_v<T> || kIsShortFloat<T>;

// The numbers of `bytes` each at a place as a type that is no wider.
template <typename T>
void Gather(const std::byte* lanes, uint32_t num_bytes, T (&numbers)[kLanes]) {
  if constexpr (kIsFloat<T>) {
    const T* from = reinterpret_cast<const T*>(lanes);
    std::copy_n(from, kLanes, numbers);
  } else {
    const auto cut = [&]<typename R>(R) {
      const R* from = reinterpret_cast<const R*>(lanes);
      for (uint32_t lane = 0; lane < kLanes; ++lane) numbers[lane] = static_cast<T>(from[lane]);
    };
    num_bytes == 2 ? cut(uint16_t{}) : num_bytes == 4 ? cut(uint32_t{}) : cut(uint64_t{});
  }
}

// Integers grow to the register's size by their sign, or by zeros if they have none.
template <typename T>
void Scatter(std::byte* lanes, uint32_t num_bytes, const T (&numbers)[kLanes], uint32_t to) {
  if constexpr (kIsFloat<T>) {
    T* target = reinterpret_cast<T*>(lanes);
    Map(
        to, [](T x) { return x; }, target, numbers);
  } else {
    const auto grow = [&]<typename R>(R) {
      Map(
          to, [](T x) { return static_cast<R>(x); }, reinterpret_cast<R*>(lanes), numbers);
    };
    num_bytes == 2 ? grow(uint16_t{}) : num_bytes == 4 ? grow(uint32_t{}) : grow(uint64_t{});
  }
}

// `variant`: the rounding; `second_variant`: whether floats are kept within [0, 1] and integers within their range;
// access_bytes and register_bytes: of the source's register and of the target's.
template <typename To, typename From>
To Convert(From x, Rounding rounding, bool saturates) {
  if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
    if (!saturates) return static_cast<To>(x);
    using Limits = std::numeric_limits<To>;
    const __int128 wide = x;  // NOLINT(bugprone-signed-char-misuse): its sign is kept
    return static_cast<To>(std::clamp<__int128>(wide, Limits::min(), Limits::max()));
  } else if constexpr (std::is_integral_v<To>) {
    return ToInteger<To>(Whole(static_cast<double>(x), rounding));
  } else if constexpr (std::is_integral_v<From>) {
    using Wide = std::conditional_t<kIsShortFloat<To>, double, From>;
    return static_cast<To>(static_cast<Wide>(x));
  } else {
    // From one float to the same: a whole number of it, if a rounding is asked for.
    if constexpr (std::is_same_v<From, To> && std::is_floating_point_v<From>) {
      To y = rounding == Rounding::kNone ? x : static_cast<To>(Whole(static_cast<double>(x), rounding));
      if (saturates) y = std::isnan(y) ? To{0} : std::clamp(y, To{0}, To{1});
      return y;
    } else if constexpr (std::is_same_v<From, float> || std::is_same_v<To, float>) {
      return static_cast<To>(x);
    } else {
      return static_cast<To>(static_cast<double>(x));
    }
  }
}

template <typename To, typename From>
void ConvertLanes(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  From from[kLanes];
  To to[kLanes];
  Gather(warp.Lanes<std::byte>(instruction.operands[1]), instruction.access_bytes, from);
  const auto rounding = static_cast<Rounding>(instruction.variant);
  if (instruction.second_variant != 0) {
    for (uint32_t lane = 0; lane < kLanes; ++lane) to[lane] = Convert<To>(from[lane], rounding, true);
  } else {
    for (uint32_t lane = 0; lane < kLanes; ++lane) to[lane] = Convert<To>(from[lane], rounding, false);
  }
  Scatter(warp.Lanes<std::byte>(instruction.operands[0]), instruction.register_bytes, to, lanes);
}

// Two float32 to a pair: the first goes to the upper half.
template <typename T>
struct ToPair {
  Pair<T> operator()(float a, float b) const { return {T(b), T(a)}; }
};

// To the nearest, ties away from 0, in the bits that tf32 has.
struct ToTf32 {
  uint32_t operator()(float a) const {
    const auto bits = std::bit_cast<uint32_t>(a);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return 0x7FFFFFFFu;
    if ((bits & 0x7FFFFFFFu) == 0x7F800000u) return bits;
    return (bits + 0x1000u) & kTf32Bits;
  }
};

Rounding TakeRounding(Decoder& decoder, std::string_view& name) {
  name = decoder.modifiers.TakeOne({"rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi"});
  if (name.empty()) return Rounding::kNone;
  if (name == "rna") return Rounding::kNearestAway;
  switch (name[1]) {
    case 'n':
      return Rounding::kNearest;
    case 'z':
      return Rounding::kZero;
    case 'm':
      return Rounding::kDown;
    default:
      return Rounding::kUp;
  }
}

bool IsOfFloats(Type type) {
  return type == Type::kF16 || type == Type::kBf16 || type == Type::kF32 || type == Type::kF64;
}

void DecodeCvt(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  std::string_view rounding_name;
  const Rounding rounding = TakeRounding(decoder, rounding_name);
  const bool saturates = decoder.modifiers.Take("sat");
  const Type to = decoder.TakeType(), from = decoder.TakeType();
  if (to == Type::kTf32) {
    if (from != Type::kF32 || rounding != Rounding::kNearestAway || saturates) decoder.Fail("not known for tf32");
    return UseElementwise<ToTf32, uint32_t, float>(decoder, Type::kB32, {from});
  }
  if (to == Type::kF16x2 || to == Type::kBf16x2) {
    if (from != Type::kF32 || rounding != Rounding::kNearest || saturates) decoder.Fail("not known for pairs");
    if (to == Type::kF16x2) return UseElementwise<ToPair<Half>, Pair<Half>, float, float>(decoder, to, {from, from});
    return UseElementwise<ToPair<Bf16>, Pair<Bf16>, float, float>(decoder, to, {from, from});
  }
  // To whole numbers the rounding's name ends in "i"; it has none where nothing is lost.
  const bool to_whole = IsOfFloats(from) && (!IsOfFloats(to) || (to == from && rounding != Rounding::kNone));
  const bool loses = IsOfFloats(to) &&
                     (!IsOfFloats(from) || BytesOf(to) < BytesOf(from) || (BytesOf(to) == BytesOf(from) && to != from));
  if (to_whole != (rounding_name.ends_with("i")) || (loses && rounding != Rounding::kNearest) ||
      (!loses && !to_whole && rounding != Rounding::kNone)) {
    decoder.Fail("this rounding is not known for these types");
  }
  if (saturates && IsOfFloats(to) && to != from) decoder.Fail("saturation is not known for these types");
  decoder.ExpectOperands(2);
  instruction.variant = static_cast<uint8_t>(rounding);
  instruction.second_variant = saturates ? 1 : 0;
  uint8_t source_bytes = 0, target_bytes = 0;
  instruction.operands[1] = decoder.Wide(decoder.operand(1), from, source_bytes);
  instruction.operands[0] = decoder.Wide(decoder.operand(0), to, target_bytes);
  if ((IsOfFloats(from) && source_bytes != BytesOf(from)) || (IsOfFloats(to) && target_bytes != BytesOf(to))) {
    decoder.Fail("a float in a register of another size");
  }
  instruction.access_bytes = source_bytes;
  instruction.register_bytes = target_bytes;
  WithNumberOf(to, [&](auto to_number) {
    WithNumberOf(from, [&](auto from_number) {
      using To = decltype(to_number);
      using From = decltype(from_number);
      if constexpr (!kIsPair<To> && !kIsPair<From>) instruction.handler = ConvertLanes<To, From>;
    });
  });
}

// Between a space's address and a generic one: the distance of their beginnings.
struct Displace {
  uint64_t operator()(uint64_t a, uint64_t by) const { return a + by; }
};

void DecodeCvta(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const bool from_generic = decoder.modifiers.Take("to");
  const std::string_view space = decoder.modifiers.TakeOne({"global", "shared", "local", "param", "const"});
  decoder.TakeType({Type::kU64});
  const uint64_t window = space == "shared"  ? kSharedWindow
                          : space == "local" ? kLocalWindow
                          : space == "param" ? kParamWindow
                                             : 0;
  if (space.empty()) decoder.Fail("the space is not known");
  decoder.ExpectOperands(2);
  instruction.operands[0] = decoder.Target(0, Type::kU64);
  instruction.operands[1] = decoder.Source(1, Type::kU64);
  Operand by;
  by.kind = Operand::Kind::kNumber;
  const std::string number = std::to_string(from_generic ? 0 - window : window);
  by.text = number;
  instruction.operands[2] = decoder.SourceOf(by, Type::kU64);
  instruction.handler = Elementwise<Displace, uint64_t, uint64_t, uint64_t>;
}

constexpr Opcode kOpcodes[] = {{"cvt", DecodeCvt}, {"cvta", DecodeCvta}};

}  // namespace

std::span<const Opcode> ConversionOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
