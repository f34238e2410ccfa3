// binary16: the type, its pair and conversions. Arithmetic is in cuda_emulator/number16.h.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_

#include <cstdint>

#include "cuda_emulator/number16.h"

using __half_raw = skein::emulator::numbers16::Raw16<skein::emulator::kHalfMantissaBits>;
using __half = skein::emulator::numbers16::Number16<skein::emulator::kHalfMantissaBits>;
using __half2 = skein::emulator::numbers16::Pair16<skein::emulator::kHalfMantissaBits>;
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
inline __half2 __low2half2(__half2 pair) { return __half2(pair.x, pair.x); }
inline __half2 __high2half2(__half2 pair) { return __half2(pair.y, pair.y); }

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_
