// Arithmetic of floats, each operation rounded once, and the approximations of functions.
//
// An approximation is off by as much as the manual allows, up or down as the bits of its argument fall: who counts on
// more than is promised sees it. The same argument gives the same result, as on a GPU.
#include "float_arithmetic.h"

#include <cfenv>
#include <cmath>

#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

// x + y, with the last bit set if something was lost: so a second rounding, to far fewer bits, gives what one would.
double SumToOdd(double x, double y) {
  const double sum = x + y;
  const double of_y = sum - x;
  const double lost = (x - (sum - of_y)) + (y - of_y);
  auto bits = std::bit_cast<uint64_t>(sum);
  if (lost == 0 || !std::isfinite(sum) || (bits & 1) != 0) return sum;
  // One place towards what was lost.
  bits += (lost > 0) == (sum > 0) ? 1 : uint64_t(-1);
  return std::bit_cast<double>(bits);
}

// A function of floats, for those of 16 bits and for pairs too. F has float or double operands; numbers of 16 bits go
// through double, where their sums and products are exact or rounded to odd.
template <typename F>
struct OnFloats {
  template <typename T, typename... More>
  T operator()(T a, More... more) const {
    if constexpr (kIsPair<T>) {
      return {(*this)(a.low, more.low...), (*this)(a.high, more.high...)};
    } else if constexpr (kIsShortFloat<T>) {
      return T(F{}(static_cast<double>(a), static_cast<double>(more)...));
    } else {
      return F{}(a, more...);
    }
  }
};

struct Add {
  float operator()(float a, float b) const { return a + b; }
  double operator()(double a, double b) const { return a + b; }
};
struct Sub {
  float operator()(float a, float b) const { return a - b; }
  double operator()(double a, double b) const { return a - b; }
};
struct Mul {
  float operator()(float a, float b) const { return a * b; }
  double operator()(double a, double b) const { return a * b; }
};
struct Div {
  float operator()(float a, float b) const { return a / b; }
  double operator()(double a, double b) const { return a / b; }
};
struct Fma {
  template <typename T>
  T operator()(T a, T b, T c) const {
    if constexpr (kIsPair<T>) {
      return {(*this)(a.low, b.low, c.low), (*this)(a.high, b.high, c.high)};
    } else if constexpr (kIsShortFloat<T>) {
      return T(SumToOdd(static_cast<double>(a) * static_cast<double>(b), static_cast<double>(c)));
    } else {
      return std::fma(a, b, c);
    }
  }
};
// A NaN loses against a number, and -0 is below +0.
struct Min {
  template <typename T>
  T operator()(T a, T b) const {
    const T lesser = a < b || (a == b && std::signbit(a)) ? a : b;
    return std::isnan(a) ? b : std::isnan(b) ? a : lesser;
  }
};
struct Max {
  template <typename T>
  T operator()(T a, T b) const {
    const T greater = a > b || (a == b && !std::signbit(a)) ? a : b;
    return std::isnan(a) ? b : std::isnan(b) ? a : greater;
  }
};
struct Neg {
  template <typename T>
  T operator()(T a) const {
    return -a;
  }
};
struct Abs {
  template <typename T>
  T operator()(T a) const {
    return std::fabs(a);
  }
};
struct Copysign {  // the sign of the first, the rest of the second
  template <typename T>
  T operator()(T a, T b) const {
    return std::copysign(b, a);
  }
};
struct Reciprocal {
  template <typename T>
  T operator()(T a) const {
    return T{1} / a;
  }
};
struct SquareRoot {
  template <typename T>
  T operator()(T a) const {
    return std::sqrt(a);
  }
};

