// Rows of float32 as groups of small codes with a scale, and back: the types SKEIN_DTYPE_Q8 and Q4, whose layout
// skein/dtype.h gives. Pure functions: which tensors are quantised, and what is not finite, is the callers' business.
#ifndef SKEIN_NUMBERS_QUANTISED_H_
#define SKEIN_NUMBERS_QUANTISED_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace skein {

inline constexpr size_t kQ8GroupElements = 128;
inline constexpr size_t kQ8GroupBytes = 2 + kQ8GroupElements;
inline constexpr size_t kQ4GroupElements = 64;
inline constexpr size_t kQ4GroupBytes = 2 + kQ4GroupElements / 2;

// Writes `row`, whose values are finite, as whole groups of `dtype` (Q8 or Q4); the last group is filled up with codes
// of zero. A piece of a row that starts with a group is as good as a row: groups know nothing of each other.
// Q8 takes the scale from the largest magnitude, which a search does not improve; Q4 searches the scale for the
// smallest sum of squared errors. The same row gives the same bytes on every machine. False if a value is too large
// for any binary16 scale (from about 8.3e6 in Q8 and 5.2e5 in Q4); what `out` holds is then undefined.
bool QuantiseRow(uint32_t dtype, absl::Span<const float> row, uint8_t* out);

// The first `count` elements of consecutive groups of `dtype` (Q8 or Q4) as float32. The products are exact.
// `groups` may be unaligned.
void DequantiseGroups(uint32_t dtype, const uint8_t* groups, size_t count, float* out);

}  // namespace skein

#endif  // SKEIN_NUMBERS_QUANTISED_H_
