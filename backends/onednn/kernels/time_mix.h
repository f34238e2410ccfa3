// The recurrences: of RWKV-4 for some channels of one stream, of RWKV-5, 6 and 7 for one head of one stream.
//
// `states_pass_caches`, where a struct has it: the caches will not hold the new state until it is read, as in decoding
// with a large model. The state after a single token is then written past the caches. So the memory under it is not
// read first, and the state crosses the bus twice instead of three times.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_TIME_MIX_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_TIME_MIX_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// A stream's consecutive tokens: pointers to the whole row of the first token, `width` floats apart from token to
// token.
struct Wkv4Rows {
  const float *r, *k, *v;      // kit::Wkv4Inputs
  const float *decay, *bonus;  // [width]
  float* y;
  size_t width;
  uint32_t num_tokens;  // at least 1
};

// One head's channels of consecutive tokens, as in Wkv7Rows.
struct Wkv5Rows {
  const float *r, *w, *k, *v;  // kit::Wkv5Inputs
  const float* bonus;          // [N]
  float* y;
  size_t row_stride;
  size_t w_stride;      // floats from a token's decay to the next one's, or 0
  uint32_t num_tokens;  // at least 1
  uint32_t head_size;
  bool states_pass_caches;
  uint32_t ahead;  // see prefetch.h
};

// One head's channels of consecutive tokens: pointers to the first token, `row_stride` floats from one token to the
// next.
struct Wkv7Rows {
  const float *r, *w, *k, *v, *kk, *b;  // kit::Wkv7Inputs
  float* y;
  size_t row_stride;
  uint32_t num_tokens;  // at least 1
  uint32_t head_size;
  bool states_pass_caches;
  uint32_t ahead;  // see prefetch.h
};

// Pure functions from the state `before` to the state `after`, which may lie in one place.
struct TimeMixKernels {
  // For channels [begin, end), token by token: see Wkv4 in equations/ops.h. The state is a, b, p, each [width]. `after`
  // NULL: the new state is not kept.
  void (*wkv4_channels)(const Wkv4Rows& rows, size_t begin, size_t end, const float* before, float* after);

  // Per token: y = (S + (bonus * k) v^T)^T r; S = diag(w) S + k v^T. The state is S [N keys][N values].
  void (*wkv5_head)(const Wkv5Rows& head, const float* before, float* after);

  // Per token: S = S (diag(w) - kk b^T) + v k^T; y = S r. The state is S turned over, [N keys][N values], so that a
  // vector holds values, which do not depend on each other: no sums across lanes, and one pass over the state per
  // token.
  void (*wkv7_head)(const Wkv7Rows& head, const float* before, float* after);
};

// The kernels for the best instruction set that Highway may use.
const TimeMixKernels& TimeMix();

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_TIME_MIX_H_
