// bfloat16: the type, its pair, conversions and arithmetic, each operation rounded to the nearest, ties to even.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_

#include <cstdint>

#include "cuda_emulator/qualifiers.h"
#include "cuda_emulator/rounding.h"
#include "cuda_emulator/vector_types.h"

struct __nv_bfloat16_raw {
  unsigned short x;  // NOLINT(google-runtime-int)
};

struct __nv_bfloat16 {
  uint16_t bits;

  __nv_bfloat16() = default;
  __nv_bfloat16(float value)
      : bits(skein::emulator::RoundTo16Bits<skein::emulator::kBfloat16MantissaBits>(value)) {
  }  // NOLINT: implicit, as in CUDA
  __nv_bfloat16(double value)
      : bits(skein::emulator::RoundTo16Bits<skein::emulator::kBfloat16MantissaBits>(value)) {}  // NOLINT
  __nv_bfloat16(int value)
      : bits(skein::emulator::RoundTo16Bits<skein::emulator::kBfloat16MantissaBits>(value)) {}  // NOLINT
  __nv_bfloat16(__nv_bfloat16_raw raw) : bits(raw.x) {}                                         // NOLINT
  operator float() const { return skein::emulator::Bfloat16BitsToFloat(bits); }                 // NOLINT
  operator __nv_bfloat16_raw() const { return {bits}; }                                         // NOLINT
};

struct alignas(4) __nv_bfloat162 {
  __nv_bfloat16 x, y;

  __nv_bfloat162() = default;
  __nv_bfloat162(__nv_bfloat16 x_in, __nv_bfloat16 y_in) : x(x_in), y(y_in) {}
};

using nv_bfloat16 = __nv_bfloat16;
using nv_bfloat162 = __nv_bfloat162;

inline __nv_bfloat16 __float2bfloat16(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __double2bfloat16(double value) { return __nv_bfloat16(value); }
inline float __bfloat162float(__nv_bfloat16 value) { return static_cast<float>(value); }
inline __nv_bfloat16 __int2bfloat16_rn(int value) { return __nv_bfloat16(value); }
inline __nv_bfloat16 __uint2bfloat16_rn(unsigned value) { return __nv_bfloat16(static_cast<double>(value)); }
inline int __bfloat162int_rn(__nv_bfloat16 value) { return static_cast<int>(nearbyintf(static_cast<float>(value))); }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) {
  return __nv_bfloat16_raw{bits};
}  // NOLINT(google-runtime-int)
inline __nv_bfloat16 __short_as_bfloat16(short bits) {
  return __nv_bfloat16_raw{static_cast<unsigned short>(bits)};
}  // NOLINT
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 value) { return value.bits; }  // NOLINT(google-runtime-int)
inline short __bfloat16_as_short(__nv_bfloat16 value) {
  return static_cast<short>(value.bits);
}  // NOLINT(google-runtime-int)

inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return __nv_bfloat162(__nv_bfloat16(x), __nv_bfloat16(y));
}
inline __nv_bfloat162 __float22bfloat162_rn(float2 pair) {
  return __nv_bfloat162(__nv_bfloat16(pair.x), __nv_bfloat16(pair.y));
}
inline __nv_bfloat162 __float2bfloat162_rn(float value) {
  return __nv_bfloat162(__nv_bfloat16(value), __nv_bfloat16(value));
}
inline float2 __bfloat1622float2(__nv_bfloat162 pair) {
  return {static_cast<float>(pair.x), static_cast<float>(pair.y)};
}
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 value) { return __nv_bfloat162(value, value); }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return __nv_bfloat162(x, y); }
inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return __nv_bfloat162(x, y); }
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 pair) { return pair.x; }
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 pair) { return pair.y; }
inline float __low2float(__nv_bfloat162 pair) { return static_cast<float>(pair.x); }
inline float __high2float(__nv_bfloat162 pair) { return static_cast<float>(pair.y); }
inline __nv_bfloat162 __low2bfloat162(__nv_bfloat162 pair) { return __nv_bfloat162(pair.x, pair.x); }
inline __nv_bfloat162 __high2bfloat162(__nv_bfloat162 pair) { return __nv_bfloat162(pair.y, pair.y); }
inline __nv_bfloat162 __lowhigh2highlow(__nv_bfloat162 pair) { return __nv_bfloat162(pair.y, pair.x); }

