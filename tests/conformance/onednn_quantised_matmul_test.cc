// Products with quantised weights, in every kernel of the onednn backend's table and every instruction set of Highway:
// exact integers, float32 sums in one order, whatever the number of rows.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "numbers/quantised.h"
#include "onednn/cpu.h"
#include "onednn/kernels/int8_rows.h"
#include "onednn/matmul.h"
#include "onednn/packed_matrix.h"
#include "onednn/prepared_input.h"
#include "skein/dtype.h"
#include "tests/conformance/onednn_highway_targets.h"
#include "tests/conformance/quantise.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

// A kernel as it can be run: a row of the table, and for those written in Highway an instruction set.
struct Kernel {
  const MatMulChoice* choice;
  int64_t highway_target;  // 0: whatever is best
  std::string name;
};

std::vector<Kernel> Kernels() {
  std::vector<Kernel> kernels;
  for (const MatMulChoice& choice : MatMulChoices()) {
    if (choice.form != InputForm::kInt8 || choice.needs_zeros) continue;
    if (choice.needs != Tier::kGeneric) {
      kernels.push_back({&choice, 0, choice.name});
      continue;
    }
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      kernels.push_back({&choice, target, std::string(choice.name) + "_" + hwy::TargetName(target)});
    }
  }
  return kernels;
}

std::vector<float> Random(size_t count, uint64_t seed) {
  std::vector<float> values;
  for (const uint32_t token : conformance::SyntheticTokens(static_cast<uint32_t>(count), 2001, seed)) {
    values.push_back((static_cast<float>(token) - 1000) / 500);
  }
  return values;
}

// A packed matrix with what it was packed from.
struct Weights {
  Weights(uint32_t dtype_, uint32_t num_outputs_, uint32_t num_inputs_, std::vector<uint8_t> rows)
      : dtype(dtype_),
        num_outputs(num_outputs_),
        num_inputs(num_inputs_),
        stored(std::move(rows)),
        arena(*host.table(), 0),
        matrix(arena, num_outputs, num_inputs, dtype, dtype) {
    matrix.Pack({.dtype = dtype, .num_rows = num_outputs, .num_columns = num_inputs, .data = stored.data()});
  }

  const unsigned char* Group(uint32_t output, uint32_t group) const {
    const QuantisedLayout layout = LayoutOf(dtype);
    return stored.data() + (output * layout.NumGroups(num_inputs) + group) * layout.group_bytes;
  }

  uint32_t dtype, num_outputs, num_inputs;
  std::vector<uint8_t> stored;
  conformance::TestHost host;
  kit::WeightArena arena;
  PackedMatrix matrix;
};

Weights RandomWeights(uint32_t dtype, uint32_t num_outputs, uint32_t num_inputs) {
  const std::vector<float> values = Random(size_t{num_outputs} * num_inputs, 7);
  return {dtype, num_outputs, num_inputs, conformance::QuantiseRows(dtype, values, num_inputs)};
}

// out [num_rows][num_outputs] by a kernel, from activations in float32.
std::vector<float> Multiply(const Kernel& kernel, const Weights& weights, std::vector<float> x, uint32_t num_rows) {
  const HighwayTarget target(kernel.highway_target);
  const PanelType type = weights.matrix.type();
  const uint64_t bytes = PreparedInput::Bytes(InputForm::kInt8, type, num_rows, weights.num_inputs);
  conformance::TestHost host;
  kit::HostArray<std::byte> place(*host.table(), bytes, "inputs");
  kit::HostArray<float> tile(*host.table(), kMaxTileRows * kPanelWidth, "tile");
  std::fill_n(tile.data(), tile.size(), std::numeric_limits<float>::quiet_NaN());
  const PreparedInput input(InputForm::kInt8, type, {x.data(), num_rows, weights.num_inputs}, place.data());
  input.Fill(0, input.num_items());

  std::vector<float> out(size_t{num_rows} * weights.num_outputs);
  for (uint32_t panel = 0; panel < weights.matrix.num_panels(); ++panel) {
    for (uint32_t first = 0; first < num_rows; first += kMaxTileRows) {
      const uint32_t rows = std::min(kMaxTileRows, num_rows - first);
      EXPECT_TRUE(kernel.choice->run({.type = type,
                                      .panel = weights.matrix.panel(panel),
                                      .num_inputs = weights.num_inputs,
                                      .num_rows = rows,
                                      .x = nullptr,
                                      .x_bf16 = nullptr,
                                      .x_int8 = input.Int8(first),
                                      .active = {},
                                      .tile = tile.data(),
                                      .expanded = nullptr,
                                      .ahead = 64,
                                      .primitives = nullptr}));
      for (uint32_t r = 0; r < rows; ++r) {
        for (uint32_t c = 0; c < kPanelWidth && panel * kPanelWidth + c < weights.num_outputs; ++c) {
          out[(first + r) * size_t{weights.num_outputs} + panel * kPanelWidth + c] = tile[r * kPanelWidth + c];
        }
      }
    }
  }
  return out;
}

