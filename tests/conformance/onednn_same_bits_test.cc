// The promise of 8-bit arithmetic about the onednn backend's steps in float32: the same bits with every instruction set
// of Highway that has fused multiplications, and for a row whatever the number of rows beside it. Its products with
// quantised weights are in onednn_quantised_matmul_test.cc.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "numbers/half.h"
#include "onednn/kernels/elementwise.h"
#include "onednn/kernels/panel_kernels.h"
#include "onednn/kernels/time_mix.h"
#include "onednn/packed_matrix.h"
#include "skein/dtype.h"
#include "tests/conformance/onednn_highway_targets.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

// Numbers of many magnitudes, so that the order of a sum shows.
std::vector<float> Random(size_t count, uint64_t seed) {
  std::vector<float> values;
  for (const uint32_t token : conformance::SyntheticTokens(static_cast<uint32_t>(count), 20021, seed)) {
    const float value = (static_cast<float>(token) - 10010) / 4001;
    values.push_back(std::ldexp(value, -static_cast<int>(token % 7)));
  }
  return values;
}

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

constexpr uint32_t kWidths[] = {1, 5, 15, 16, 17, 24, 31, 32, 33, 40, 48, 63, 64, 100, 200, 768};

// --- sums ---

// The order that Sum of vector_math-inl.h promises, plainly. add(i, sum) is sum plus term i.
float SumInOrder(size_t count, const std::function<float(size_t, float)>& add) {
  float partial[32] = {};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    float* half = partial + i / 16 % 2 * 16;
    for (size_t lane = 0; lane < 16; ++lane) half[lane] = add(i + lane, half[lane]);
  }
  for (size_t half = 16; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
  }
  float sum = partial[0];
  for (; i < count; ++i) sum = add(i, sum);
  return sum;
}

TEST(OnednnSums, AreInOneOrderWithEveryInstructionSet) {
  const std::vector<int64_t> targets = FusedTargets();
  if (targets.empty()) GTEST_SKIP() << "needs a processor with fused multiplications";
  for (const uint32_t width : kWidths) {
    const std::vector<float> x = Random(width, width);
    const float mean = SumInOrder(width, [&](size_t i, float sum) { return sum + x[i]; }) / static_cast<float>(width);
    const float squares = SumInOrder(width, [&](size_t i, float sum) {
      const float difference = x[i] - mean;
      return std::fma(difference, difference, sum);
    });
    const float variance = squares / static_cast<float>(width);
    for (const int64_t target : targets) {
      const HighwayTarget only(target);
      const Moments moments = Elementwise().moments_of(x.data(), width, 1e-5f);
      EXPECT_EQ(Bits({moments.mean, moments.scale}), Bits({mean, 1.0f / std::sqrt(variance + 1e-5f)}))
          << hwy::TargetName(target) << ", " << width << " terms";
    }
  }
}

// --- the other steps ---

// A kernel over rows or heads of a width; what it writes.
struct Step {
  std::string name;
  std::function<std::vector<float>(uint32_t width)> run;
};

// Random rows of a width, made when asked for and the same every time.
class Inputs {
 public:
  explicit Inputs(uint32_t width, uint32_t num_rows = 1) : width_(width), num_rows_(num_rows) {}

  std::vector<float> Next() { return Random(size_t{width_} * num_rows_, ++seed_); }
  // In (0, 1), as decays are.
  std::vector<float> NextDecay() {
    std::vector<float> decay = Next();
    for (float& value : decay) value = 1 / (1 + value * value);
    return decay;
  }

 private:
  const uint32_t width_, num_rows_;
  uint64_t seed_ = 0;
};

