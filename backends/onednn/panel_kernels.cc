#include "onednn/panel_kernels.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/panel_kernels.cc"
#include <hwy/foreach_target.h>
//
#include "onednn/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

// --- how weights and activations are read ---

// Weights: kInputs consecutive inputs of one vector of outputs are read at a time, as float32.
struct F32Weights {
  static constexpr size_t kInputs = 1;
  const float* panel;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    weights[0] = hn::Load(d, panel + input * kPanelWidth + column);
  }
};

struct F16Weights {
  static constexpr size_t kInputs = 1;
  const hwy::float16_t* panel;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const hn::Rebind<hwy::float16_t, D> d16;
    weights[0] = hn::PromoteTo(d, hn::LoadU(d16, panel + input * kPanelWidth + column));
  }
};

struct Bf16Weights {
  static constexpr size_t kInputs = 2;
  const uint32_t* panel;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const hn::Rebind<uint32_t, D> du;
    const auto pair = hn::Load(du, panel + input / 2 * kPanelWidth + column);
    weights[0] = hn::BitCast(d, hn::ShiftLeft<16>(pair));
    weights[1] = hn::BitCast(d, hn::And(pair, hn::Set(du, 0xFFFF0000u)));
  }
};

HWY_INLINE float ToFloat(float x) { return x; }
HWY_INLINE float ToFloat(uint16_t bf16) {
  const uint32_t bits = uint32_t{bf16} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// --- products ---

// kRows rows by kVectors vectors of outputs, sums in registers.
template <size_t kRows, size_t kVectors, class D, class Weights, typename X>
HWY_INLINE void MultiplyBlock(D d, const Weights& weights, size_t num_inputs, const X* HWY_RESTRICT x, size_t column,
                              float* HWY_RESTRICT tile) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  V sums[kRows][kVectors];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  const auto add_inputs = [&](size_t input, size_t count) HWY_ATTR {
    V w[kVectors][Weights::kInputs];
    for (size_t v = 0; v < kVectors; ++v) weights.Load(d, input, column + v * lanes, w[v]);
    for (size_t i = 0; i < count; ++i) {
      for (size_t r = 0; r < kRows; ++r) {
        const V value = hn::Set(d, ToFloat(x[r * num_inputs + input + i]));
        for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(w[v][i], value, sums[r][v]);
      }
    }
  };
  size_t input = 0;
  for (; input + Weights::kInputs <= num_inputs; input += Weights::kInputs) add_inputs(input, Weights::kInputs);
  if (input < num_inputs) add_inputs(input, num_inputs - input);

  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, tile + r * kPanelWidth + column + v * lanes);
    }
  }
}

// Vectors of outputs per block, so that sums and weights fit the registers: 32 of them with 16 lanes, 16 otherwise.
template <class D, class Weights, typename X, size_t kRows>
HWY_INLINE void MultiplyRows(D d, const Weights& weights, size_t num_inputs, const X* x, float* tile) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  constexpr size_t kVectors = kLanes == 16 ? 4 : (kRows == 1 ? 8 : 4);
  for (size_t column = 0; column < kPanelWidth; column += kVectors * kLanes) {
    MultiplyBlock<kRows, kVectors>(d, weights, num_inputs, x, column, tile);
  }
}

template <class Weights, typename X>
HWY_INLINE void MultiplyTile(const Weights& weights, size_t num_inputs, const X* x, size_t num_rows, float* tile) {
  const Floats d;
  constexpr size_t kMaxRows = hn::MaxLanes(Floats()) == 16 ? 6 : 3;
  // Even blocks: 8 rows are 4 + 4, not 6 + 2.
  size_t num_blocks = (num_rows + kMaxRows - 1) / kMaxRows;
  for (; num_blocks > 0; --num_blocks) {
    const size_t rows = (num_rows + num_blocks - 1) / num_blocks;
    switch (rows) {
      case 1:
        MultiplyRows<Floats, Weights, X, 1>(d, weights, num_inputs, x, tile);
        break;
      case 2:
        MultiplyRows<Floats, Weights, X, 2>(d, weights, num_inputs, x, tile);
        break;
      case 3:
        MultiplyRows<Floats, Weights, X, 3>(d, weights, num_inputs, x, tile);
        break;
      case 4:
        MultiplyRows<Floats, Weights, X, 4>(d, weights, num_inputs, x, tile);
        break;
      case 5:
        MultiplyRows<Floats, Weights, X, 5>(d, weights, num_inputs, x, tile);
        break;
      default:
        MultiplyRows<Floats, Weights, X, 6>(d, weights, num_inputs, x, tile);
        break;
    }
    x += rows * num_inputs;
    tile += rows * kPanelWidth;
    num_rows -= rows;
  }
}

void MultiplyPanel(PanelType type, const std::byte* panel, uint32_t num_inputs, const float* x, uint32_t num_rows,
                   float* tile) {
  switch (type) {
    case PanelType::kF32:
      MultiplyTile(F32Weights{reinterpret_cast<const float*>(panel)}, num_inputs, x, num_rows, tile);
      break;
    case PanelType::kF16:
      MultiplyTile(F16Weights{reinterpret_cast<const hwy::float16_t*>(panel)}, num_inputs, x, num_rows, tile);
      break;
    case PanelType::kBf16:
      MultiplyTile(Bf16Weights{reinterpret_cast<const uint32_t*>(panel)}, num_inputs, x, num_rows, tile);
      break;
  }
}

void MultiplyPanelBf16(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows, float* tile) {
  MultiplyTile(Bf16Weights{reinterpret_cast<const uint32_t*>(panel)}, num_inputs, x, num_rows, tile);
}