// A result that is off by up to `bound` of itself.
inline float Off(double exact, double bound, float argument) {
  const uint32_t mixed = std::bit_cast<uint32_t>(argument) * 0x9E3779B9u;
  const double part = (static_cast<double>(mixed >> 8) * 0x1p-23) - 1;  // in [-1, 1)
  // What is left of the bound once the result is rounded to a float32.
  return static_cast<float>(exact + exact * part * (bound - 0x1p-24));
}
inline float Flushed(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

// A function of one float32, with the bound of its error relative to the result.
struct Ex2Approx {
  float operator()(float a) const {
    if (!std::isfinite(a) || a == std::rint(a)) return std::exp2(a);  // exact powers of two
    return Off(std::exp2(static_cast<double>(a)), 0x1.6Ap-23, a);
  }
};
struct RcpApprox {
  float operator()(float a) const { return a == 0 || !std::isfinite(a) ? 1 / a : Off(1 / double{a}, 0x1.8p-24, a); }
};
struct RsqrtApprox {
  float operator()(float a) const {
    return a <= 0 || !std::isfinite(a) ? 1 / std::sqrt(a) : Off(1 / std::sqrt(double{a}), 0x1p-22, a);
  }
};
struct SqrtApprox {
  float operator()(float a) const {
    return a <= 0 || !std::isfinite(a) ? std::sqrt(a) : Off(std::sqrt(double{a}), 0x1p-22, a);
  }
};
// The error is absolute between 0.5 and 2, relative elsewhere.
struct Lg2Approx {
  float operator()(float a) const {
    const double exact = std::log2(static_cast<double>(a));
    if (!std::isfinite(exact) || exact == 0) return static_cast<float>(exact);
    const double bound = a > 0.5f && a < 2 ? 0x1p-22 / std::fabs(exact) : 0x1p-22;
    return Off(exact, bound, a);
  }
};
struct TanhApprox {
  float operator()(float a) const { return Off(std::tanh(static_cast<double>(a)), 0x1p-11, a); }
};
template <typename F>
struct FlushingToZero {
  float operator()(float a) const { return Flushed(F{}(Flushed(a))); }
};
// 20 bits of mantissa, without subnormal numbers.
struct RcpApproxF64 {
  double operator()(double a) const {
    if (std::fabs(a) < 0x1p-1022) a = std::copysign(0.0, a);
    const double exact = 1 / a;
    const double cut = std::bit_cast<double>(std::bit_cast<uint64_t>(exact) & ~uint64_t{0xFFFFFFFF});
    return std::fabs(cut) < 0x1p-1022 ? std::copysign(0.0, cut) : cut;
  }
};

// Runs the handler within, whose arithmetic the processor then rounds so.
template <int kRounding>
void Rounded(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const int before = std::fegetround();
  std::fesetround(kRounding);
  instruction.inner(warp, instruction, lanes);
  std::fesetround(before);
}

// "rn" is what C++ has, and what is meant if nothing is said.
void TakeRounding(Decoder& decoder, Type type) {
  const std::string_view rounding = decoder.modifiers.TakeOne({"rn", "rz", "rm", "rp"});
  if (rounding.empty() || rounding == "rn") return;
  if (type != Type::kF32 && type != Type::kF64) decoder.Fail("not known for 16 bits but to the nearest");
  decoder.instruction.inner = decoder.instruction.handler;
  decoder.instruction.handler = rounding == "rz"   ? Rounded<FE_TOWARDZERO>
                                : rounding == "rm" ? Rounded<FE_DOWNWARD>
                                                   : Rounded<FE_UPWARD>;
}

template <typename Run>
void WithFloat(Decoder& decoder, Type type, Run run) {
  switch (type) {
    case Type::kF16:
    case Type::kBf16:
    case Type::kF16x2:
    case Type::kBf16x2:
    case Type::kF32:
    case Type::kF64:
      return WithNumberOf(type, [&](auto number) {
        using T = decltype(number);
        if constexpr (std::is_floating_point_v<T> || kIsShortFloat<T> || kIsPair<T>) run(number);
      });
    default:
      decoder.Fail("not known for type " + std::string(NameOf(type)));
  }
}

template <typename F, size_t kArity>
void DecodeFloat(Decoder& decoder, Type type) {
  WithFloat(decoder, type, [&](auto number) { UseUniform<OnFloats<F>, kArity, decltype(number)>(decoder, type); });
  TakeRounding(decoder, type);
}

void DecodeCopysign(Decoder& decoder) { DecodeFloat<Copysign, 2>(decoder, decoder.TakeType({Type::kF32, Type::kF64})); }

// Functions of one number: `Exact` with a rounding, or `Approximate` of a float32.
template <typename Approximate>
void DecodeApproximation(Decoder& decoder) {
  decoder.modifiers.Take("approx");
  const bool flushes = decoder.modifiers.Take("ftz");
  const Type type = decoder.TakeType({Type::kF32});
  if (flushes) {
    UseUniform<FlushingToZero<Approximate>, 1, float>(decoder, type);
  } else {
    UseUniform<Approximate, 1, float>(decoder, type);
  }
}
template <typename Exact, typename Approximate>
void DecodeFunction(Decoder& decoder) {
  const auto& parts = decoder.modifiers.parts();
  const bool is_double = !parts.empty() && parts.back() == "f64";
  const bool is_approximate = !parts.empty() && parts.front() == "approx";
  if (is_approximate && !is_double) return DecodeApproximation<Approximate>(decoder);
  if (!is_approximate) return DecodeFloat<Exact, 1>(decoder, decoder.TakeType({Type::kF32, Type::kF64}));
  if (!std::is_same_v<Exact, Reciprocal> || !decoder.modifiers.Take("approx") || !decoder.modifiers.Take("ftz")) {
    decoder.Fail("not known for f64");
  }
  UseUniform<RcpApproxF64, 1, double>(decoder, decoder.TakeType({Type::kF64}));
}

constexpr Opcode kOpcodes[] = {
    {"fma", DecodeFma},
    {"copysign", DecodeCopysign},
    {"rcp", DecodeFunction<Reciprocal, RcpApprox>},
    {"sqrt", DecodeFunction<SquareRoot, SqrtApprox>},
    {"rsqrt", DecodeApproximation<RsqrtApprox>},
    {"ex2", DecodeApproximation<Ex2Approx>},
    {"lg2", DecodeApproximation<Lg2Approx>},
    {"tanh", DecodeApproximation<TanhApprox>},
};

}  // namespace

void DecodeFloatAdd(Decoder& decoder, Type type) { DecodeFloat<Add, 2>(decoder, type); }
void DecodeFloatSub(Decoder& decoder, Type type) { DecodeFloat<Sub, 2>(decoder, type); }
void DecodeFloatMul(Decoder& decoder, Type type) { DecodeFloat<Mul, 2>(decoder, type); }
void DecodeFloatMin(Decoder& decoder, Type type) { DecodeFloat<Min, 2>(decoder, type); }
void DecodeFloatMax(Decoder& decoder, Type type) { DecodeFloat<Max, 2>(decoder, type); }
void DecodeFloatNeg(Decoder& decoder, Type type) { DecodeFloat<Neg, 1>(decoder, type); }
void DecodeFloatAbs(Decoder& decoder, Type type) { DecodeFloat<Abs, 1>(decoder, type); }
void DecodeFloatDiv(Decoder& decoder, Type type) {
  if (type != Type::kF32 && type != Type::kF64) decoder.Fail("not known for type " + std::string(NameOf(type)));
  DecodeFloat<Div, 2>(decoder, type);
}
void DecodeFma(Decoder& decoder) {
  const Type type = decoder.TakeType();
  WithFloat(decoder, type, [&](auto number) { UseUniform<Fma, 3, decltype(number)>(decoder, type); });
  TakeRounding(decoder, type);
}

std::span<const Opcode> FloatOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
