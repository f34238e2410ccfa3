// How many rows of output one job may ask of a step: a job that looks at every row of a long text holds a few of them
// at a time.
#ifndef SKEIN_SERVING_OUTPUT_ROWS_H_
#define SKEIN_SERVING_OUTPUT_ROWS_H_

#include <algorithm>
#include <cstdint>

namespace skein {

// 32 rows of logits over 65,536 tokens.
inline constexpr uint64_t kMaxOutputBytes = uint64_t{8} << 20;

// `row_floats`: in a row, at least 1.
inline uint64_t MaxOutputRows(uint64_t row_floats) {
  return std::max<uint64_t>(1, kMaxOutputBytes / sizeof(float) / row_floats);
}

}  // namespace skein

#endif  // SKEIN_SERVING_OUTPUT_ROWS_H_
