// Looks for NaN and infinity: in float32, and in stored tensors as they lie, without converting them.
#ifndef SKEIN_NUMBERS_FINITE_H_
#define SKEIN_NUMBERS_FINITE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "skein/plugin.h"

namespace skein {

// True if `values` holds neither NaN nor infinity.
inline bool AllFinite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000u;
  uint32_t num_bad = 0;  // a sum, not an early exit, so that the compiler vectorises
  for (const float value : values) num_bad += (std::bit_cast<uint32_t>(value) & kExponent) == kExponent ? 1 : 0;
  return num_bad == 0;
}

// The index of the first value that is NaN or infinite; values.size() if there is none.
size_t FindNotFinite(std::span<const float> values);

// True if every number of a tensor is finite. The tensor lies in `bytes` without gaps. In Q8 and Q4 only the scales
// count. `dtype` is one that packages hold, `layout` a SKEIN_LAYOUT_*, and `bytes` whole elements, rows of groups, or
// panels; the rows that fill up panels count. Many bytes are read on the host's threads.
bool AllFinite(const skein_host& host, uint32_t dtype, uint32_t layout, std::span<const uint8_t> bytes);

}  // namespace skein

#endif  // SKEIN_NUMBERS_FINITE_H_