// The definition: codes of activations and weights multiplied as integers, groups added in order by fused
// multiplications. `is_fused` false: as a processor without them does.
std::vector<float> Expected(const Weights& weights, const std::vector<float>& x, uint32_t num_rows, bool is_fused) {
  const QuantisedLayout layout = LayoutOf(weights.dtype);
  const auto num_groups = static_cast<uint32_t>(layout.NumGroups(weights.num_inputs));
  std::vector<float> out;
  for (uint32_t row = 0; row < num_rows; ++row) {
    std::vector<std::vector<int32_t>> codes(num_groups);
    std::vector<float> scales(num_groups);
    for (uint32_t group = 0; group < num_groups; ++group) {
      const uint32_t first = group * layout.group_size;
      const uint32_t count = std::min(layout.group_size, weights.num_inputs - first);
      const float* from = x.data() + size_t{row} * weights.num_inputs + first;
      float largest = 0;
      for (uint32_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(from[i]));
      codes[group].resize(layout.group_size);
      if (largest < 0x1p-100f) continue;
      scales[group] = largest / 127.0f;
      const float inverse = 127.0f / largest;
      for (uint32_t i = 0; i < count; ++i) {
        codes[group][i] = static_cast<int32_t>(std::nearbyint(from[i] * inverse));
      }
    }
    for (uint32_t output = 0; output < weights.num_outputs; ++output) {
      float sum = 0;
      for (uint32_t group = 0; group < num_groups; ++group) {
        const unsigned char* stored = weights.Group(output, group);
        int64_t integer = 0;
        for (uint32_t i = 0; i < layout.group_size; ++i) {
          integer += int64_t{SignedCode(layout, stored, i)} * codes[group][i];
        }
        const float scale = F16ToF32(ScaleBits(stored)) * scales[group];
        const auto factor = static_cast<float>(integer);
        if (is_fused) {
          sum = std::fma(factor, scale, sum);
        } else {
          volatile float product = factor * scale;
          sum += product;
        }
      }
      out.push_back(sum);
    }
  }
  return out;
}

bool IsFused(const Kernel& kernel) {
  return kernel.highway_target == 0 || HasFusedMultiplications(kernel.highway_target);
}

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

class QuantisedMatMul : public testing::TestWithParam<Kernel> {
 protected:
  void SetUp() override {
    if (GetParam().choice->needs > UsableTier()) {
      GTEST_SKIP() << "needs a processor with " << TierName(GetParam().choice->needs);
    }
  }
};

TEST_P(QuantisedMatMul, IsTheDefinitionInEveryBit) {
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    for (const uint32_t num_inputs : {1u, 63u, 64u, 128u, 200u, 320u, 1000u}) {
      const Weights weights = RandomWeights(dtype, 150, num_inputs);  // two whole panels and a part
      for (const uint32_t num_rows : {1u, 3u, 17u}) {
        const std::vector<float> x = Random(size_t{num_rows} * num_inputs, num_rows);
        ASSERT_EQ(Bits(Multiply(GetParam(), weights, x, num_rows)),
                  Bits(Expected(weights, x, num_rows, IsFused(GetParam()))))
            << "type " << dtype << ", " << num_inputs << " inputs, " << num_rows << " rows";
      }
    }
  }
}

