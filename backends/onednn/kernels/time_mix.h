// The recurrences: of RWKV-4 for some channels of one stream, of RWKV-5, 6 and 7 for one head of one stream. For every
// instruction set of Highway, chosen at run time. Pure functions.
//
// `states_pass_caches`, where a struct has it: the new state will not be read before everything else has gone through
// the caches, as in decoding with a large model. A single token's state is then written past them, so that the memory
// that it overwrites is not read first: two passes over the bus instead of three.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_TIME_MIX_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_TIME_MIX_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// A stream's consecutive tokens: pointers to the whole row of the first token, `width` floats from one token to the
// next.
struct Wkv4Rows {
  const float *r, *k, *v;      // kit::Wkv4Inputs
  const float *decay, *bonus;  // [width]
  float* y;
  size_t width;
  uint32_t num_tokens;  // at least 1
};

// The recurrence of kit::Rwkv4Ops for channels [begin, end). `before` and `after`: a, b, p, each [width]; they may be
// the same. `after` NULL: the new state is not kept.
void Wkv4Channels(const Wkv4Rows& rows, size_t begin, size_t end, const float* before, float* after);

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

// Per token: y = (S + (bonus * k) v^T)^T r; S = diag(w) S + k v^T. `before` and `after`: [N keys][N values]; they may
// be the same.
void Wkv5Head(const Wkv5Rows& head, const float* before, float* after);

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

// Per token: S = S (diag(w) - kk b^T) + v k^T; y = S r. The state is kept [key][value], so that a vector holds values,
// which do not depend on each other: no sums across lanes, and one pass over the state per token. `before` and `after`:
// [N][N]; they may be the same.
void Wkv7Head(const Wkv7Rows& head, const float* before, float* after);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_TIME_MIX_H_
