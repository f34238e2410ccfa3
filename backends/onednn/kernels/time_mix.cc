#include "onednn/kernels/time_mix.h"

#include <cstdint>
#include <type_traits>

#include "onednn/kernels/prefetch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/kernels/time_mix.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>

#include "onednn/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

// The way in which a head's new state is written.
enum class Write { kThroughCaches, kPastCaches };

// kPastCaches needs whole, aligned vectors, and a state that is written once.
template <class Head>
Write WriteFor(const Head& head, const float* before, const float* after) {
  const Floats d;
  const bool is_possible = head.states_pass_caches && head.num_tokens == 1 && before != after &&
                           head.head_size % (4 * hn::Lanes(d)) == 0 &&
                           reinterpret_cast<uintptr_t>(after) % (hn::Lanes(d) * sizeof(float)) == 0;
  return is_possible ? Write::kPastCaches : Write::kThroughCaches;
}

template <Write kWrite, class D, class V>
HWY_INLINE void WriteState(V state, D d, float* after) {
  if constexpr (kWrite == Write::kPastCaches) {
    hn::Stream(state, d, after);
  } else {
    hn::StoreU(state, d, after);
  }
}

// Calls values(number of vectors, how to write, tag, first value) for all values of a head, in as few passes as its
// size allows; the first two are std::integral_constants.
template <class Head, typename Values>
HWY_INLINE void ForAllValues(const Head& head, const float* before, const float* after, const Values& values) {
  const Floats d;
  const size_t lanes = hn::Lanes(d), n = head.head_size;
  constexpr std::integral_constant<size_t, 4> kFour;
  constexpr std::integral_constant<size_t, 1> kOne;
  size_t value = 0;
  if (WriteFor(head, before, after) == Write::kPastCaches) {
    constexpr std::integral_constant<Write, Write::kPastCaches> kWrite;
    for (; value < n; value += 4 * lanes) values(kFour, kWrite, d, value);
    hwy::FlushStream();  // before anyone is told that the state is there
    return;
  }
  constexpr std::integral_constant<Write, Write::kThroughCaches> kWrite;
  for (; value + 4 * lanes <= n; value += 4 * lanes) values(kFour, kWrite, d, value);
  for (; value + lanes <= n; value += lanes) values(kOne, kWrite, d, value);
  for (; value < n; ++value) values(kOne, kWrite, OneFloat(), value);
}

// All tokens for the vector of channels that begins at `c`.
template <class D>
HWY_INLINE void Wkv4Vector(D d, const Wkv4Rows& rows, size_t c, const float* before, float* after) {
  using V = hn::Vec<D>;
  const V decay = hn::LoadU(d, rows.decay + c), bonus = hn::LoadU(d, rows.bonus + c);
  V a = hn::LoadU(d, before + c);
  V b = hn::LoadU(d, before + rows.width + c);
  V p = hn::LoadU(d, before + 2 * rows.width + c);

  // With q = max(p, k): e^(p - q) and e^(k - q). One of them is e^0 and takes no exponential. Infinities and NaN stay
  // visible, since q - q is then not 0.
  struct Parts {
    V past, now, q;
  };
  const auto compare = [d](V past, V now) HWY_ATTR {
    const auto is_past_greater = hn::Lt(now, past);
    const V q = hn::IfThenElse(is_past_greater, past, now);
    const V greater = hn::Add(hn::Set(d, 1.0f), hn::Sub(q, q));
    const V less = ExpOrNaN(d, hn::Neg(hn::Abs(hn::Sub(past, now))));
    return Parts{hn::IfThenElse(is_past_greater, greater, less), hn::IfThenElse(is_past_greater, less, greater), q};
  };

  for (uint32_t t = 0; t < rows.num_tokens; ++t) {
    const size_t at = t * rows.width + c;
    const V k = hn::LoadU(d, rows.k + at), v = hn::LoadU(d, rows.v + at);
    const Parts out = compare(p, hn::Add(bonus, k));
    const V values = hn::MulAdd(out.past, a, hn::Mul(out.now, v));
    const V weights = hn::MulAdd(out.past, b, out.now);
    hn::StoreU(hn::Div(hn::Mul(hn::LoadU(d, rows.r + at), values), weights), d, rows.y + at);

    const Parts next = compare(hn::Add(p, decay), k);
    a = hn::MulAdd(next.past, a, hn::Mul(next.now, v));
    b = hn::MulAdd(next.past, b, next.now);
    p = next.q;
  }
  if (after == nullptr) return;
  hn::StoreU(a, d, after + c);
  hn::StoreU(b, d, after + rows.width + c);
  hn::StoreU(p, d, after + 2 * rows.width + c);
}

