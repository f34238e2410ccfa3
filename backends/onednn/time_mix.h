// The recurrence of RWKV-7 for one head of one stream. For every instruction set of Highway, chosen at run time. Pure
// functions.
#ifndef SKEIN_BACKENDS_ONEDNN_TIME_MIX_H_
#define SKEIN_BACKENDS_ONEDNN_TIME_MIX_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// One head's channels of consecutive tokens: pointers to the first token, `row_stride` floats from one token to the
// next.
struct WkvHead {
  const float *r, *w, *k, *v, *kk, *b;  // kit::Wkv7Inputs
  float* y;
  size_t row_stride;
  uint32_t num_tokens;  // at least 1
  uint32_t head_size;
};

// Per token: S = S (diag(w) - kk b^T) + v k^T; y = S r. The state is kept [key][value], so that a vector holds values,
// which do not depend on each other: no sums across lanes, and one pass over the state per token. `before` and `after`:
// [N][N]; they may be the same.
void Wkv7Head(const WkvHead& head, const float* before, float* after);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_TIME_MIX_H_
