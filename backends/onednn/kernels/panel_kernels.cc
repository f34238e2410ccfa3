#include "onednn/kernels/panel_kernels.h"

#include <cstring>

#include "onednn/kernels/prefetch.h"
#include "onednn/kernels/row_blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "onednn/kernels/panel_kernels.cc"
#include <hwy/foreach_target.h>
//
#include "onednn/kernels/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace skein::onednn::HWY_NAMESPACE {

// --- how weights and activations are read ---

// Weights: Load reads kInputs consecutive inputs of one vector of outputs as float32, and asks for the weights `ahead`
// bytes behind them.
struct F32Weights {
  static constexpr size_t kInputs = 1;
  static constexpr size_t kInputsPerElement = 1;
  const float* panel;
  uint32_t ahead = 0;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const float* at = panel + input * kPanelWidth + column;
    PrefetchAhead(at, ahead);
    weights[0] = hn::Load(d, at);
  }
};

struct F16Weights {
  static constexpr size_t kInputs = 1;
  static constexpr size_t kInputsPerElement = 1;
  const hwy::float16_t* panel;
  uint32_t ahead = 0;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const hn::Rebind<hwy::float16_t, D> d16;
    const hwy::float16_t* at = panel + input * kPanelWidth + column;
    PrefetchAhead(at, ahead);
    weights[0] = hn::PromoteTo(d, hn::LoadU(d16, at));
  }
};

struct Bf16Weights {
  static constexpr size_t kInputs = 2;
  static constexpr size_t kInputsPerElement = 2;
  const uint32_t* panel;
  uint32_t ahead = 0;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const hn::Rebind<uint32_t, D> du;
    const uint32_t* at = panel + input / 2 * kPanelWidth + column;
    PrefetchAhead(at, ahead);
    const auto pair = hn::Load(du, at);
    weights[0] = hn::BitCast(d, hn::ShiftLeft<16>(pair));
    weights[1] = hn::BitCast(d, hn::And(pair, hn::Set(du, 0xFFFF0000u)));
  }
};

// The step of a quantised panel that holds an input.
struct QuantisedStep {
  const hwy::float16_t* scales;
  const uint32_t* codes;  // four bytes per output
  float zero_point;

  HWY_INLINE QuantisedStep(const QuantisedPanel& layout, const std::byte* panel, size_t input)
      : scales(reinterpret_cast<const hwy::float16_t*>(panel + input / layout.group_size * layout.group_bytes())),
        codes(reinterpret_cast<const uint32_t*>(scales + kPanelWidth) +
              input % layout.group_size / layout.step_size * kPanelWidth),
        zero_point(static_cast<float>(layout.zero_point)) {}

  template <class D>
  HWY_INLINE hn::Vec<D> Scale(D d, size_t column) const {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), scales + column));
  }
  template <class D, class V>
  HWY_INLINE hn::Vec<D> Number(D d, V code) const {
    return hn::Sub(hn::ConvertTo(d, hn::BitCast(hn::Rebind<int32_t, D>(), code)), hn::Set(d, zero_point));
  }
};

// Codes as numbers, times their group's scale.
struct Q8Weights {
  static constexpr size_t kInputs = 4;
  const std::byte* panel;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const hn::Rebind<uint32_t, D> du;
    const QuantisedStep step(kQ8Panel, panel, input);
    const V scale = step.Scale(d, column);
    auto codes = hn::LoadU(du, step.codes + column);
    SKEIN_UNROLL
    for (size_t i = 0; i < 4; ++i, codes = hn::ShiftRight<8>(codes)) {
      weights[i] = hn::Mul(step.Number(d, hn::And(codes, hn::Set(du, 0xFF))), scale);
    }
  }
};

struct Q4Weights {
  static constexpr size_t kInputs = 8;
  const std::byte* panel;

