// Loops, sums and functions that the Highway kernels of this folder share. Included once per instruction set, inside
// foreach_target.
//
// Loops run over whole vectors and then over single lanes, with the same generic body, so that any width works. A body
// is a lambda, and needs HWY_ATTR to be compiled for the instruction set.
#if defined(SKEIN_BACKENDS_ONEDNN_KERNELS_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SKEIN_BACKENDS_ONEDNN_KERNELS_VECTOR_MATH_INL_H_
#undef SKEIN_BACKENDS_ONEDNN_KERNELS_VECTOR_MATH_INL_H_
#else
#define SKEIN_BACKENDS_ONEDNN_KERNELS_VECTOR_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>

#include "onednn/kernels/row_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;  // a panel is four of these at least
using OneFloat = hn::CappedTag<float, 1>;

// Calls body(tag, i) for i in [begin, end) in steps of the tag's lanes.
template <typename Body>
HWY_INLINE void ForEachVector(size_t begin, size_t end, const Body& body) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t i = begin;
  for (; i + lanes <= end; i += lanes) body(d, i);
  for (; i < end; ++i) body(OneFloat(), i);
}

// The sum of a vector's lanes: the upper half onto the lower one, down to one lane.
#if HWY_TARGET == HWY_SCALAR
template <class D, class V>
HWY_INLINE float FoldLanes(D, V v) {
  return hn::GetLane(v);
}
#else
template <class D, class V>
HWY_INLINE float FoldLanes(D, V v) {
  if constexpr (hn::MaxLanes(D()) > 4) {
    const hn::Half<D> half;
    return FoldLanes(half, hn::Add(hn::UpperHalf(half, v), hn::LowerHalf(half, v)));
  } else {
    const V two = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(two, hn::Shuffle2301(two)));
  }
}
#endif

// The sum over i in [0, count), where add(tag, i, sum) is `sum` plus the terms from i on. Its order is one for every
// length of a vector, so that every processor with fused multiplications gets the same bits. There are 32 partial sums:
// blocks of 16 terms go to the first half and to the second in turns. They are folded in halves. The terms behind the
// last whole block come last.
template <typename Add>
HWY_INLINE float Sum(size_t count, const Add& add) {
  const Floats d;
  constexpr size_t kBlock = 16, kLanes = hn::MaxLanes(Floats()), kVectors = kBlock / kLanes;
  hn::Vec<Floats> first[kVectors], second[kVectors];  // two halves, for the latency of the addition
  SKEIN_UNROLL
  for (size_t v = 0; v < kVectors; ++v) first[v] = second[v] = hn::Zero(d);
  size_t i = 0;
  for (; i + 2 * kBlock <= count; i += 2 * kBlock) {
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) first[v] = add(d, i + v * kLanes, first[v]);
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) second[v] = add(d, i + kBlock + v * kLanes, second[v]);
  }
  if (i + kBlock <= count) {
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) first[v] = add(d, i + v * kLanes, first[v]);
    i += kBlock;
  }
  SKEIN_UNROLL
  for (size_t v = 0; v < kVectors; ++v) first[v] = hn::Add(first[v], second[v]);
  SKEIN_UNROLL
  for (size_t half = kVectors / 2; half > 0; half /= 2) {
    SKEIN_UNROLL
    for (size_t v = 0; v < half; ++v) first[v] = hn::Add(first[v], first[v + half]);
  }
  float sum = FoldLanes(d, first[0]);
  for (; i < count; ++i) sum = hn::GetLane(add(OneFloat(), i, hn::Set(OneFloat(), sum)));
  return sum;
}

// 1 / (1 + e^-x); NaN stays NaN, which Highway's Exp does not promise.
template <class D, class V>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  const V lowest = hn::Set(d, -88.0f);  // below, e^-x is beyond Exp
  const V bounded = hn::IfThenElse(hn::Lt(x, lowest), lowest, x);
  const V sigmoid = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(bounded))));
  return hn::IfThenElse(hn::IsNaN(x), x, sigmoid);
}

template <class D, class V>
HWY_INLINE V ExpOrNaN(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Exp(d, x));
}

template <class D, class V>
HWY_INLINE V TanhOrNaN(D d, V x) {
  return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, x));
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
