#include "onednn/kernels/panel_int8.h"

#include "onednn/kernels/prefetch.h"
#include "onednn/kernels/row_blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/kernels/panel_int8.cc"
#include <hwy/foreach_target.h>
//
#include "onednn/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

using Sums = hn::RebindToSigned<Floats>;  // a lane is an output
using V = hn::Vec<Sums>;

// Lanes here also hold pairs: two 16-bit factors, the first in the lower half. Products of pairs are summed in kParts
// vectors, of which Total makes one lane per output. Highway's own instruction for pairs leaves open which lanes a
// product goes to: that differs between processors, and the instruction is lacking where vectors have one lane.
#if HWY_TARGET == HWY_NEON
// Widening multiplications of the lower and of the upper half of the lanes: products lie in the order of their factors.
constexpr size_t kParts = 2;

HWY_INLINE void AddPairs(V a, V b, V* sums) {
  const Sums d;
  const hn::RepartitionToNarrow<Sums> d16;
  sums[0] = hn::ReorderWidenMulAccumulate(d, hn::BitCast(d16, a), hn::BitCast(d16, b), sums[0], sums[1]);
}

HWY_INLINE V Total(const V* sums) {
  const Sums d;
  return hn::Add(hn::ConcatEven(d, sums[1], sums[0]), hn::ConcatOdd(d, sums[1], sums[0]));
}
#else
constexpr size_t kParts = 1;

// sums[0] += a.first * b.first + a.second * b.second.
HWY_INLINE void AddPairs(V a, V b, V* sums) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
  const Sums d;
  const hn::RepartitionToNarrow<Sums> d16;
  auto unused = hn::Zero(d);
  sums[0] = hn::ReorderWidenMulAccumulate(d, hn::BitCast(d16, a), hn::BitCast(d16, b), sums[0], unused);
#else
  const V first = hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(a)), hn::ShiftRight<16>(hn::ShiftLeft<16>(b)));
  const V second = hn::Mul(hn::ShiftRight<16>(a), hn::ShiftRight<16>(b));
  sums[0] = hn::Add(sums[0], hn::Add(first, second));
#endif
}

HWY_INLINE V Total(const V* sums) { return sums[0]; }
#endif

// A step's weights as pairs: of each 4 inputs those of bytes 0 and 2, then those of bytes 1 and 3.
struct Q8Step {
  static constexpr const QuantisedPanel& kPanel = kQ8Panel;
  static constexpr size_t kPairs = 2;

  static HWY_INLINE void Load(const int32_t* step, V* pairs) {
    const Sums d;
    const V bytes = hn::LoadU(d, step), mask = hn::Set(d, 0x00FF00FF);
    pairs[0] = hn::And(bytes, mask);
    pairs[1] = hn::And(hn::ShiftRight<8>(bytes), mask);
  }
};

struct Q4Step {
  static constexpr const QuantisedPanel& kPanel = kQ4Panel;
  static constexpr size_t kPairs = 4;

  static HWY_INLINE void Load(const int32_t* step, V* pairs) {
    const Sums d;
    const V bytes = hn::LoadU(d, step), mask = hn::Set(d, 0x000F000F);
    pairs[0] = hn::And(bytes, mask);
    pairs[1] = hn::And(hn::ShiftRight<8>(bytes), mask);
    pairs[2] = hn::And(hn::ShiftRight<4>(bytes), mask);
    pairs[3] = hn::And(hn::ShiftRight<12>(bytes), mask);
  }
};

// A group of one row as pairs, in the same order.
HWY_INLINE void PairActivations(const int8_t* codes, uint32_t group_size, int32_t* pairs) {
  const auto pair = [](int32_t first, int32_t second) HWY_ATTR { return (second * 65536) | (first & 0xFFFF); };
  for (uint32_t i = 0; i < group_size; i += 4) {
    pairs[i / 2] = pair(codes[i], codes[i + 2]);
    pairs[i / 2 + 1] = pair(codes[i + 1], codes[i + 3]);
  }
}

using RowPairs = int32_t[kMaxGroupSize / 2];