  template <class D, class V>
  HWY_INLINE void Load(D d, size_t input, size_t column, V* weights) const {
    const hn::Rebind<uint32_t, D> du;
    const QuantisedStep step(kQ4Panel, panel, input);
    const V scale = step.Scale(d, column);
    auto codes = hn::LoadU(du, step.codes + column);
    SKEIN_UNROLL
    for (size_t i = 0; i < 4; ++i, codes = hn::ShiftRight<8>(codes)) {
      weights[i] = hn::Mul(step.Number(d, hn::And(codes, hn::Set(du, 15))), scale);
      weights[i + 4] = hn::Mul(step.Number(d, hn::And(hn::ShiftRight<4>(codes), hn::Set(du, 15))), scale);
    }
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

// Which inputs are multiplied: calls add(first input, number) for whole steps of the weights, and for the rest of the
// last one.
struct AllInputs {
  template <class Weights, class Add>
  HWY_INLINE void ForEachStep(const Weights&, size_t num_inputs, const Add& add) const {
    size_t input = 0;
    for (; input + Weights::kInputs <= num_inputs; input += Weights::kInputs) add(input, Weights::kInputs);
    if (input < num_inputs) add(input, num_inputs - input);
  }
};

struct ActiveInputs {
  const ActiveSteps& active;

  template <class Weights, class Add>
  HWY_INLINE void ForEachStep(const Weights& weights, size_t num_inputs, const Add& add) const {
    constexpr size_t kStepBytes = Weights::kInputs * kPanelWidth * sizeof(*weights.panel) / Weights::kInputsPerElement;
    const auto* bytes = reinterpret_cast<const std::byte*>(weights.panel);
    for (uint32_t i = 0; i < active.count; ++i) {
      // The processor cannot foresee the lines, as in a stream: every line is asked for here.
      const std::byte* ahead = bytes + active.steps[i + ActiveSteps::kReadAhead] * kStepBytes;
      for (size_t line = 0; line < kStepBytes; line += 64) Prefetch(ahead + line);
      const size_t input = size_t{active.steps[i]} * Weights::kInputs;
      if (input + Weights::kInputs <= num_inputs) {
        add(input, Weights::kInputs);
      } else {
        add(input, num_inputs - input);
      }
    }
  }
};

// kRows rows by kVectors vectors of outputs, sums in registers.
template <size_t kRows, size_t kVectors, class D, class Weights, class Inputs, typename X>
HWY_INLINE void MultiplyBlock(D d, const Weights& weights, const Inputs& inputs, size_t num_inputs,
                              const X* HWY_RESTRICT x, size_t column, float* HWY_RESTRICT tile) {
  using V = hn::Vec<D>;
  const size_t lanes = hn::Lanes(d);
  V sums[kRows][kVectors];
  SKEIN_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  // Inlined at both places: otherwise the sums would lie in memory.
  const auto add_inputs = [&](size_t input, size_t count) HWY_ATTR __attribute__((always_inline)) {
    V w[kVectors][Weights::kInputs];
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) weights.Load(d, input, column + v * lanes, w[v]);
    SKEIN_UNROLL
    for (size_t i = 0; i < Weights::kInputs; ++i) {
      if (i == count) break;
      SKEIN_UNROLL
      for (size_t r = 0; r < kRows; ++r) {
        const V value = hn::Set(d, ToFloat(x[r * num_inputs + input + i]));
        SKEIN_UNROLL
        for (size_t v = 0; v < kVectors; ++v) sums[r][v] = hn::MulAdd(w[v][i], value, sums[r][v]);
      }
    }
  };
  inputs.template ForEachStep<Weights>(weights, num_inputs, add_inputs);

  SKEIN_UNROLL
  for (size_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (size_t v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, tile + r * kPanelWidth + column + v * lanes);
    }
  }
}

// Vectors of outputs per block, so that sums and weights fit the registers: 32 of them with 16 lanes, 16 otherwise.
template <size_t kRows, class D, class Weights, class Inputs, typename X>
HWY_INLINE void MultiplyRows(D d, const Weights& weights, const Inputs& inputs, size_t num_inputs, const X* x,
                             float* tile) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  constexpr size_t kVectors = kLanes == 16 ? 4 : (kRows == 1 ? 8 : 4);
  for (size_t column = 0; column < kPanelWidth; column += kVectors * kLanes) {
    MultiplyBlock<kRows, kVectors>(d, weights, inputs, num_inputs, x, column, tile);
  }
}

template <class Weights, typename X>
HWY_INLINE void MultiplyTile(const Weights& weights, size_t num_inputs, const X* x, uint32_t num_rows, float* tile) {
  constexpr uint32_t kMaxRows = hn::MaxLanes(Floats()) == 16 ? 6 : 3;
  ForEachRowBlock<kMaxRows>(num_rows, [&](auto rows, size_t first_row) HWY_ATTR {
    MultiplyRows<rows()>(Floats(), weights, AllInputs(), num_inputs, x + first_row * num_inputs,
                         tile + first_row * kPanelWidth);
  });
}

