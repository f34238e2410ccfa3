// Makes Q8 and Q4 rows (skein/dtype.h) of float32 matrices, plainly: a scale per group from its largest magnitude. For
// tests and benchmarks, which need valid rows and not the best ones.
#ifndef SKEIN_TESTS_CONFORMANCE_QUANTISE_H_
#define SKEIN_TESTS_CONFORMANCE_QUANTISE_H_

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "numbers/half.h"
#include "numbers/quantised.h"

namespace skein::conformance {

// Rounds down, and below the normal numbers to 0.
inline uint16_t Float16Bits(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(std::fabs(value));
  if (bits < 113u << 23) return 0;
  return static_cast<uint16_t>(std::min<uint32_t>((bits - (112u << 23)) >> 13, 0x7BFF));
}

// `values`: [num_rows][num_columns].
inline std::vector<uint8_t> QuantiseRows(uint32_t dtype, std::span<const float> values, uint64_t num_columns) {
  const QuantisedLayout layout = LayoutOf(dtype);
  const float largest_code = layout.bits == 8 ? 127 : 7;
  const uint64_t num_groups = layout.NumGroups(num_columns), num_rows = values.size() / num_columns;
  std::vector<uint8_t> stored(num_rows * num_groups * layout.group_bytes);
  uint8_t* to = stored.data();
  for (uint64_t row = 0; row < num_rows; ++row) {
    for (uint64_t group = 0; group < num_groups; ++group, to += layout.group_bytes) {
      const uint64_t first = group * layout.group_size;
      const auto inputs =
          values.subspan(row * num_columns + first, std::min<uint64_t>(layout.group_size, num_columns - first));
      float largest = 0;
      for (const float x : inputs) largest = std::max(largest, std::fabs(x));
      const uint16_t scale_bits = Float16Bits(largest / largest_code * 1.001f);
      const float scale = F16ToF32(scale_bits);
      to[0] = static_cast<uint8_t>(scale_bits);
      to[1] = static_cast<uint8_t>(scale_bits >> 8);
      for (uint32_t i = 0; i < layout.group_size; ++i) {
        const float quotient = i < inputs.size() && scale > 0 ? std::nearbyint(inputs[i] / scale) : 0.0f;
        const auto code = static_cast<int32_t>(std::clamp(quotient, -largest_code, largest_code)) + layout.zero_code;
        uint8_t* codes = to + kScaleBytes;
        if (layout.bits == 8) {
          codes[i] = static_cast<uint8_t>(code);
        } else {
          codes[i / 2] = static_cast<uint8_t>(codes[i / 2] | code << (i % 2 * 4));
        }
      }
    }
  }
  return stored;
}

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_QUANTISE_H_
