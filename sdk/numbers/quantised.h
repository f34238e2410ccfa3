// The quantised types of matrices, Q8 and Q4 (skein/dtype.h): a row is groups of inputs, each a binary16 scale and then
// the codes. Pure functions: which tensors are quantised, and whether their values are finite, callers decide and
// check.
#ifndef SKEIN_NUMBERS_QUANTISED_H_
#define SKEIN_NUMBERS_QUANTISED_H_

#include <cstdint>
#include <cstring>
#include <span>

#include "skein/dtype.h"

namespace skein {

struct QuantisedLayout {
  uint32_t group_size;   // inputs
  uint32_t bits;         // of a code: 8 or 4
  int32_t zero_code;     // the code of 0
  uint64_t group_bytes;  // scale and codes

  constexpr uint64_t NumGroups(uint64_t num_inputs) const {
    return num_inputs / group_size + (num_inputs % group_size != 0 ? 1 : 0);
  }
};

inline constexpr uint32_t kScaleBytes = 2;
inline constexpr QuantisedLayout kQ8 = {.group_size = 128, .bits = 8, .zero_code = 0, .group_bytes = kScaleBytes + 128};
inline constexpr QuantisedLayout kQ4 = {.group_size = 64, .bits = 4, .zero_code = 8, .group_bytes = kScaleBytes + 32};

constexpr bool IsQuantised(uint32_t dtype) { return dtype == SKEIN_DTYPE_Q8 || dtype == SKEIN_DTYPE_Q4; }

// `dtype` is Q8 or Q4.
constexpr const QuantisedLayout& LayoutOf(uint32_t dtype) { return dtype == SKEIN_DTYPE_Q8 ? kQ8 : kQ4; }

// Of a group, which may be unaligned: the bits of its scale.
inline uint16_t ScaleBits(const uint8_t* group) {
  uint16_t bits;
  std::memcpy(&bits, group, sizeof(bits));
  return bits;
}

// Code `index` of a group, less the code of 0.
inline int32_t SignedCode(const QuantisedLayout& layout, const uint8_t* group, uint64_t index) {
  const uint8_t* codes = group + kScaleBytes;
  if (layout.bits == 8) return static_cast<int8_t>(codes[index]);
  return (codes[index / 2] >> (index % 2 * 4) & 15) - layout.zero_code;
}

// Writes `row`, whose values are finite, as whole groups of `dtype` (Q8 or Q4). The last group is filled up with codes
// of zero. A piece of a row that starts with a group is as good as a row: groups know nothing of each other.
// Q8 takes the scale from the largest magnitude, which a search does not improve. Q4 searches the scale with the
// smallest sum of squared errors. The same row gives the same bytes on every machine. False if a value is too large
// for any binary16 scale (from about 8.3e6 in Q8 and 5.2e5 in Q4); the contents of `out` are then undefined.
bool QuantiseRow(uint32_t dtype, std::span<const float> row, uint8_t* out);

// Elements [first, first + count) of a row of `dtype` (Q8 or Q4), which may be unaligned, as float32. A scale has 11
// bits and a code 8, so the products are exact.
void ExpandQuantised(uint32_t dtype, const uint8_t* row, uint64_t first, uint64_t count, float* out);

}  // namespace skein

#endif  // SKEIN_NUMBERS_QUANTISED_H_
