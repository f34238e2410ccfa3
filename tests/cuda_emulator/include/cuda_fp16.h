// binary16: the type, its pair, conversions and arithmetic, each operation rounded to the nearest, ties to even.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_

#include <cstdint>

#include "cuda_emulator/qualifiers.h"
#include "cuda_emulator/rounding.h"
#include "cuda_emulator/vector_types.h"

struct __half_raw {
  unsigned short x;  // NOLINT(google-runtime-int)
};

struct __half {
  uint16_t bits;

  __half() = default;
  __half(float value)
      : bits(skein::emulator::RoundTo16Bits<skein::emulator::kHalfMantissaBits>(value)) {
  }  // NOLINT: implicit, as in CUDA
  __half(double value) : bits(skein::emulator::RoundTo16Bits<skein::emulator::kHalfMantissaBits>(value)) {}  // NOLINT
  __half(int value) : bits(skein::emulator::RoundTo16Bits<skein::emulator::kHalfMantissaBits>(value)) {}     // NOLINT
  __half(__half_raw raw) : bits(raw.x) {}                                                                    // NOLINT
  operator float() const { return skein::emulator::HalfBitsToFloat(bits); }                                  // NOLINT
  operator __half_raw() const { return {bits}; }                                                             // NOLINT
};

struct alignas(4) __half2 {
  __half x, y;

  __half2() = default;
  __half2(__half x_in, __half y_in) : x(x_in), y(y_in) {}
};

using half = __half;
using half2 = __half2;

inline __half __float2half(float value) { return __half(value); }
inline __half __float2half_rn(float value) { return __half(value); }
inline __half __double2half(double value) { return __half(value); }
inline float __half2float(__half value) { return static_cast<float>(value); }
inline __half __int2half_rn(int value) { return __half(value); }
inline __half __uint2half_rn(unsigned value) { return __half(static_cast<double>(value)); }
inline int __half2int_rn(__half value) { return static_cast<int>(nearbyintf(static_cast<float>(value))); }
inline __half __ushort_as_half(unsigned short bits) { return __half_raw{bits}; }  // NOLINT(google-runtime-int)
inline __half __short_as_half(short bits) { return __half_raw{static_cast<unsigned short>(bits)}; }  // NOLINT
inline unsigned short __half_as_ushort(__half value) { return value.bits; }            // NOLINT(google-runtime-int)
inline short __half_as_short(__half value) { return static_cast<short>(value.bits); }  // NOLINT(google-runtime-int)

inline __half2 __floats2half2_rn(float x, float y) { return __half2(__half(x), __half(y)); }
inline __half2 __float22half2_rn(float2 pair) { return __half2(__half(pair.x), __half(pair.y)); }
inline __half2 __float2half2_rn(float value) { return __half2(__half(value), __half(value)); }
inline float2 __half22float2(__half2 pair) { return {static_cast<float>(pair.x), static_cast<float>(pair.y)}; }
inline __half2 __half2half2(__half value) { return __half2(value, value); }
inline __half2 __halves2half2(__half x, __half y) { return __half2(x, y); }
inline __half2 make_half2(__half x, __half y) { return __half2(x, y); }
inline __half __low2half(__half2 pair) { return pair.x; }
inline __half __high2half(__half2 pair) { return pair.y; }
inline float __low2float(__half2 pair) { return static_cast<float>(pair.x); }
inline float __high2float(__half2 pair) { return static_cast<float>(pair.y); }
inline __half2 __low2half2(__half2 pair) { return __half2(pair.x, pair.x); }
inline __half2 __high2half2(__half2 pair) { return __half2(pair.y, pair.y); }
inline __half2 __lowhigh2highlow(__half2 pair) { return __half2(pair.y, pair.x); }

// A float holds the exact product of two, and rounding a quotient or a sum twice changes nothing at these widths.
inline __half __hadd(__half x, __half y) { return __half(static_cast<double>(float(x)) + float(y)); }
inline __half __hsub(__half x, __half y) { return __half(static_cast<double>(float(x)) - float(y)); }
inline __half __hmul(__half x, __half y) { return __half(static_cast<double>(float(x)) * float(y)); }
inline __half __hdiv(__half x, __half y) { return __half(static_cast<double>(float(x)) / float(y)); }
inline __half __hfma(__half x, __half y, __half z) {
  return __half(skein::emulator::MultiplyAddToOdd(float(x), float(y), float(z)));
}
inline __half __hneg(__half x) { return __half_raw{static_cast<unsigned short>(x.bits ^ 0x8000)}; }  // NOLINT
inline __half __habs(__half x) { return __half_raw{static_cast<unsigned short>(x.bits & 0x7FFF)}; }  // NOLINT
inline __half __hmax(__half x, __half y) { return __half(fmaxf(x, y)); }
inline __half __hmin(__half x, __half y) { return __half(fminf(x, y)); }
inline bool __hisnan(__half x) { return float(x) != float(x); }
inline int __hisinf(__half x) { return std::isinf(float(x)) ? (float(x) > 0 ? 1 : -1) : 0; }
inline bool __heq(__half x, __half y) { return float(x) == float(y); }
inline bool __hne(__half x, __half y) { return float(x) != float(y); }
inline bool __hlt(__half x, __half y) { return float(x) < float(y); }
inline bool __hle(__half x, __half y) { return float(x) <= float(y); }
inline bool __hgt(__half x, __half y) { return float(x) > float(y); }
inline bool __hge(__half x, __half y) { return float(x) >= float(y); }

inline __half2 __hadd2(__half2 x, __half2 y) { return __half2(__hadd(x.x, y.x), __hadd(x.y, y.y)); }
inline __half2 __hsub2(__half2 x, __half2 y) { return __half2(__hsub(x.x, y.x), __hsub(x.y, y.y)); }
inline __half2 __hmul2(__half2 x, __half2 y) { return __half2(__hmul(x.x, y.x), __hmul(x.y, y.y)); }
inline __half2 __hfma2(__half2 x, __half2 y, __half2 z) {
  return __half2(__hfma(x.x, y.x, z.x), __hfma(x.y, y.y, z.y));
}
inline __half2 __hneg2(__half2 x) { return __half2(__hneg(x.x), __hneg(x.y)); }
inline __half2 __hmax2(__half2 x, __half2 y) { return __half2(__hmax(x.x, y.x), __hmax(x.y, y.y)); }
inline __half2 __hmin2(__half2 x, __half2 y) { return __half2(__hmin(x.x, y.x), __hmin(x.y, y.y)); }

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_