TEST_P(QuantisedMatMul, ARowDoesNotDependOnTheRowsBesideIt) {
  constexpr uint32_t kInputs = 328, kMostRows = 150;
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const Weights weights = RandomWeights(dtype, 70, kInputs);
    const std::vector<float> x = Random(size_t{kMostRows} * kInputs, 3);
    const std::vector<float> all = Multiply(GetParam(), weights, x, kMostRows);
    for (uint32_t num_rows = 1; num_rows <= 40; ++num_rows) {
      const size_t first = kMostRows - num_rows;
      const std::vector<float> last(x.begin() + static_cast<ptrdiff_t>(first * kInputs), x.end());
      const std::vector<float> expected(all.begin() + static_cast<ptrdiff_t>(first * 70), all.end());
      ASSERT_EQ(Bits(Multiply(GetParam(), weights, last, num_rows)), Bits(expected)) << num_rows << " rows";
    }
  }
}

TEST_P(QuantisedMatMul, IsWithinTheRoundingOfActivationsOfTheDequantisedProduct) {
  constexpr uint32_t kInputs = 768, kOutputs = 64, kRows = 5;
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const Weights weights = RandomWeights(dtype, kOutputs, kInputs);
    const uint32_t group_size = LayoutOf(dtype).group_size;
    const std::vector<float> x = Random(size_t{kRows} * kInputs, 9);
    const std::vector<float> out = Multiply(GetParam(), weights, x, kRows);
    std::vector<float> w(kInputs);
    for (uint32_t row = 0; row < kRows; ++row) {
      for (uint32_t output = 0; output < kOutputs; ++output) {
        ExpandQuantised(dtype, weights.Group(output, 0), 0, kInputs, w.data());
        double sum = 0, bound = 0;
        for (uint32_t first = 0; first < kInputs; first += group_size) {
          double largest = 0, magnitude = 0;
          for (uint32_t i = first; i < first + group_size; ++i) {
            const double input = x[size_t{row} * kInputs + i];
            largest = std::max(largest, std::fabs(input));
            magnitude += std::fabs(double{w[i]});
            sum += input * double{w[i]};
          }
          bound += (largest / 127 / 2) * magnitude;  // half a code in every activation
        }
        ASSERT_NEAR(out[row * kOutputs + output], sum, bound * (1 + 1e-5)) << "type " << dtype;
      }
    }
  }
}

TEST_P(QuantisedMatMul, LargestCodesDoNotOverflow) {
  constexpr uint32_t kInputs = 8192 + 128;
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const QuantisedLayout layout = LayoutOf(dtype);
    // Lowest codes in the even outputs, highest in the odd ones, with the largest scale.
    std::vector<uint8_t> stored;
    for (uint32_t output = 0; output < kPanelWidth; ++output) {
      const uint8_t code = dtype == SKEIN_DTYPE_Q8 ? (output % 2 == 0 ? 0x80 : 0x7F) : (output % 2 == 0 ? 0x00 : 0xFF);
      for (uint64_t group = 0; group < layout.NumGroups(kInputs); ++group) {
        stored.insert(stored.end(), {0xFF, 0x7B});  // 65504
        stored.insert(stored.end(), layout.group_bytes - kScaleBytes, code);
      }
    }
    const Weights weights(dtype, kPanelWidth, kInputs, std::move(stored));
    for (const float sign : {1.0f, -1.0f}) {
      const std::vector<float> x(2 * kInputs, sign * 3.0f);
      ASSERT_EQ(Bits(Multiply(GetParam(), weights, x, 2)), Bits(Expected(weights, x, 2, IsFused(GetParam()))));
    }
  }
}

TEST_P(QuantisedMatMul, ZeroRowsAndZeroScalesGiveZero) {
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const Weights weights = RandomWeights(dtype, 64, 192);
    EXPECT_EQ(Multiply(GetParam(), weights, std::vector<float>(3 * 192), 3), std::vector<float>(3 * 64));
    const Weights zeros(dtype, 64, 192, conformance::QuantiseRows(dtype, std::vector<float>(64 * 192), 192));
    EXPECT_EQ(Multiply(GetParam(), zeros, Random(3 * 192, 4), 3), std::vector<float>(3 * 64));
  }
}

