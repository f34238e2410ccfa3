// What the Highway kernels of this folder share. Included once per instruction set, inside foreach_target.
//
// Loops run over whole vectors and then over single lanes, with the same generic body, so that any width works. A body
// is a lambda, and needs HWY_ATTR to be compiled for the instruction set.
#if defined(SKEIN_BACKENDS_ONEDNN_VECTOR_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef SKEIN_BACKENDS_ONEDNN_VECTOR_MATH_INL_H_
#undef SKEIN_BACKENDS_ONEDNN_VECTOR_MATH_INL_H_
#else
#define SKEIN_BACKENDS_ONEDNN_VECTOR_MATH_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <cstddef>

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

// Sum over i in [0, count) of term(tag, i).
template <typename Term>
HWY_INLINE float Sum(size_t count, const Term& term) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  auto even = hn::Zero(d), odd = hn::Zero(d);  // two, for the latency of the addition
  size_t i = 0;
  for (; i + 2 * lanes <= count; i += 2 * lanes) {
    even = hn::Add(even, term(d, i));
    odd = hn::Add(odd, term(d, i + lanes));
  }
  for (; i + lanes <= count; i += lanes) even = hn::Add(even, term(d, i));
  float sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(even, odd)));
  for (; i < count; ++i) sum += hn::GetLane(term(OneFloat(), i));
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
