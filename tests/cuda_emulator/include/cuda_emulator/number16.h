// Numbers of 16 bits as CUDA has them in two types (cuda_fp16.h, cuda_bf16.h): the type, its pair, and what kernels use
// of their arithmetic, each operation rounded to the nearest, ties to even.
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

// A double holds the exact difference of two, and rounding it twice changes nothing at these widths.
template <int kBits>
Number16<kBits> __hsub(Number16<kBits> x, Number16<kBits> y) {
  return static_cast<double>(float(x)) - float(y);
}
template <int kBits>
Number16<kBits> __hfma(Number16<kBits> x, Number16<kBits> y, Number16<kBits> z) {
  return MultiplyAddToOdd(float(x), float(y), float(z));
}
template <int kBits>
Pair16<kBits> __hsub2(Pair16<kBits> x, Pair16<kBits> y) {
  return {__hsub(x.x, y.x), __hsub(x.y, y.y)};
}
template <int kBits>
Pair16<kBits> __hfma2(Pair16<kBits> x, Pair16<kBits> y, Pair16<kBits> z) {
  return {__hfma(x.x, y.x, z.x), __hfma(x.y, y.y, z.y)};
}

// CUDA's operators round to 16 bits. Without these lines a kernel that used one would get the sum of two floats.
template <int kBits>
void operator+(Number16<kBits>, Number16<kBits>) = delete;
template <int kBits>
void operator-(Number16<kBits>, Number16<kBits>) = delete;
template <int kBits>
void operator*(Number16<kBits>, Number16<kBits>) = delete;
template <int kBits>
void operator/(Number16<kBits>, Number16<kBits>) = delete;

}  // namespace skein::emulator::numbers16

#endif  // SKEIN_TESTS_CUDA_EMULATOR_NUMBER16_H_