TEST_P(QuantisedMatMul, SubnormalScalesAndTinyActivationsKeepTheirSize) {
  constexpr uint32_t kInputs = 128;
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    std::vector<uint8_t> stored = conformance::QuantiseRows(dtype, std::vector<float>(64 * kInputs, 1.0f), kInputs);
    const QuantisedLayout layout = LayoutOf(dtype);
    for (size_t group = 0; group < stored.size(); group += layout.group_bytes) {
      stored[group] = 3;  // 3 * 2^-24
      stored[group + 1] = 0;
    }
    const Weights weights(dtype, 64, kInputs, stored);
    const std::vector<float> x(kInputs, 1e-15f);
    const std::vector<float> out = Multiply(GetParam(), weights, x, 1);
    EXPECT_EQ(Bits(out), Bits(Expected(weights, x, 1, IsFused(GetParam()))));
    EXPECT_GT(std::fabs(out[0]), 0.0f);
  }
}

TEST_P(QuantisedMatMul, WhatIsNotFiniteStaysVisibleInItsRowAlone) {
  constexpr uint32_t kInputs = 256;
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    const Weights weights = RandomWeights(dtype, 64, kInputs);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = Random(3 * kInputs, 4);
      x[kInputs + 70] = bad;
      const std::vector<float> out = Multiply(GetParam(), weights, x, 3);
      for (uint32_t output = 0; output < 64; ++output) {
        EXPECT_TRUE(std::isfinite(out[output]));
        EXPECT_TRUE(std::isnan(out[64 + output]));
        EXPECT_TRUE(std::isfinite(out[128 + output]));
      }
    }
  }
}

std::string KernelName(const testing::TestParamInfo<Kernel>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Kernels, QuantisedMatMul, testing::ValuesIn(Kernels()), KernelName);

// With float32 activations the weights count as what they stand for.
TEST(QuantisedMatMulInFloat32, AgreesWithFloat64) {
  for (const uint32_t dtype : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
    for (const uint32_t num_inputs : {1u, 97u, 128u, 321u}) {
      const Weights weights = RandomWeights(dtype, 64, num_inputs);
      conformance::TestHost host;
      kit::HostArray<float> tile(*host.table(), kMaxTileRows * kPanelWidth, "tile");
      kit::HostArray<float> expanded(*host.table(), RoundUp(num_inputs, 16) * kPanelWidth, "panel");
      const uint32_t widths[] = {num_inputs};
      PanelPrimitives primitives(*host.table(), PanelPrimitives::Type::kF32, widths);
      const std::vector<float> x = Random(size_t{40} * num_inputs, 5);
      for (const MatMulChoice& choice : MatMulChoices()) {
        if (choice.form != InputForm::kF32 || choice.needs_zeros || !choice.Takes(weights.matrix.type())) continue;
        if (choice.needs_primitives && !primitives.Has(num_inputs)) continue;
        ASSERT_TRUE(choice.run({.type = weights.matrix.type(),
                                .panel = weights.matrix.panel(0),
                                .num_inputs = num_inputs,
                                .num_rows = 40,
                                .x = x.data(),
                                .x_bf16 = nullptr,
                                .x_int8 = {},
                                .active = {},
                                .tile = tile.data(),
                                .expanded = expanded.data(),
                                .ahead = 64,
                                .primitives = &primitives}));
        std::vector<float> w(num_inputs);
        for (uint32_t output = 0; output < 64; ++output) {
          ExpandQuantised(dtype, weights.Group(output, 0), 0, num_inputs, w.data());
          for (uint32_t row = 0; row < 40; ++row) {
            double sum = 0, magnitude = 0;
            for (uint32_t i = 0; i < num_inputs; ++i) {
              const double term = double{x[size_t{row} * num_inputs + i]} * double{w[i]};
              sum += term;
              magnitude += std::fabs(term);
            }
            ASSERT_NEAR(tile[row * kPanelWidth + output], sum, 1e-6 * magnitude) << choice.name;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace skein::onednn
