// A group of a Q4 panel in bytes, for kernels with many rows: unpacked once, it stays in the first-level cache. For
// files that are compiled for AVX-512.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_UNPACK_Q4_AVX512_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_UNPACK_Q4_AVX512_H_

#include <immintrin.h>

#include <cstdint>

#include "onednn/kernels/panel.h"
#include "onednn/kernels/prefetch.h"

namespace skein::onednn {

// Steps of 4 inputs, as a Q8 panel has them.
constexpr uint32_t kUnpackedSteps = kQ4Panel.group_size / 4;
constexpr uint64_t kUnpackedGroupBytes = kUnpackedSteps * kStepBytes;

// `ahead`: see prefetch.h. The function is static, like everything that is compiled for an instruction set: the linker
// must not use it for another file.
static inline void UnpackQ4Group(const uint8_t* codes, uint8_t* bytes, uint32_t ahead) {
  const __m512i nibble = _mm512_set1_epi8(15);
  for (uint32_t step = 0; step < kQ4Panel.num_steps(); ++step) {
    for (uint32_t v = 0; v < kStepBytes; v += 64) {
      const uint8_t* from = codes + step * kStepBytes + v;
      PrefetchAhead(from, ahead);
      const __m512i both = _mm512_loadu_si512(from);
      uint8_t* to = bytes + 2 * step * kStepBytes + v;
      _mm512_store_si512(to, _mm512_and_si512(both, nibble));
      _mm512_store_si512(to + kStepBytes, _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble));
    }
  }
}

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_UNPACK_Q4_AVX512_H_
