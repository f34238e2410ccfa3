// bfloat16: the type, its pair, and the conversions that kernels use. Arithmetic is in cuda_emulator/number16.h.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_

#include <cstdint>

#include "cuda_emulator/number16.h"

using __nv_bfloat16_raw = skein::emulator::numbers16::Raw16<skein::emulator::kBfloat16MantissaBits>;
using __nv_bfloat16 = skein::emulator::numbers16::Number16<skein::emulator::kBfloat16MantissaBits>;
using __nv_bfloat162 = skein::emulator::numbers16::Pair16<skein::emulator::kBfloat16MantissaBits>;

inline __nv_bfloat16 __float2bfloat16_rn(float value) { return __nv_bfloat16(value); }
inline float __bfloat162float(__nv_bfloat16 value) { return static_cast<float>(value); }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) {
  return __nv_bfloat162(__nv_bfloat16(x), __nv_bfloat16(y));
}

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_BF16_H_