std::vector<float> RunNormShift(uint32_t width) {
  Inputs inputs(width);
  const std::vector<float> x = inputs.Next(), before = inputs.Next(), weight = inputs.Next(), bias = inputs.Next(),
                           mix = inputs.Next();
  const kit::Norm norm = {weight.data(), bias.data(), 1e-5f};
  std::vector<float> out(width);
  const RowBlend blends[] = {{mix.data(), out.data()}};
  const ElementwiseKernels& kernels = Elementwise();
  const PreviousRow previous = {before.data(), false, kernels.moments_of(before.data(), width, norm.epsilon)};
  std::vector<float> n(width), n_before(width);
  kernels.norm_shift_row(x.data(), kernels.moments_of(x.data(), width, norm.epsilon), previous, norm, std::span(blends),
                         {n.data(), n_before.data()}, 0, width);
  out.insert(out.end(), n.begin(), n.end());
  out.insert(out.end(), n_before.begin(), n_before.end());
  return out;
}

std::vector<float> RunNormGate(uint32_t width) {
  Inputs inputs(width, 2);  // two heads
  std::vector<float> y = inputs.Next();
  const std::vector<float> weight = inputs.Next(), bias = inputs.Next(), g = inputs.Next();
  Elementwise().norm_gate_row(y.data(), {weight.data(), bias.data(), 64e-5f}, g.data(), width, 0, y.size(), y.data());
  return y;
}

std::vector<float> RunNormBonusGate(uint32_t width) {
  Inputs inputs(width, 2);
  std::vector<float> y = inputs.Next();
  const std::vector<float> weight = inputs.Next(), bias = inputs.Next(), r = inputs.Next(), k = inputs.Next(),
                           v = inputs.Next(), g = inputs.Next(), bonus = inputs.Next();
  Elementwise().norm_bonus_gate_row(
      {.y = y.data(), .r = r.data(), .k = k.data(), .v = v.data(), .g = g.data(), .bonus = bonus.data()},
      {weight.data(), bias.data(), 64e-5f}, width, 0, y.size(), y.data());
  return y;
}

std::vector<float> RunGatedAdd(uint32_t width) {
  Inputs inputs(width);
  std::vector<float> x = inputs.Next();
  const std::vector<float> gate = inputs.Next(), value = inputs.Next();
  Elementwise().gated_add_row(x.data(), gate.data(), value.data(), 0, width);
  return x;
}

std::vector<float> RunDataShift(uint32_t width) {
  Inputs inputs(width);
  std::vector<float> now = inputs.Next(), before = inputs.Next(), mix = inputs.Next(), out = inputs.Next();
  const RowDataBlend blends[] = {{mix.data(), out.data(), out.data()}};
  Elementwise().data_shift_row({now.data(), before.data()}, std::span(blends), 0, width);
  return out;
}

std::vector<float> RunDecay6(uint32_t width) {
  Inputs inputs(width);
  std::vector<float> w = inputs.Next();
  const std::vector<float> bias = inputs.Next();
  Elementwise().decay6_row(w.data(), bias.data(), 0, width, w.data());
  return w;
}

std::vector<float> RunDecay7(uint32_t width) {
  Inputs inputs(width);
  std::vector<float> w = inputs.Next();
  const std::vector<float> bias = inputs.Next();
  Elementwise().decay7_row(w.data(), bias.data(), 0, width, w.data());
  return w;
}

std::vector<float> RunKeys(uint32_t width) {
  Inputs inputs(width, 2);
  std::vector<float> k = inputs.Next(), b = inputs.Next(), kk(k.size());
  const std::vector<float> rate_bias = inputs.Next(), key_k = inputs.Next(), key_a = inputs.Next();
  Elementwise().keys_row(
      {.key = k.data(), .rate = b.data(), .rate_bias = rate_bias.data(), .key_k = key_k.data(), .key_a = key_a.data()},
      {.k = k.data(), .kk = kk.data(), .b = b.data()}, width, 0, k.size());
  k.insert(k.end(), b.begin(), b.end());
  k.insert(k.end(), kk.begin(), kk.end());
  return k;
}

std::vector<float> RunValueResidual(uint32_t width) {
  Inputs inputs(width);
  std::vector<float> v = inputs.Next();
  const std::vector<float> v_first = inputs.Next(), gate = inputs.Next(), v0 = inputs.Next();
  Elementwise().value_residual_row(
      {.value = v.data(), .v_first = v_first.data(), .gate = gate.data(), .gate_bias = v0.data()}, 0, width, v.data());
  return v;
}

