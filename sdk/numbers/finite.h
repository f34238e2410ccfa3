// Looks for NaN and infinity in stored numbers as they lie, without converting them: where a plain type's exponent is
// all ones, and, in Q8 and Q4, where that of a scale is.
#ifndef SKEIN_NUMBERS_FINITE_H_
#define SKEIN_NUMBERS_FINITE_H_

#include <cstdint>

#include "absl/types/span.h"
#include "skein/plugin.h"

namespace skein {

// Whether every number of a tensor is finite that lies in `bytes` without gaps. `dtype` is one that packages hold,
// `layout` a SKEIN_LAYOUT_*, and `bytes` whole elements, rows of groups, or panels; what fills up panels counts. Many
// bytes are read on the host's threads.
bool AllFinite(const skein_host& host, uint32_t dtype, uint32_t layout, absl::Span<const uint8_t> bytes);

}  // namespace skein

#endif  // SKEIN_NUMBERS_FINITE_H_