template <class Weights, typename X>
HWY_INLINE void MultiplySparseTile(const Weights& weights, size_t num_inputs, const ActiveSteps& active, const X* x,
                                   uint32_t num_rows, float* tile) {
  constexpr uint32_t kMaxRows = hn::MaxLanes(Floats()) == 16 ? 4 : 3;
  ForEachRowBlock<kMaxRows>(num_rows, [&](auto rows, size_t first_row) HWY_ATTR {
    MultiplyRows<rows()>(Floats(), weights, ActiveInputs{active}, num_inputs, x + first_row * num_inputs,
                         tile + first_row * kPanelWidth);
  });
}

void MultiplySparsePanel(PanelType type, const std::byte* panel, uint32_t num_inputs, const ActiveSteps& active,
                         const float* x, uint32_t num_rows, float* tile) {
  if (type == PanelType::kF32) {
    MultiplySparseTile(F32Weights{reinterpret_cast<const float*>(panel)}, num_inputs, active, x, num_rows, tile);
  } else if (type == PanelType::kF16) {
    MultiplySparseTile(F16Weights{reinterpret_cast<const hwy::float16_t*>(panel)}, num_inputs, active, x, num_rows,
                       tile);
  } else {
    MultiplySparseTile(Bf16Weights{reinterpret_cast<const uint32_t*>(panel)}, num_inputs, active, x, num_rows, tile);
  }
}

void MultiplyPanel(PanelType type, const std::byte* panel, uint32_t num_inputs, const float* x, uint32_t num_rows,
                   float* tile, uint32_t ahead) {
  switch (type) {
    case PanelType::kF32:
      MultiplyTile(F32Weights{reinterpret_cast<const float*>(panel), ahead}, num_inputs, x, num_rows, tile);
      break;
    case PanelType::kF16:
      MultiplyTile(F16Weights{reinterpret_cast<const hwy::float16_t*>(panel), ahead}, num_inputs, x, num_rows, tile);
      break;
    case PanelType::kBf16:
      MultiplyTile(Bf16Weights{reinterpret_cast<const uint32_t*>(panel), ahead}, num_inputs, x, num_rows, tile);
      break;
    case PanelType::kQ8:
      MultiplyTile(Q8Weights{panel}, num_inputs, x, num_rows, tile);
      break;
    case PanelType::kQ4:
      MultiplyTile(Q4Weights{panel}, num_inputs, x, num_rows, tile);
      break;
  }
}

void MultiplyPanelBf16(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows, float* tile,
                       uint32_t ahead) {
  MultiplyTile(Bf16Weights{reinterpret_cast<const uint32_t*>(panel), ahead}, num_inputs, x, num_rows, tile);
}

void MultiplySparsePanelBf16(const std::byte* panel, uint32_t num_inputs, const ActiveSteps& active, const uint16_t* x,
                             uint32_t num_rows, float* tile) {
  MultiplySparseTile(Bf16Weights{reinterpret_cast<const uint32_t*>(panel)}, num_inputs, active, x, num_rows, tile);
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
  // The rows behind the last input are multiplied by zeros, and must not be NaN. Inputs that are read together with the
  // last one bring their own zeros.
  const size_t written = num_inputs;
  std::memset(out + written * kPanelWidth, 0, (RoundUp(num_inputs, 16) - written) * kPanelWidth * sizeof(float));
  switch (type) {
    case PanelType::kF32:
      break;
    case PanelType::kF16:
      Expand(F16Weights{reinterpret_cast<const hwy::float16_t*>(panel)}, num_inputs, out);
      break;
    case PanelType::kBf16:
      Expand(Bf16Weights{reinterpret_cast<const uint32_t*>(panel)}, num_inputs, out);
      break;
    case PanelType::kQ8:
      Expand(Q8Weights{panel}, num_inputs, out);
      break;
    case PanelType::kQ4:
      Expand(Q4Weights{panel}, num_inputs, out);
      break;
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

const PanelKernels* PanelTable() {
  static constexpr PanelKernels kTable = {.multiply = MultiplyPanel,
                                          .multiply_bf16 = MultiplyPanelBf16,
                                          .multiply_sparse = MultiplySparsePanel,
                                          .multiply_sparse_bf16 = MultiplySparsePanelBf16,
                                          .expand = ExpandPanel,
                                          .round_to_bf16 = RoundToBf16,
                                          .finish_tile = FinishTile};
  return &kTable;
}

}  // namespace skein::onednn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace skein::onednn {

HWY_EXPORT(PanelTable);

const PanelKernels& Panels() { return *HWY_DYNAMIC_DISPATCH(PanelTable)(); }

}  // namespace skein::onednn
#endif  // HWY_ONCE