constexpr uint32_t kTokens = 3;

std::vector<float> RunWkv4(uint32_t width) {
  Inputs inputs(width, kTokens);
  const std::vector<float> r = inputs.Next(), k = inputs.Next(), v = inputs.Next(), decay = inputs.Next(),
                           bonus = inputs.Next(), before = inputs.Next();
  std::vector<float> y(r.size()), after(before.size());
  TimeMix().wkv4_channels({.r = r.data(),
                           .k = k.data(),
                           .v = v.data(),
                           .decay = decay.data(),
                           .bonus = bonus.data(),
                           .y = y.data(),
                           .width = width,
                           .num_tokens = kTokens},
                          0, width, before.data(), after.data());
  y.insert(y.end(), after.begin(), after.end());
  return y;
}

std::vector<float> RunWkv5(uint32_t width) {
  Inputs inputs(width, kTokens);
  const std::vector<float> r = inputs.Next(), k = inputs.Next(), v = inputs.Next(), w = inputs.NextDecay(),
                           bonus = inputs.Next(), before = Random(size_t{width} * width, 99);
  std::vector<float> y(r.size()), after(before.size());
  TimeMix().wkv5_head({.r = r.data(),
                       .w = w.data(),
                       .k = k.data(),
                       .v = v.data(),
                       .bonus = bonus.data(),
                       .y = y.data(),
                       .row_stride = width,
                       .w_stride = width,
                       .num_tokens = kTokens,
                       .head_size = width,
                       .states_pass_caches = false,
                       .ahead = 0},
                      before.data(), after.data());
  y.insert(y.end(), after.begin(), after.end());
  return y;
}

std::vector<float> RunWkv7(uint32_t width) {
  Inputs inputs(width, kTokens);
  const std::vector<float> r = inputs.Next(), k = inputs.Next(), v = inputs.Next(), w = inputs.NextDecay(),
                           kk = inputs.Next(), b = inputs.Next(), before = Random(size_t{width} * width, 99);
  std::vector<float> y(r.size()), after(before.size());
  TimeMix().wkv7_head({.r = r.data(),
                       .w = w.data(),
                       .k = k.data(),
                       .v = v.data(),
                       .kk = kk.data(),
                       .b = b.data(),
                       .y = y.data(),
                       .row_stride = width,
                       .num_tokens = kTokens,
                       .head_size = width,
                       .states_pass_caches = false,
                       .ahead = 0},
                      before.data(), after.data());
  y.insert(y.end(), after.begin(), after.end());
  return y;
}

std::vector<float> RunFinish(uint32_t width, kit::Then then) {
  const uint32_t columns = std::min(width, kPanelWidth);
  const std::vector<float> tile = Random(kPanelWidth, 1);
  std::vector<float> row = Random(columns, 2);
  float* const out[] = {row.data()};
  Panels().finish_tile(tile.data(), 1, columns, then, out);
  return row;
}

constexpr uint32_t kOutputs = kPanelWidth;

// A matrix of [kOutputs, num_inputs] in floats of `dtype`, packed.
struct Weights {
  Weights(uint32_t dtype, uint32_t num_inputs)
      : arena(*host.table(), 0), matrix(arena, kOutputs, num_inputs, dtype, 0) {
    const std::vector<float> values = Random(size_t{kOutputs} * num_inputs, 7);
    std::vector<uint8_t> stored;
    for (const float value : values) {
      const auto bits = std::bit_cast<uint32_t>(value);
      // Any pattern of a finite float16 will do.
      const uint32_t element = dtype == SKEIN_DTYPE_F32    ? bits
                               : dtype == SKEIN_DTYPE_BF16 ? F32ToBf16(value)
                                                           : (bits >> 13 & 0xBBFF);
      const auto* bytes = reinterpret_cast<const uint8_t*>(&element);
      stored.insert(stored.end(), bytes, bytes + (dtype == SKEIN_DTYPE_F32 ? 4 : 2));
    }
    matrix.Pack({.dtype = dtype, .num_rows = kOutputs, .num_columns = num_inputs, .data = stored.data()});
  }

