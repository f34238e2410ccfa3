// Every row of the onednn backend's table of products, forced by name, against float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "numbers/half.h"
#include "onednn/caller_environment.h"
#include "onednn/matmul.h"
#include "onednn/packed_matrix.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kOutputs = 150;  // two whole panels and a part

struct Case {
  MatMulChoice choice;
  uint32_t num_inputs;
  uint32_t num_rows;
};

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const MatMulChoice& choice : MatMulChoices()) {
    if (choice.form == InputForm::kInt8) continue;  // onednn_quantised_matmul_test.cc
    for (const uint32_t num_inputs : {1u, 20u, 64u, 97u, 192u, 768u}) {
      for (const uint32_t num_rows : {1u, 2u, 5u, 7u, 16u, 37u, 128u}) {
        cases.push_back({choice, num_inputs, num_rows});
      }
    }
  }
  return cases;
}

std::vector<float> Random(size_t count, uint64_t seed) {
  std::vector<float> values;
  for (const uint32_t token : conformance::SyntheticTokens(static_cast<uint32_t>(count), 2001, seed)) {
    values.push_back((static_cast<float>(token) - 1000) / 500);
  }
  return values;
}

class OnednnMatMul : public testing::TestWithParam<Case> {};

TEST_P(OnednnMatMul, AgreesWithFloat64) {
  const Case& c = GetParam();
  const bool is_bf16 = c.choice.form == InputForm::kBf16;
  if (c.choice.needs > UsableTier()) GTEST_SKIP() << "needs a processor with " << TierName(c.choice.needs);
  const CallerEnvironment environment;
  const uint32_t widths[] = {c.num_inputs};
  const auto type = is_bf16 ? PanelPrimitives::Type::kBf16 : PanelPrimitives::Type::kF32;
  conformance::TestHost host;
  PanelPrimitives primitives(*host.table(), type, widths);
  if (c.choice.needs_primitives && !primitives.Has(c.num_inputs)) GTEST_SKIP() << "oneDNN has no kernel here";

  std::vector<float> x = Random(size_t{c.num_rows} * c.num_inputs, 1);
  if (c.choice.needs_zeros) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = i % c.num_inputs / 2 % 2 == 0 ? 0 : x[i];
  }
  std::vector<uint16_t> x_bf16(RoundUp(c.num_rows, 16) * c.num_inputs, 0x7FFF);  // NaN in the rows that fill up
  for (size_t i = 0; i < x.size(); ++i) {
    x_bf16[i] = F32ToBf16(x[i]);
    if (is_bf16) x[i] = Bf16ToF32(x_bf16[i]);
  }
  std::vector<float> weights = Random(size_t{kOutputs} * c.num_inputs, 2);

  for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    kit::WeightArena arena(*host.table(), 0);
    PackedMatrix matrix(arena, kOutputs, c.num_inputs, dtype, SKEIN_DTYPE_NONE);
    if (!c.choice.Takes(matrix.type())) continue;
    std::vector<uint8_t> stored;
    std::vector<double> exact;
    for (const float weight : weights) {
      uint32_t bits;
      if (dtype == SKEIN_DTYPE_F32) {
        std::memcpy(&bits, &weight, sizeof(bits));
        exact.push_back(weight);
      } else {
        // 0.25 to 2 in steps of 1/128: exact in either 16-bit type.
        const float coarse = std::ldexp(std::nearbyint(std::fabs(weight) * 64), -7) + 0.25f;
        exact.push_back(coarse);
        std::memcpy(&bits, &coarse, sizeof(bits));
        bits = dtype == SKEIN_DTYPE_BF16 ? F32ToBf16(coarse) : (bits - (112u << 23)) >> 13;
        if (dtype == SKEIN_DTYPE_BF16) exact.back() = Bf16ToF32(static_cast<uint16_t>(bits));
      }
      const auto* bytes = reinterpret_cast<const uint8_t*>(&bits);
      stored.insert(stored.end(), bytes, bytes + (dtype == SKEIN_DTYPE_F32 ? 4 : 2));
    }
    matrix.Pack({.dtype = dtype, .num_rows = kOutputs, .num_columns = c.num_inputs, .data = stored.data()});

    // Every second pair of inputs is zero: enough for the kernels that leave them out.
    std::vector<uint32_t> steps(c.num_inputs + ActiveSteps::kReadAhead);
    const ActiveSteps active =
        FindActiveSteps(x.data(), c.num_inputs, c.num_rows, StepSizeOf(matrix.type()), steps.data());
    if (c.choice.needs_zeros && active.steps == nullptr) continue;
    kit::HostArray<float> tile(*host.table(), kMaxTileRows * kPanelWidth, "tile");
    kit::HostArray<float> expanded(*host.table(), RoundUp(c.num_inputs, 16) * kPanelWidth, "panel");
    for (uint32_t panel = 0; panel < matrix.num_panels(); ++panel) {
      const PanelProduct product = {.type = matrix.type(),
                                    .panel = matrix.panel(panel),
                                    .num_inputs = c.num_inputs,
                                    .num_rows = c.num_rows,
                                    .x = x.data(),
                                    .x_bf16 = x_bf16.data(),
                                    .x_int8 = {},
                                    .active = active,
                                    .tile = tile.data(),
                                    .expanded = expanded.data(),
                                    .ahead = 64,
                                    .primitives = &primitives};
      ASSERT_TRUE(c.choice.run(product));
      for (uint32_t row = 0; row < c.num_rows; ++row) {
        for (uint32_t column = 0; column < kPanelWidth; ++column) {
          const uint32_t output = panel * kPanelWidth + column;
          double sum = 0, magnitude = 0;
          for (uint32_t i = 0; i < c.num_inputs && output < kOutputs; ++i) {
            const double term = double{x[size_t{row} * c.num_inputs + i]} * exact[size_t{output} * c.num_inputs + i];
            sum += term;
            magnitude += std::fabs(term);
          }
          ASSERT_NEAR(tile[row * kPanelWidth + column], sum, 1e-6 * magnitude + 1e-30)
              << "type " << dtype << ", row " << row << ", output " << output;
        }
      }
    }
  }
}

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return std::string(info.param.choice.name) + "_" + std::to_string(info.param.num_inputs) + "x" +
         std::to_string(info.param.num_rows);
}

INSTANTIATE_TEST_SUITE_P(Choices, OnednnMatMul, testing::ValuesIn(Cases()), CaseName);

}  // namespace
}  // namespace skein::onednn
