#include "onednn/kernels/elementwise.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/kernels/elementwise.cc"
#include <hwy/foreach_target.h>
//
#include "onednn/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

Moments MomentsOf(const float* x, size_t width, float epsilon) {
  const float sum =
      Sum(width, [&](auto d, size_t i, auto partial) HWY_ATTR { return hn::Add(partial, hn::LoadU(d, x + i)); });
  const float mean = sum / static_cast<float>(width);
  const float squares = Sum(width, [&](auto d, size_t i, auto partial) HWY_ATTR {
    const auto difference = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean));
    return hn::MulAdd(difference, difference, partial);
  });
  return {mean, 1.0f / std::sqrt(squares / static_cast<float>(width) + epsilon)};
}

template <class D>
HWY_INLINE hn::Vec<D> Normalized(D d, const float* x, const Moments& moments, const kit::Norm& norm, size_t i) {
  const auto centred = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, moments.mean));
  const auto weight = hn::Mul(hn::LoadU(d, norm.weight + i), hn::Set(d, moments.scale));
  return hn::MulAdd(centred, weight, hn::LoadU(d, norm.bias + i));
}

void Normalize(const float* x, const Moments& moments, const kit::Norm& norm, size_t begin, size_t end, float* out) {
  ForEachVector(begin, end,
                [&](auto d, size_t i) HWY_ATTR { hn::StoreU(Normalized(d, x, moments, norm, i), d, out + i); });
}

void NormShiftRow(const float* x, const Moments& moments, const PreviousRow& previous, const kit::Norm& norm,
                  std::span<const RowBlend> blends, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto now = Normalized(d, x, moments, norm, i);
    const auto before = previous.is_normalized ? hn::LoadU(d, previous.row + i)
                                               : Normalized(d, previous.row, previous.moments, norm, i);
    const auto change = hn::Sub(before, now);
    for (const RowBlend& blend : blends) {
      hn::StoreU(hn::MulAdd(change, hn::LoadU(d, blend.mix + i), now), d, blend.out + i);
    }
  });
}

void GatedAddRow(float* x, const float* gate, const float* value, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::LoadU(d, gate + i), hn::LoadU(d, value + i), hn::LoadU(d, x + i)), d, x + i);
  });
}

void NormGateRow(float* y, const kit::Norm& norm, const float* g, size_t head_size, size_t begin, size_t end) {
  for (size_t head = begin; head < end; head += head_size) {
    const Moments moments = MomentsOf(y + head, head_size, norm.epsilon);
    ForEachVector(head, head + head_size, [&](auto d, size_t i) HWY_ATTR {
      const auto normalized = Normalized(d, y, moments, norm, i);
      hn::StoreU(g == nullptr ? normalized : hn::Mul(normalized, hn::LoadU(d, g + i)), d, y + i);
    });
  }
}

void DataShiftRow(const float* n, const float* n_before, std::span<const RowBlend> blends, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto now = hn::LoadU(d, n + i);
    const auto change = hn::Sub(hn::LoadU(d, n_before + i), now);
    for (const RowBlend& blend : blends) {
      const auto mix = hn::Add(hn::LoadU(d, blend.mix + i), hn::LoadU(d, blend.out + i));
      hn::StoreU(hn::MulAdd(change, mix, now), d, blend.out + i);
    }
  });
}

void Decay6Row(float* w, const float* bias, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto x = hn::Add(hn::LoadU(d, w + i), hn::LoadU(d, bias + i));
    const auto highest = hn::Set(d, 88.0f);  // above, e^x is beyond Exp, and w is 0 long before
    const auto bounded = hn::IfThenElse(hn::Lt(highest, x), highest, x);
    hn::StoreU(ExpOrNaN(d, hn::Neg(ExpOrNaN(d, bounded))), d, w + i);
  });
}

void Decay7Row(float* w, const float* w0, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto rate = Sigmoid(d, hn::Add(hn::LoadU(d, w + i), hn::LoadU(d, w0 + i)));
    const auto decay = hn::Exp(d, hn::Mul(rate, hn::Set(d, -0.60653066f)));  // -e^(-1/2)
    hn::StoreU(hn::IfThenElse(hn::IsNaN(rate), rate, decay), d, w + i);
  });
}