  conformance::TestHost host;
  kit::WeightArena arena;
  PackedMatrix matrix;
};

constexpr uint32_t kMostRows = 13;

// The last `num_rows` of kMostRows rows by a panel.
std::vector<float> Multiply(const Weights& weights, uint32_t num_rows) {
  const uint32_t num_inputs = weights.matrix.num_inputs();
  const std::vector<float> x = Random(size_t{kMostRows} * num_inputs, 3);
  std::vector<float> tile(size_t{num_rows} * kPanelWidth);
  Panels().multiply(weights.matrix.type(), weights.matrix.panel(0), num_inputs,
                    x.data() + size_t{kMostRows - num_rows} * num_inputs, num_rows, tile.data(), 0);
  return tile;
}

std::vector<Step> Steps() {
  std::vector<Step> steps = {
      {"NormShift", RunNormShift}, {"NormGate", RunNormGate},   {"NormBonusGate", RunNormBonusGate},
      {"GatedAdd", RunGatedAdd},   {"DataShift", RunDataShift}, {"Decay6", RunDecay6},
      {"Decay7", RunDecay7},       {"Keys", RunKeys},           {"ValueResidual", RunValueResidual},
      {"Wkv4", RunWkv4},           {"Wkv5", RunWkv5},           {"Wkv7", RunWkv7},
  };
  const std::pair<kit::Then, const char*> thens[] = {
      {kit::Then::kStore, "Store"},           {kit::Then::kTanh, "Tanh"},
      {kit::Then::kSigmoid, "Sigmoid"},       {kit::Then::kSilu, "Silu"},
      {kit::Then::kReluSquare, "ReluSquare"}, {kit::Then::kAdd, "Add"},
  };
  for (const auto& [then, name] : thens) {
    steps.push_back({std::string("Finish") + name, [then = then](uint32_t width) { return RunFinish(width, then); }});
  }
  const std::pair<uint32_t, const char*> dtypes[] = {
      {SKEIN_DTYPE_F32, "F32"}, {SKEIN_DTYPE_F16, "F16"}, {SKEIN_DTYPE_BF16, "Bf16"}};
  for (const auto& [dtype, name] : dtypes) {
    steps.push_back({std::string("Multiply") + name,
                     [dtype = dtype](uint32_t width) { return Multiply(Weights(dtype, width), kMostRows); }});
  }
  return steps;
}

class OnednnStep : public testing::TestWithParam<Step> {};

TEST_P(OnednnStep, GivesTheSameBitsWithEveryInstructionSet) {
  const std::vector<int64_t> targets = FusedTargets();
  if (targets.size() < 2) GTEST_SKIP() << "needs two instruction sets with fused multiplications";
  for (const uint32_t width : kWidths) {
    std::vector<uint32_t> first;
    for (const int64_t target : targets) {
      const HighwayTarget only(target);
      const std::vector<uint32_t> bits = Bits(GetParam().run(width));
      if (first.empty()) first = bits;
      ASSERT_EQ(bits, first) << hwy::TargetName(target) << " and " << hwy::TargetName(targets[0]) << ", width "
                             << width;
    }
  }
}

std::string StepName(const testing::TestParamInfo<Step>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Steps, OnednnStep, testing::ValuesIn(Steps()), StepName);

TEST(OnednnFloatProducts, ARowDoesNotDependOnTheRowsBesideIt) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    const HighwayTarget only(target);
    for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
      for (const uint32_t num_inputs : {1u, 33u, 192u}) {
        const Weights weights(dtype, num_inputs);
        const std::vector<uint32_t> all = Bits(Multiply(weights, kMostRows));
        for (uint32_t num_rows = 1; num_rows < kMostRows; ++num_rows) {
          const std::vector<uint32_t> last(all.end() - num_rows * kPanelWidth, all.end());
          ASSERT_EQ(Bits(Multiply(weights, num_rows)), last) << hwy::TargetName(target) << ", type " << dtype << ", "
                                                             << num_inputs << " inputs, " << num_rows << " rows";
        }
      }
    }
  }
}

}  // namespace
}  // namespace skein::onednn