// A float holds the exact product of two, and rounding a quotient or a sum twice changes nothing at these widths.
inline __nv_bfloat16 __hadd(__nv_bfloat16 x, __nv_bfloat16 y) {
  return __nv_bfloat16(static_cast<double>(float(x)) + float(y));
}
inline __nv_bfloat16 __hsub(__nv_bfloat16 x, __nv_bfloat16 y) {
  return __nv_bfloat16(static_cast<double>(float(x)) - float(y));
}
inline __nv_bfloat16 __hmul(__nv_bfloat16 x, __nv_bfloat16 y) {
  return __nv_bfloat16(static_cast<double>(float(x)) * float(y));
}
inline __nv_bfloat16 __hdiv(__nv_bfloat16 x, __nv_bfloat16 y) {
  return __nv_bfloat16(static_cast<double>(float(x)) / float(y));
}
inline __nv_bfloat16 __hfma(__nv_bfloat16 x, __nv_bfloat16 y, __nv_bfloat16 z) {
  return __nv_bfloat16(skein::emulator::MultiplyAddToOdd(float(x), float(y), float(z)));
}
inline __nv_bfloat16 __hneg(__nv_bfloat16 x) {
  return __nv_bfloat16_raw{static_cast<unsigned short>(x.bits ^ 0x8000)};
}  // NOLINT
inline __nv_bfloat16 __habs(__nv_bfloat16 x) {
  return __nv_bfloat16_raw{static_cast<unsigned short>(x.bits & 0x7FFF)};
}  // NOLINT
inline __nv_bfloat16 __hmax(__nv_bfloat16 x, __nv_bfloat16 y) { return __nv_bfloat16(fmaxf(x, y)); }
inline __nv_bfloat16 __hmin(__nv_bfloat16 x, __nv_bfloat16 y) { return __nv_bfloat16(fminf(x, y)); }
inline bool __hisnan(__nv_bfloat16 x) { return float(x) != float(x); }
inline int __hisinf(__nv_bfloat16 x) { return std::isinf(float(x)) ? (float(x) > 0 ? 1 : -1) : 0; }
inline bool __heq(__nv_bfloat16 x, __nv_bfloat16 y) { return float(x) == float(y); }
inline bool __hne(__nv_bfloat16 x, __nv_bfloat16 y) { return float(x) != float(y); }
inline bool __hlt(__nv_bfloat16 x, __nv_bfloat16 y) { return float(x) < float(y); }
inline bool __hle(__nv_bfloat16 x, __nv_bfloat16 y) { return float(x) <= float(y); }
inline bool __hgt(__nv_bfloat16 x, __nv_bfloat16 y) { return float(x) > float(y); }
inline bool __hge(__nv_bfloat16 x, __nv_bfloat16 y) { return float(x) >= float(y); }

inline __nv_bfloat162 __hadd2(__nv_bfloat162 x, __nv_bfloat162 y) {
  return __nv_bfloat162(__hadd(x.x, y.x), __hadd(x.y, y.y));
}
inline __nv_bfloat162 __hsub2(__nv_bfloat162 x, __nv_bfloat162 y) {
  return __nv_bfloat162(__hsub(x.x, y.x), __hsub(x.y, y.y));
}
inline __nv_bfloat162 __hmul2(__nv_bfloat162 x, __nv_bfloat162 y) {
  return __nv_bfloat162(__hmul(x.x, y.x), __hmul(x.y, y.y));
}
inline __nv_bfloat162 __hfma2(__nv_bfloat162 x, __nv_bfloat162 y, __nv_bfloat162 z) {
  return __nv_bfloat162(__hfma(x.x, y.x, z.x), __hfma(x.y, y.y, z.y));
}
inline __nv_bfloat162 __hneg2(__nv_bfloat162 x) { return __nv_bfloat162(__hneg(x.x), __hneg(x.y)); }
inline __nv_bfloat162 __hmax2(__nv_bfloat162 x, __nv_bfloat162 y) {
  return __nv_bfloat162(__hmax(x.x, y.x), __hmax(x.y, y.y));
}
inline __nv_bfloat162 __hmin2(__nv_bfloat162 x, __nv_bfloat162 y) {
  return __nv_bfloat162(__hmin(x.x, y.x), __hmin(x.y, y.y));
}

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_
