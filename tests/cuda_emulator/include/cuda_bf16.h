// bfloat16: the type, its pair and conversions. Arithmetic is in cuda_emulator/number16.h.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_

#include <cstdint>

#include "cuda_emulator/number16.h"

using __nv_bfloat16_raw = skein::emulator::numbers16::Raw16<skein::emulator::kBfloat16MantissaBits>;
using __nv_bfloat16 = skein::emulator::numbers16::Number16<skein::emulator::kBfloat16MantissaBits>;
using __nv_bfloat162 = skein::emulator::numbers16::Pair16<skein::emulator::kBfloat16MantissaBits>;
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
inline __nv_bfloat162 __low2bfloat162(__nv_bfloat162 pair) { return __nv_bfloat162(pair.x, pair.x); }
inline __nv_bfloat162 __high2bfloat162(__nv_bfloat162 pair) { return __nv_bfloat162(pair.y, pair.y); }

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_
