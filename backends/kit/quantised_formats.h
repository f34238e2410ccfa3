// The quantised types of skein/dtype.h, in which matrices arrive, and their exact values as float32. Plain loops; for
// the speed of loading only.
#ifndef SKEIN_BACKENDS_KIT_QUANTISED_FORMATS_H_
#define SKEIN_BACKENDS_KIT_QUANTISED_FORMATS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kit/float_formats.h"
#include "skein/dtype.h"

namespace skein::kit {

// How the rows of a quantised type are made up: groups of inputs, each a binary16 scale and then the codes.
struct QuantisedLayout {
  uint32_t group_size;   // inputs
  uint32_t bits;         // of a code: 8 or 4
  int32_t zero_code;     // the code of 0
  uint64_t group_bytes;  // scale and codes

  constexpr uint64_t NumGroups(uint64_t num_inputs) const { return (num_inputs + group_size - 1) / group_size; }
};

constexpr uint64_t kScaleBytes = 2;

constexpr bool IsQuantised(uint32_t dtype) { return dtype == SKEIN_DTYPE_Q8 || dtype == SKEIN_DTYPE_Q4; }

// `dtype` is Q8 or Q4.
constexpr QuantisedLayout LayoutOf(uint32_t dtype) {
  if (dtype == SKEIN_DTYPE_Q8) return {.group_size = 128, .bits = 8, .zero_code = 0, .group_bytes = kScaleBytes + 128};
  return {.group_size = 64, .bits = 4, .zero_code = 8, .group_bytes = kScaleBytes + 32};
}

// Code `index` of a group, less the code of 0.
inline int32_t SignedCode(const QuantisedLayout& layout, const unsigned char* group, uint32_t index) {
  const unsigned char* codes = group + kScaleBytes;
  if (layout.bits == 8) return static_cast<int8_t>(codes[index]);
  return (codes[index / 2] >> (index % 2 * 4) & 15) - layout.zero_code;
}

inline uint16_t ScaleBits(const unsigned char* group) {
  uint16_t bits;
  std::memcpy(&bits, group, sizeof(bits));
  return bits;
}

// Elements [first, first + count) of a row. A scale has 11 bits and a code 8: the products are exact.
inline void ExpandQuantised(uint32_t dtype, const unsigned char* row, uint64_t first, uint64_t count, float* out) {
  const QuantisedLayout layout = LayoutOf(dtype);
  for (uint64_t i = first; i < first + count;) {
    const unsigned char* group = row + i / layout.group_size * layout.group_bytes;
    const float scale = Float16ToFloat(ScaleBits(group));
    const uint64_t group_end = (i / layout.group_size + 1) * layout.group_size;
    for (const uint64_t end = std::min(group_end, first + count); i < end; ++i) {
      const auto index = static_cast<uint32_t>(i % layout.group_size);
      *out++ = scale * static_cast<float>(SignedCode(layout, group, index));
    }
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_QUANTISED_FORMATS_H_
