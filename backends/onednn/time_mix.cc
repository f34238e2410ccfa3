#include "onednn/time_mix.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/time_mix.cc"
#include <hwy/foreach_target.h>
//
#include "onednn/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

// All tokens for kVectors vectors of values, beginning with value `first`.
template <size_t kVectors, class D>
HWY_INLINE void WkvValues(D d, const WkvHead& head, size_t first, const float* before, float* after) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const size_t n = head.head_size;

  // removed = S kk, what the token takes out of the state. For the first token it takes a pass of its own; later it
  // falls out of the pass of the token before.
  V removed[kVectors];
  for (size_t i = 0; i < kVectors; ++i) removed[i] = hn::Zero(d);
  for (size_t j = 0; j < n; ++j) {
    const V kk = hn::Set(d, head.kk[j]);
    for (size_t i = 0; i < kVectors; ++i) {
      removed[i] = hn::MulAdd(hn::LoadU(d, before + j * n + first + i * lanes), kk, removed[i]);
    }
  }

  for (uint32_t t = 0; t < head.num_tokens; ++t) {
    const size_t row = t * head.row_stride;
    const float *r = head.r + row, *w = head.w + row, *k = head.k + row, *b = head.b + row;
    const float* next_kk = t + 1 < head.num_tokens ? head.kk + row + head.row_stride : head.kk + row;
    const float* from = t == 0 ? before : after;
    V v[kVectors], y[kVectors], next_removed[kVectors];
    for (size_t i = 0; i < kVectors; ++i) {
      v[i] = hn::LoadU(d, head.v + row + first + i * lanes);
      y[i] = hn::Zero(d);
      next_removed[i] = hn::Zero(d);
    }
    for (size_t j = 0; j < n; ++j) {
      const V rj = hn::Set(d, r[j]), wj = hn::Set(d, w[j]), kj = hn::Set(d, k[j]), bj = hn::Set(d, b[j]);
      const V next = hn::Set(d, next_kk[j]);
      for (size_t i = 0; i < kVectors; ++i) {
        const size_t at = j * n + first + i * lanes;
        const V added = hn::NegMulAdd(removed[i], bj, hn::Mul(v[i], kj));
        const V s = hn::MulAdd(hn::LoadU(d, from + at), wj, added);
        hn::StoreU(s, d, after + at);
        y[i] = hn::MulAdd(s, rj, y[i]);
        next_removed[i] = hn::MulAdd(s, next, next_removed[i]);
      }
    }
    for (size_t i = 0; i < kVectors; ++i) {
      hn::StoreU(y[i], d, head.y + row + first + i * lanes);
      removed[i] = next_removed[i];
    }
  }
}

void Wkv7Head(const WkvHead& head, const float* before, float* after) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const size_t n = head.head_size;
  size_t value = 0;
  for (; value + 4 * lanes <= n; value += 4 * lanes) WkvValues<4>(d, head, value, before, after);
  for (; value + lanes <= n; value += lanes) WkvValues<1>(d, head, value, before, after);
  for (; value < n; ++value) WkvValues<1>(OneFloat(), head, value, before, after);
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(Wkv7Head);

void Wkv7Head(const WkvHead& head, const float* before, float* after) {
  HWY_DYNAMIC_DISPATCH(Wkv7Head)(head, before, after);
}

}  // namespace skein::onednn
#endif  // HWY_ONCE