void Wkv4Channels(const Wkv4Rows& rows, size_t begin, size_t end, const float* before, float* after) {
  ForEachVector(begin, end, [&](auto d, size_t c) HWY_ATTR { Wkv4Vector(d, rows, c, before, after); });
}

// All tokens for kVectors vectors of values, beginning with value `first`. The state is kept [key][value], so that a
// vector holds values, which do not depend on each other, and one pass over the state per token does.
template <size_t kVectors, Write kWrite, class D>
HWY_INLINE void Wkv5Values(D d, const Wkv5Rows& head, size_t first, const float* before, float* after) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const size_t n = head.head_size;
  for (uint32_t t = 0; t < head.num_tokens; ++t) {
    const size_t row = t * head.row_stride;
    const float *r = head.r + row, *w = head.w + t * head.w_stride, *k = head.k + row;
    const float* from = t == 0 ? before : after;
    // The token's own part of y: v times one number, since the bonus weighs keys.
    const V own = hn::Set(d, Sum(n, [&](auto lane_tag, size_t i, auto partial) HWY_ATTR {
                            const auto match = hn::Mul(hn::LoadU(lane_tag, r + i), hn::LoadU(lane_tag, k + i));
                            return hn::MulAdd(match, hn::LoadU(lane_tag, head.bonus + i), partial);
                          }));
    V v[kVectors], y[kVectors];
    for (size_t i = 0; i < kVectors; ++i) {
      v[i] = hn::LoadU(d, head.v + row + first + i * lanes);
      y[i] = hn::Mul(own, v[i]);
    }
    for (size_t key = 0; key < n; ++key) {
      const V rk = hn::Set(d, r[key]), wk = hn::Set(d, w[key]), kk = hn::Set(d, k[key]);
      for (size_t i = 0; i < kVectors; ++i) {
        const size_t at = key * n + first + i * lanes;
        PrefetchAhead(from + at, head.ahead);
        const V s = hn::LoadU(d, from + at);
        y[i] = hn::MulAdd(s, rk, y[i]);
        WriteState<kWrite>(hn::MulAdd(s, wk, hn::Mul(v[i], kk)), d, after + at);
      }
    }
    for (size_t i = 0; i < kVectors; ++i) hn::StoreU(y[i], d, head.y + row + first + i * lanes);
  }
}

void Wkv5Head(const Wkv5Rows& head, const float* before, float* after) {
  ForAllValues(head, before, after, [&](auto vectors, auto write, auto d, size_t value) HWY_ATTR {
    Wkv5Values<vectors(), write()>(d, head, value, before, after);
  });
}

// All tokens for kVectors vectors of values, beginning with value `first`.
template <size_t kVectors, Write kWrite, class D>
HWY_INLINE void Wkv7Values(D d, const Wkv7Rows& head, size_t first, const float* before, float* after) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  const size_t n = head.head_size;

  // removed = S kk, the part that the token takes out of the state. For the first token it takes a pass of its own;
  // later it falls out of the pass of the token before.
  V removed[kVectors];
  for (size_t i = 0; i < kVectors; ++i) removed[i] = hn::Zero(d);
  for (size_t j = 0; j < n; ++j) {
    const V kk = hn::Set(d, head.kk[j]);
    for (size_t i = 0; i < kVectors; ++i) {
      const float* at = before + j * n + first + i * lanes;
      PrefetchAhead(at, head.ahead);
      removed[i] = hn::MulAdd(hn::LoadU(d, at), kk, removed[i]);
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
        WriteState<kWrite>(s, d, after + at);
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

void Wkv7Head(const Wkv7Rows& head, const float* before, float* after) {
  ForAllValues(head, before, after, [&](auto vectors, auto write, auto d, size_t value) HWY_ATTR {
    Wkv7Values<vectors(), write()>(d, head, value, before, after);
  });
}

const TimeMixKernels* TimeMixTable() {
  static constexpr TimeMixKernels kTable = {
      .wkv4_channels = Wkv4Channels, .wkv5_head = Wkv5Head, .wkv7_head = Wkv7Head};
  return &kTable;
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(TimeMixTable);

const TimeMixKernels& TimeMix() { return *HWY_DYNAMIC_DISPATCH(TimeMixTable)(); }

}  // namespace skein::onednn
#endif  // HWY_ONCE
