// binary16: the type, its pair, and the conversions that kernels use. Arithmetic is in cuda_emulator/number16.h.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_

#include <cstdint>

#include "cuda_emulator/number16.h"

using __half_raw = skein::emulator::numbers16::Raw16<skein::emulator::kHalfMantissaBits>;
using __half = skein::emulator::numbers16::Number16<skein::emulator::kHalfMantissaBits>;
using __half2 = skein::emulator::numbers16::Pair16<skein::emulator::kHalfMantissaBits>;

inline __half __float2half_rn(float value) { return __half(value); }
inline float __half2float(__half value) { return static_cast<float>(value); }
inline __half2 __floats2half2_rn(float x, float y) { return __half2(__half(x), __half(y)); }
inline float2 __half22float2(__half2 pair) { return {static_cast<float>(pair.x), static_cast<float>(pair.y)}; }

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_FP16_H_
