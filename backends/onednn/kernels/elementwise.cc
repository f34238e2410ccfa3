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
                  std::span<const RowBlend> blends, const ShiftedRow& kept, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto now = Normalized(d, x, moments, norm, i);
    const auto before = previous.is_normalized ? hn::LoadU(d, previous.row + i)
                                               : Normalized(d, previous.row, previous.moments, norm, i);
    const auto change = hn::Sub(before, now);
    for (const RowBlend& blend : blends) {
      hn::StoreU(hn::MulAdd(change, hn::LoadU(d, blend.mix + i), now), d, blend.out + i);
    }
    if (kept.n == nullptr) return;
    hn::StoreU(now, d, kept.n + i);
    hn::StoreU(hn::Add(change, now), d, kept.n_before + i);
  });
}

void GatedAddRow(float* x, const float* gate, const float* value, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::LoadU(d, gate + i), hn::LoadU(d, value + i), hn::LoadU(d, x + i)), d, x + i);
  });
}

void NormGateRow(const float* y, const kit::Norm& norm, const float* g, size_t head_size, size_t begin, size_t end,
                 float* out) {
  for (size_t head = begin; head < end; head += head_size) {
    const Moments moments = MomentsOf(y + head, head_size, norm.epsilon);
    ForEachVector(head, head + head_size, [&](auto d, size_t i) HWY_ATTR {
      const auto normalized = Normalized(d, y, moments, norm, i);
      hn::StoreU(g == nullptr ? normalized : hn::Mul(normalized, hn::LoadU(d, g + i)), d, out + i);
    });
  }
}

void DataShiftRow(const ShiftedRow& row, std::span<const RowDataBlend> blends, size_t begin, size_t end) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto now = hn::LoadU(d, row.n + i);
    const auto change = hn::Sub(hn::LoadU(d, row.n_before + i), now);
    for (const RowDataBlend& blend : blends) {
      const auto mix = hn::Add(hn::LoadU(d, blend.mix + i), hn::LoadU(d, blend.m + i));
      hn::StoreU(hn::MulAdd(change, mix, now), d, blend.out + i);
    }
  });
}

void Decay6Row(const float* decay, const float* bias, size_t begin, size_t end, float* w) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto x = hn::Add(hn::LoadU(d, decay + i), hn::LoadU(d, bias + i));
    const auto highest = hn::Set(d, 88.0f);  // above, e^x is beyond Exp, and w is 0 long before
    const auto bounded = hn::IfThenElse(hn::Lt(highest, x), highest, x);
    hn::StoreU(ExpOrNaN(d, hn::Neg(ExpOrNaN(d, bounded))), d, w + i);
  });
}

void Decay7Row(const float* decay, const float* bias, size_t begin, size_t end, float* w) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto rate = Sigmoid(d, hn::Add(hn::LoadU(d, decay + i), hn::LoadU(d, bias + i)));
    const auto factor = hn::Exp(d, hn::Mul(rate, hn::Set(d, -0.60653066f)));  // -e^(-1/2)
    hn::StoreU(hn::IfThenElse(hn::IsNaN(rate), rate, factor), d, w + i);
  });
}

void KeysRow(const KeysRowInputs& in, const KeysRowOutputs& out, size_t head_size, size_t begin, size_t end) {
  for (size_t head = begin; head < end; head += head_size) {
    const float squares = Sum(head_size, [&](auto d, size_t i, auto partial) HWY_ATTR {
      const auto scaled = hn::Mul(hn::LoadU(d, in.key + head + i), hn::LoadU(d, in.key_k + head + i));
      return hn::MulAdd(scaled, scaled, partial);
    });
    const float scale = 1.0f / std::max(std::sqrt(squares), 1e-12f);
    ForEachVector(head, head + head_size, [&](auto d, size_t i) HWY_ATTR {
      const auto key = hn::LoadU(d, in.key + i);
      const auto removal = hn::Mul(hn::Mul(key, hn::LoadU(d, in.key_k + i)), hn::Set(d, scale));
      const auto one = hn::Set(d, 1.0f);
      const auto a = Sigmoid(d, hn::Add(hn::LoadU(d, in.rate + i), hn::LoadU(d, in.rate_bias + i)));
      hn::StoreU(removal, d, out.kk + i);
      hn::StoreU(hn::Mul(key, hn::MulAdd(hn::Sub(a, one), hn::LoadU(d, in.key_a + i), one)), d, out.k + i);
      hn::StoreU(hn::Mul(removal, a), d, out.b + i);
    });
  }
}

void ValueResidualRow(const ValueResidualRowInputs& in, size_t begin, size_t end, float* v) {
  ForEachVector(begin, end, [&](auto d, size_t i) HWY_ATTR {
    const auto value = hn::LoadU(d, in.value + i);
    const auto share = Sigmoid(d, hn::Add(hn::LoadU(d, in.gate + i), hn::LoadU(d, in.gate_bias + i)));
    hn::StoreU(hn::MulAdd(hn::Sub(hn::LoadU(d, in.v_first + i), value), share, value), d, v + i);
  });
}

void NormBonusGateRow(const NormBonusGateRowInputs& in, const kit::Norm& norm, size_t head_size, size_t begin,
                      size_t end, float* out) {
  for (size_t head = begin; head < end; head += head_size) {
    const Moments moments = MomentsOf(in.y + head, head_size, norm.epsilon);
    const float bonus = Sum(head_size, [&](auto d, size_t i, auto partial) HWY_ATTR {
      const auto match = hn::Mul(hn::LoadU(d, in.r + head + i), hn::LoadU(d, in.k + head + i));
      return hn::MulAdd(match, hn::LoadU(d, in.bonus + head + i), partial);
    });
    ForEachVector(head, head + head_size, [&](auto d, size_t i) HWY_ATTR {
      const auto sum = hn::MulAdd(hn::Set(d, bonus), hn::LoadU(d, in.v + i), Normalized(d, in.y, moments, norm, i));
      hn::StoreU(hn::Mul(sum, hn::LoadU(d, in.g + i)), d, out + i);
    });
  }
}

const ElementwiseKernels* ElementwiseTable() {
  static constexpr ElementwiseKernels kTable = {.moments_of = MomentsOf,
                                                .normalize = Normalize,
                                                .norm_shift_row = NormShiftRow,
                                                .gated_add_row = GatedAddRow,
                                                .norm_gate_row = NormGateRow,
                                                .data_shift_row = DataShiftRow,
                                                .decay6_row = Decay6Row,
                                                .decay7_row = Decay7Row,
                                                .keys_row = KeysRow,
                                                .value_residual_row = ValueResidualRow,
                                                .norm_bonus_gate_row = NormBonusGateRow};
  return &kTable;
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(ElementwiseTable);

const ElementwiseKernels& Elementwise() { return *HWY_DYNAMIC_DISPATCH(ElementwiseTable)(); }

}  // namespace skein::onednn
#endif  // HWY_ONCE