// --- around oneDNN's products ---

template <class Weights>
HWY_INLINE void Expand(const Weights& weights, size_t num_inputs, float* HWY_RESTRICT out) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  for (size_t input = 0; input < num_inputs; input += Weights::kInputs) {
    for (size_t column = 0; column < kPanelWidth; column += lanes) {
      hn::Vec<Floats> w[Weights::kInputs];
      weights.Load(d, input, column, w);
      for (size_t i = 0; i < Weights::kInputs; ++i) hn::StoreU(w[i], d, out + (input + i) * kPanelWidth + column);
    }
  }
}

void ExpandPanel(PanelType type, const std::byte* panel, uint32_t num_inputs, float* out) {
  // What follows the last input is multiplied by nothing but must not be NaN. An odd last pair brings its own zeros.
  const size_t written = num_inputs;
  std::memset(out + written * kPanelWidth, 0, (RoundUp(num_inputs, 16) - written) * kPanelWidth * sizeof(float));
  if (type == PanelType::kF16) {
    Expand(F16Weights{reinterpret_cast<const hwy::float16_t*>(panel)}, num_inputs, out);
  } else {
    Expand(Bf16Weights{reinterpret_cast<const uint32_t*>(panel)}, num_inputs, out);
  }
}

void RoundToBf16(const float* x, size_t count, uint16_t* out) {
  ForEachVector(0, count, [&](auto d, size_t i) HWY_ATTR {
    const hn::Rebind<uint32_t, decltype(d)> du;
    const hn::Rebind<uint16_t, decltype(d)> du16;
    const auto value = hn::LoadU(d, x + i);
    const auto bits = hn::BitCast(du, value);
    const auto tie = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(tie, hn::Set(du, 0x7FFF))));
    const auto quiet_nan = hn::Set(du, 0x7FC0);
    const auto result = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(value)), quiet_nan, rounded);
    hn::StoreU(hn::DemoteTo(du16, hn::BitCast(hn::Rebind<int32_t, decltype(d)>(), result)), du16, out + i);
  });
}

template <typename Function>
HWY_INLINE void FinishRows(const float* tile, uint32_t num_rows, uint32_t num_columns, float* const* out,
                           const Function& function) {
  for (uint32_t r = 0; r < num_rows; ++r) {
    const float* row = tile + size_t{r} * kPanelWidth;
    float* to = out[r];
    ForEachVector(0, num_columns, [&](auto d, size_t i) HWY_ATTR {
      hn::StoreU(function(d, hn::LoadU(d, row + i), to + i), d, to + i);
    });
  }
}

void FinishTile(const float* tile, uint32_t num_rows, uint32_t num_columns, kit::Then then, float* const* out) {
  switch (then) {
    case kit::Then::kStore:
      FinishRows(tile, num_rows, num_columns, out, [](auto, auto y, const float*) HWY_ATTR { return y; });
      break;
    case kit::Then::kTanh:
      FinishRows(tile, num_rows, num_columns, out,
                 [](auto d, auto y, const float*) HWY_ATTR { return TanhOrNaN(d, y); });
      break;
    case kit::Then::kSigmoid:
      FinishRows(tile, num_rows, num_columns, out, [](auto d, auto y, const float*) HWY_ATTR { return Sigmoid(d, y); });
      break;
    case kit::Then::kSilu:
      FinishRows(tile, num_rows, num_columns, out,
                 [](auto d, auto y, const float*) HWY_ATTR { return hn::Mul(y, Sigmoid(d, y)); });
      break;
    case kit::Then::kReluSquare:
      FinishRows(tile, num_rows, num_columns, out, [](auto d, auto y, const float*) HWY_ATTR {
        const auto zero = hn::Zero(d);
        const auto positive = hn::IfThenElse(hn::Lt(y, zero), zero, y);  // NaN stays
        return hn::Mul(positive, positive);
      });
      break;
    case kit::Then::kAdd:
      FinishRows(tile, num_rows, num_columns, out,
                 [](auto d, auto y, const float* old) HWY_ATTR { return hn::Add(hn::LoadU(d, old), y); });
      break;
  }
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(MultiplyPanel);
HWY_EXPORT(MultiplyPanelBf16);
HWY_EXPORT(ExpandPanel);
HWY_EXPORT(RoundToBf16);
HWY_EXPORT(FinishTile);

void MultiplyPanel(PanelType type, const std::byte* panel, uint32_t num_inputs, const float* x, uint32_t num_rows,
                   float* tile) {
  HWY_DYNAMIC_DISPATCH(MultiplyPanel)(type, panel, num_inputs, x, num_rows, tile);
}

void MultiplyPanelBf16(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows, float* tile) {
  HWY_DYNAMIC_DISPATCH(MultiplyPanelBf16)(panel, num_inputs, x, num_rows, tile);
}

void ExpandPanel(PanelType type, const std::byte* panel, uint32_t num_inputs, float* out) {
  HWY_DYNAMIC_DISPATCH(ExpandPanel)(type, panel, num_inputs, out);
}

void RoundToBf16(const float* x, size_t count, uint16_t* out) { HWY_DYNAMIC_DISPATCH(RoundToBf16)(x, count, out); }

void FinishTile(const float* tile, uint32_t num_rows, uint32_t num_columns, kit::Then then, float* const* out) {
  HWY_DYNAMIC_DISPATCH(FinishTile)(tile, num_rows, num_columns, then, out);
}

}  // namespace skein::onednn
#endif  // HWY_ONCE