// kRows rows by kVectors vectors of outputs, over one group. `pairs`: the rows' activations.
template <class Step, size_t kRows, size_t kVectors>
HWY_INLINE void MultiplyBlock(const std::byte* HWY_RESTRICT group, size_t column, const Int8Rows& x,
                              const RowPairs* HWY_RESTRICT pairs, bool is_first_group, float* HWY_RESTRICT tile,
                              uint32_t ahead) {
  const Floats d;
  const Sums di;
  const size_t lanes = hn::Lanes(d);
  const auto* scales = reinterpret_cast<const hwy::float16_t*>(group);
  const auto* codes = reinterpret_cast<const int32_t*>(scales + kPanelWidth);

  V sums[kRows][kVectors][kParts];
  SKEIN_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      SKEIN_UNROLL
      for (size_t part = 0; part < kParts; ++part) sums[r][v][part] = hn::Zero(di);
    }
  }
  for (size_t step = 0; step < Step::kPanel.num_steps(); ++step) {
    V w[kVectors][Step::kPairs];
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      const int32_t* at = codes + step * kPanelWidth + column + v * lanes;
      PrefetchAhead(at, ahead);
      Step::Load(at, w[v]);
    }
    SKEIN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      SKEIN_UNROLL
      for (size_t p = 0; p < Step::kPairs; ++p) {
        const V activations = hn::Set(di, pairs[r][step * Step::kPairs + p]);
        SKEIN_UNROLL
        for (size_t v = 0; v < kVectors; ++v) AddPairs(w[v][p], activations, sums[r][v]);
      }
    }
  }
  const hn::Rebind<hwy::float16_t, Floats> d16;
  SKEIN_UNROLL
  for (size_t v = 0; v < kVectors; ++v) {
    const size_t at = column + v * lanes;
    const auto weight_scale = hn::PromoteTo(d, hn::LoadU(d16, scales + at));
    SKEIN_UNROLL
    for (size_t r = 0; r < kRows; ++r) {
      float* out = tile + r * kPanelWidth + at;
      const auto before = is_first_group ? hn::Zero(d) : hn::LoadU(d, out);
      const auto scale = hn::Mul(weight_scale, hn::Set(d, x.scales[r]));
      const V integer = hn::Sub(Total(sums[r][v]), hn::Set(di, Step::kPanel.zero_point * x.sums[r]));
      hn::StoreU(hn::MulAdd(hn::ConvertTo(d, integer), scale, before), d, out);
    }
  }
}

template <class Step, size_t kRows>
HWY_INLINE void MultiplyRows(const std::byte* group, const Int8Rows& x, bool is_first_group, float* tile,
                             uint32_t ahead) {
  constexpr size_t kVectors = 2;
  RowPairs pairs[kRows];
  SKEIN_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    PairActivations(x.codes + r * Step::kPanel.group_size, Step::kPanel.group_size, pairs[r]);
  }
  for (size_t column = 0; column < kPanelWidth; column += kVectors * hn::Lanes(Floats())) {
    MultiplyBlock<Step, kRows, kVectors>(group, column, x, pairs, is_first_group, tile, ahead);
  }
}

template <class Step>
HWY_INLINE void MultiplyGroups(const std::byte* panel, uint32_t num_groups, const Int8Rows& x, uint32_t num_rows,
                               float* tile, uint32_t ahead) {
  Int8Rows group_x = x;
  for (uint32_t group = 0; group < num_groups; ++group, group_x = group_x.NextGroup()) {
    const std::byte* weights = panel + group * Step::kPanel.group_bytes();
    const auto multiply = [&](auto rows, uint32_t first_row) HWY_ATTR {
      MultiplyRows<Step, rows()>(weights, group_x.From(first_row), group == 0, tile + size_t{first_row} * kPanelWidth,
                                 ahead);
    };
    ForEachRowBlock<4>(num_rows, multiply);
  }
}

void MultiplyPanelInt8(PanelType type, const std::byte* panel, uint32_t num_groups, const Int8Rows& x,
                       uint32_t num_rows, float* tile, uint32_t ahead) {
  if (type == PanelType::kQ8) {
    MultiplyGroups<Q8Step>(panel, num_groups, x, num_rows, tile, ahead);
  } else {
    MultiplyGroups<Q4Step>(panel, num_groups, x, num_rows, tile, ahead);
  }
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(MultiplyPanelInt8);

void MultiplyPanelInt8(PanelType type, const std::byte* panel, uint32_t num_groups, const Int8Rows& x,
                       uint32_t num_rows, float* tile, uint32_t ahead) {
  HWY_DYNAMIC_DISPATCH(MultiplyPanelInt8)(type, panel, num_groups, x, num_rows, tile, ahead);
}

}  // namespace skein::onednn
#endif  // HWY_ONCE
