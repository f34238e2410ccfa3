// Numbers of 16 bits as CUDA has them in two types (cuda_fp16.h, cuda_bf16.h): the type, its pair, and what both names
// share of arithmetic, each operation rounded to the nearest, ties to even.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_NUMBER16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_NUMBER16_H_

#include <cmath>
#include <cstdint>

#include "cuda_emulator/qualifiers.h"
#include "cuda_emulator/rounding.h"
#include "cuda_emulator/vector_types.h"

// Of its own, so that a call on numbers finds no other function of the emulator through them.
namespace skein::emulator::numbers16 {

template <int kMantissaBits>
struct Raw16 {
  unsigned short x;  // NOLINT(google-runtime-int)
};

template <int kMantissaBits>
struct Number16 {
  using Raw = Raw16<kMantissaBits>;
  uint16_t bits;

  Number16() = default;
  // Implicit, as in CUDA.
  Number16(float value) : bits(RoundTo16Bits<kMantissaBits>(value)) {}   // NOLINT
  Number16(double value) : bits(RoundTo16Bits<kMantissaBits>(value)) {}  // NOLINT
  Number16(int value) : bits(RoundTo16Bits<kMantissaBits>(value)) {}     // NOLINT
  Number16(Raw raw) : bits(raw.x) {}                                     // NOLINT
  operator float() const {                                               // NOLINT
    return kMantissaBits == kHalfMantissaBits ? HalfBitsToFloat(bits) : Bfloat16BitsToFloat(bits);
  }
  operator Raw() const { return {bits}; }  // NOLINT
};

template <int kMantissaBits>
struct alignas(4) Pair16 {
  Number16<kMantissaBits> x, y;

  Pair16() = default;
  Pair16(Number16<kMantissaBits> x_in, Number16<kMantissaBits> y_in) : x(x_in), y(y_in) {}
};

// The names below are found through their arguments.

template <int kBits>
float __low2float(Pair16<kBits> pair) {
  return pair.x;
}
template <int kBits>
float __high2float(Pair16<kBits> pair) {
  return pair.y;
}
template <int kBits>
Pair16<kBits> __lowhigh2highlow(Pair16<kBits> pair) {
  return {pair.y, pair.x};
}

// A double holds the exact product of two, and rounding a quotient or a sum twice changes nothing at these widths.
template <int kBits>
Number16<kBits> __hadd(Number16<kBits> x, Number16<kBits> y) {
  return static_cast<double>(float(x)) + float(y);
}
template <int kBits>
Number16<kBits> __hsub(Number16<kBits> x, Number16<kBits> y) {
  return static_cast<double>(float(x)) - float(y);
}
template <int kBits>
Number16<kBits> __hmul(Number16<kBits> x, Number16<kBits> y) {
  return static_cast<double>(float(x)) * float(y);
}
template <int kBits>
Number16<kBits> __hdiv(Number16<kBits> x, Number16<kBits> y) {
  return static_cast<double>(float(x)) / float(y);
}
template <int kBits>
Number16<kBits> __hfma(Number16<kBits> x, Number16<kBits> y, Number16<kBits> z) {
  return MultiplyAddToOdd(float(x), float(y), float(z));
}
template <int kBits>
Number16<kBits> __hneg(Number16<kBits> x) {
  return Raw16<kBits>{static_cast<unsigned short>(x.bits ^ 0x8000)};  // NOLINT(google-runtime-int)
}
template <int kBits>
Number16<kBits> __habs(Number16<kBits> x) {
  return Raw16<kBits>{static_cast<unsigned short>(x.bits & 0x7FFF)};  // NOLINT(google-runtime-int)
}
template <int kBits>
Number16<kBits> __hmax(Number16<kBits> x, Number16<kBits> y) {
  return fmaxf(x, y);
}
template <int kBits>
Number16<kBits> __hmin(Number16<kBits> x, Number16<kBits> y) {
  return fminf(x, y);
}
template <int kBits>
bool __hisnan(Number16<kBits> x) {
  return std::isnan(float(x));
}
template <int kBits>
int __hisinf(Number16<kBits> x) {
  return std::isinf(float(x)) ? (float(x) > 0 ? 1 : -1) : 0;
}
template <int kBits>
bool __heq(Number16<kBits> x, Number16<kBits> y) {
  return float(x) == float(y);
}
template <int kBits>
bool __hne(Number16<kBits> x, Number16<kBits> y) {
  return float(x) != float(y);
}
template <int kBits>
bool __hlt(Number16<kBits> x, Number16<kBits> y) {
  return float(x) < float(y);
}
template <int kBits>
bool __hle(Number16<kBits> x, Number16<kBits> y) {
  return float(x) <= float(y);
}
template <int kBits>
bool __hgt(Number16<kBits> x, Number16<kBits> y) {
  return float(x) > float(y);
}
template <int kBits>
bool __hge(Number16<kBits> x, Number16<kBits> y) {
  return float(x) >= float(y);
}

template <int kBits>
Pair16<kBits> __hadd2(Pair16<kBits> x, Pair16<kBits> y) {
  return {__hadd(x.x, y.x), __hadd(x.y, y.y)};
}
template <int kBits>
Pair16<kBits> __hsub2(Pair16<kBits> x, Pair16<kBits> y) {
  return {__hsub(x.x, y.x), __hsub(x.y, y.y)};
}
template <int kBits>
Pair16<kBits> __hmul2(Pair16<kBits> x, Pair16<kBits> y) {
  return {__hmul(x.x, y.x), __hmul(x.y, y.y)};
}
template <int kBits>
Pair16<kBits> __hfma2(Pair16<kBits> x, Pair16<kBits> y, Pair16<kBits> z) {
  return {__hfma(x.x, y.x, z.x), __hfma(x.y, y.y, z.y)};
}
template <int kBits>
Pair16<kBits> __hneg2(Pair16<kBits> x) {
  return {__hneg(x.x), __hneg(x.y)};
}
template <int kBits>
Pair16<kBits> __hmax2(Pair16<kBits> x, Pair16<kBits> y) {
  return {__hmax(x.x, y.x), __hmax(x.y, y.y)};
}
template <int kBits>
Pair16<kBits> __hmin2(Pair16<kBits> x, Pair16<kBits> y) {
  return {__hmin(x.x, y.x), __hmin(x.y, y.y)};
}

template <int kBits>
Number16<kBits> operator+(Number16<kBits> x, Number16<kBits> y) {
  return __hadd(x, y);
}
template <int kBits>
Number16<kBits> operator-(Number16<kBits> x, Number16<kBits> y) {
  return __hsub(x, y);
}
template <int kBits>
Number16<kBits> operator*(Number16<kBits> x, Number16<kBits> y) {
  return __hmul(x, y);
}
template <int kBits>
Number16<kBits> operator/(Number16<kBits> x, Number16<kBits> y) {
  return __hdiv(x, y);
}
template <int kBits>
Pair16<kBits> operator+(Pair16<kBits> x, Pair16<kBits> y) {
  return __hadd2(x, y);
}
template <int kBits>
Pair16<kBits> operator-(Pair16<kBits> x, Pair16<kBits> y) {
  return __hsub2(x, y);
}
template <int kBits>
Pair16<kBits> operator*(Pair16<kBits> x, Pair16<kBits> y) {
  return __hmul2(x, y);
}

}  // namespace skein::emulator::numbers16

#endif  // SKEIN_TESTS_CUDA_EMULATOR_NUMBER16_H_