void KeysRow(float* k, float* a, float* kk, const float* a0, const float* k_k, const float* k_a, size_t head_size,
             size_t begin, size_t end) {
  for (size_t head = begin; head < end; head += head_size) {
    const float squares = Sum(head_size, [&](auto d, size_t i, auto partial) HWY_ATTR {
      const auto scaled = hn::Mul(hn::LoadU(d, k + head + i), hn::LoadU(d, k_k + head + i));
      return hn::MulAdd(scaled, scaled, partial);
    });
    const float scale = 1.0f / std::max(std::sqrt(squares), 1e-12f);
    ForEachVector(head, head + head_size, [&](auto d, size_t i) HWY_ATTR {
      const auto key = hn::LoadU(d, k + i);
      const auto removal = hn::Mul(hn::Mul(key, hn::LoadU(d, k_k + i)), hn::Set(d, scale));
      const auto one = hn::Set(d, 1.0f);
      const auto rate = Sigmoid(d, hn::Add(hn::LoadU(d, a + i), hn::LoadU(d, a0 + i)));
      hn::StoreU(removal, d, kk + i);
      hn::StoreU(hn::Mul(key, hn::MulAdd(hn::Sub(rate, one), hn::LoadU(d, k_a + i), one)), d, k + i);
      hn::StoreU(hn::Mul(removal, rate), d, a + i);
    });
  }
}

void ValueResidualRow(float* v, const float* v_first, const float* gate, const float* v0, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, v + i);
    const auto share = Sigmoid(d, hn::Add(hn::LoadU(d, gate + i), hn::LoadU(d, v0 + i)));
    hn::StoreU(hn::MulAdd(hn::Sub(hn::LoadU(d, v_first + i), value), share, value), d, v + i);
  });
}

void NormBonusGateRow(float* y, const kit::Norm& norm, const NormBonusGateInputs& in, size_t head_size, size_t begin,
                      size_t end) {
  for (size_t head = begin; head < end; head += head_size) {
    const Moments moments = MomentsOf(y + head, head_size, norm.epsilon);
    const float bonus = Sum(head_size, [&](auto d, size_t i, auto partial) HWY_ATTR {
      const auto match = hn::Mul(hn::LoadU(d, in.r + head + i), hn::LoadU(d, in.k + head + i));
      return hn::MulAdd(match, hn::LoadU(d, in.bonus + head + i), partial);
    });
    ForEachVector(head, head + head_size, [&](auto d, size_t i) HWY_ATTR {
      const auto sum = hn::MulAdd(hn::Set(d, bonus), hn::LoadU(d, in.v + i), Normalized(d, y, moments, norm, i));
      hn::StoreU(hn::Mul(sum, hn::LoadU(d, in.g + i)), d, y + i);
    });
  }
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(MomentsOf);
HWY_EXPORT(Normalize);
HWY_EXPORT(NormShiftRow);
HWY_EXPORT(GatedAddRow);
HWY_EXPORT(NormGateRow);
HWY_EXPORT(DataShiftRow);
HWY_EXPORT(Decay6Row);
HWY_EXPORT(Decay7Row);
HWY_EXPORT(KeysRow);
HWY_EXPORT(ValueResidualRow);
HWY_EXPORT(NormBonusGateRow);

Moments MomentsOf(const float* x, size_t width, float epsilon) {
  return HWY_DYNAMIC_DISPATCH(MomentsOf)(x, width, epsilon);
}

void Normalize(const float* x, const Moments& moments, const kit::Norm& norm, size_t begin, size_t end, float* out) {
  HWY_DYNAMIC_DISPATCH(Normalize)(x, moments, norm, begin, end, out);
}

void NormShiftRow(const float* x, const Moments& moments, const PreviousRow& previous, const kit::Norm& norm,
                  std::span<const RowBlend> blends, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(NormShiftRow)(x, moments, previous, norm, blends, begin, end);
}

void GatedAddRow(float* x, const float* gate, const float* value, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(GatedAddRow)(x, gate, value, begin, end);
}

void NormGateRow(float* y, const kit::Norm& norm, const float* g, size_t head_size, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(NormGateRow)(y, norm, g, head_size, begin, end);
}

void DataShiftRow(const float* n, const float* n_before, std::span<const RowBlend> blends, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(DataShiftRow)(n, n_before, blends, begin, end);
}

void Decay6Row(float* w, const float* d, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(Decay6Row)(w, d, begin, end);
}

void Decay7Row(float* w, const float* w0, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(Decay7Row)(w, w0, begin, end);
}

void KeysRow(float* k, float* a, float* kk, const float* a0, const float* k_k, const float* k_a, size_t head_size,
             size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(KeysRow)(k, a, kk, a0, k_k, k_a, head_size, begin, end);
}

void ValueResidualRow(float* v, const float* v_first, const float* gate, const float* v0, size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(ValueResidualRow)(v, v_first, gate, v0, begin, end);
}

void NormBonusGateRow(float* y, const kit::Norm& norm, const NormBonusGateInputs& inputs, size_t head_size,
                      size_t begin, size_t end) {
  HWY_DYNAMIC_DISPATCH(NormBonusGateRow)(y, norm, inputs, head_size, begin, end);
}

}  // namespace skein::onednn
#endif  // HWY_ONCE
