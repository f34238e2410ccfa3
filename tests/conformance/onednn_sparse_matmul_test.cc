// The onednn backend's kernels that leave out zeros among the activations: to the bit what the dense ones give.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "numbers/half.h"
#include "onednn/cpu.h"
#include "onednn/kernels/active_steps.h"
#include "onednn/matmul.h"
#include "onednn/packed_matrix.h"
#include "onednn/prepared_input.h"
#include "tests/conformance/quantise.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kTypes[] = {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4};

// Small integers, which every float type holds.
std::vector<float> Random(size_t count, uint64_t seed) {
  std::vector<float> values;
  for (const uint32_t token : conformance::SyntheticTokens(static_cast<uint32_t>(count), 15, seed)) {
    values.push_back(static_cast<float>(token) - 7);
  }
  return values;
}

std::vector<uint8_t> Store(uint32_t dtype, const std::vector<float>& values, uint32_t num_columns) {
  if (skein::IsQuantised(dtype)) return conformance::QuantiseRows(dtype, values, num_columns);
  std::vector<uint8_t> stored(values.size() * FloatBytes(dtype));
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t half =
        dtype == SKEIN_DTYPE_BF16
            ? F32ToBf16(values[i])
            : static_cast<uint16_t>(conformance::Float16Bits(values[i]) | (values[i] < 0 ? 0x8000u : 0u));
    if (dtype == SKEIN_DTYPE_F32) {
      std::memcpy(&stored[4 * i], &values[i], 4);
    } else {
      std::memcpy(&stored[2 * i], &half, 2);
    }
  }
  return stored;
}

// The kernel in whose place a kernel runs that leaves out zeros: the next one in the table that takes the same product.
const MatMulChoice& DenseOf(const MatMulChoice& sparse, PanelType type) {
  const MatMulChoice* dense = &sparse;
  while (dense->needs_zeros || dense->form != sparse.form || !dense->Takes(type)) ++dense;
  return *dense;
}

TEST(OnednnSparseMatMul, LeavingOutZerosChangesNoBit) {
  for (const MatMulChoice& choice : MatMulChoices()) {
    if (!choice.needs_zeros || choice.needs > UsableTier()) continue;
    for (const uint32_t dtype : kTypes) {
      for (const uint32_t num_inputs : {256u, 449u, 1000u}) {
        for (uint32_t num_rows = 1; num_rows <= kMaxSparseRows; ++num_rows) {
          conformance::TestHost host;
          kit::WeightArena arena(*host.table(), 0);
          PackedMatrix matrix(arena, kPanelWidth, num_inputs, dtype, SKEIN_DTYPE_NONE);
          if (!choice.Takes(matrix.type())) continue;
          const std::vector<uint8_t> stored = Store(dtype, Random(size_t{kPanelWidth} * num_inputs, 5), num_inputs);
          matrix.Pack({.dtype = dtype, .num_rows = kPanelWidth, .num_columns = num_inputs, .data = stored.data()});

          // Runs of 16 inputs, some of them zeros in all rows, others in one, and a whole group of zeros.
          std::vector<float> x = Random(size_t{num_rows} * num_inputs, num_rows);
          for (size_t i = 0; i < x.size(); ++i) {
            const size_t row = i / num_inputs, input = i % num_inputs, run = input / 16;
            if (run % 2 == 0 || (run + row) % 7 == 0 || (input >= 128 && input < 256)) x[i] = 0;
          }
          std::vector<uint32_t> steps(num_inputs + ActiveSteps::kReadAhead);
          const ActiveSteps active =
              FindActiveSteps(x.data(), num_inputs, num_rows, StepSizeOf(matrix.type()), steps.data());
          ASSERT_NE(active.steps, nullptr);

          const uint64_t bytes = PreparedInput::Bytes(choice.form, matrix.type(), num_rows, num_inputs);
          kit::HostArray<std::byte> place(*host.table(), bytes, "inputs");
          const PreparedInput input(choice.form, matrix.type(), {x.data(), num_rows, num_inputs}, place.data());
          input.Fill(0, input.num_items());
          const auto run = [&](const MatMulChoice& kernel) {
            std::vector<float> tile(kMaxTileRows * kPanelWidth, -1.0f);
            EXPECT_TRUE(kernel.run({.type = matrix.type(),
                                    .panel = matrix.panel(0),
                                    .num_inputs = num_inputs,
                                    .num_rows = num_rows,
                                    .x = x.data(),
                                    .x_bf16 = input.Bf16(0),
                                    .x_int8 = input.Int8(0),
                                    .active = active,
                                    .tile = tile.data(),
                                    .expanded = nullptr,
                                    .ahead = 0,
                                    .primitives = nullptr}));
            std::vector<uint32_t> bits;
            for (uint32_t i = 0; i < num_rows * kPanelWidth; ++i) bits.push_back(std::bit_cast<uint32_t>(tile[i]));
            return bits;
          };
          ASSERT_EQ(run(choice), run(DenseOf(choice, matrix.type())))
              << choice.name << ", type " << dtype << ", " << num_inputs << " inputs, " << num_rows << " rows";
        }
      }
    }
  }
}

TEST(ActiveSteps, AreThoseWhereAnyRowIsNotZero) {
  std::vector<float> x(2 * 256);
  x[9] = 1;
  x[256 + 64] = -1;
  x[256 + 255] = 1;
  std::vector<uint32_t> steps(256 + ActiveSteps::kReadAhead);
  const ActiveSteps active = FindActiveSteps(x.data(), 256, 2, 4, steps.data());
  ASSERT_EQ(active.count, 3u);
  EXPECT_EQ(std::vector<uint32_t>(active.steps, active.steps + 3), (std::vector<uint32_t>{2, 16, 63}));
  EXPECT_EQ(active.steps[3], 63u);  // what is read ahead exists
}

TEST(ActiveSteps, AreNoneInAnInputOfZeros) {
  const std::vector<float> x(256);
  std::vector<uint32_t> steps(256 + ActiveSteps::kReadAhead);
  const ActiveSteps active = FindActiveSteps(x.data(), 256, 1, 1, steps.data());
  EXPECT_NE(active.steps, nullptr);
  EXPECT_EQ(active.count, 0u);
}

TEST(ActiveSteps, AreNotLookedForWhereZerosAreFewOrRowsMany) {
  std::vector<float> x(5 * 256);
  std::vector<uint32_t> steps(256 + ActiveSteps::kReadAhead);
  EXPECT_EQ(FindActiveSteps(x.data(), 256, 5, 1, steps.data()).steps, nullptr);
  for (size_t i = 0; i < x.size(); i += 2) x[i] = 1;  // every step of two inputs is active
  EXPECT_EQ(FindActiveSteps(x.data(), 256, 1, 2, steps.data()).steps, nullptr);
  std::fill(x.begin(), x.end(), 1.0f);
  EXPECT_EQ(FindActiveSteps(x.data(), 256, 1, 1, steps.data()).steps, nullptr);
}

}  // namespace
}  // namespace skein::onednn
