#include "cuda/kernels/norm_rows.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/backends/cuda/kernel_harness.h"

namespace skein::cuda {
namespace {

constexpr float kTolerance = 1e-5f;
constexpr float kEpsilon = 1e-5f;

WordCopy CopyOf(const DeviceArray<uint32_t>& to, const DeviceArray<uint32_t>& from, size_t count) {
  return {to.get(), from.get(), static_cast<uint32_t>(count)};
}

// LayerNorm in double precision.
std::vector<float> Norm(const std::vector<double>& x, const kit::Norm& norm) {
  double mean = 0, variance = 0;
  for (const double number : x) mean += number / x.size();
  for (const double number : x) variance += (number - mean) * (number - mean) / x.size();
  std::vector<float> out;
  for (size_t i = 0; i < x.size(); ++i) {
    out.push_back((x[i] - mean) / std::sqrt(variance + norm.epsilon) * norm.weight[i] + norm.bias[i]);
  }
  return out;
}

std::string EmbedFault(const Trial& trial, WeightType type, uint32_t width) {
  constexpr uint32_t kVocabulary = 77;
  const std::vector<uint32_t> tokens = {76, 0, 5, 5, 40};
  // Two of them were drawn by the step before, and one row has a result without a token.
  const std::vector<LogitResult> results = {
      {LogitStatus::kGood, 40, 0, 0}, {LogitStatus::kNoToken, 0xFFFFFFFFu, 0, 0}, {LogitStatus::kGood, 76, 0, 0}};
  const std::vector<uint32_t> given = {kDrawnToken | 2, kDrawnToken | 1, 5, 5, kDrawnToken | 0};
  const auto num_rows = static_cast<uint32_t>(tokens.size());
  Random random(width);
  const Weights embedding(type, kVocabulary, width, random);
  const CaseNorm norm(width, kEpsilon, random);
  const DeviceArray<uint32_t> token_source(given), device_tokens(given.size());
  const DeviceArray<LogitResult> device_results(results);
  const DeviceArray<float> x(size_t{num_rows} * width);
  Batch batch = {};
  batch.tokens = device_tokens.get();
  batch.num_rows = num_rows;
  std::string fault = trial.Run({CopyOf(device_tokens, token_source, tokens.size())}, [&](const Queue& queue) {
    return Embed(queue, batch, device_results.get(), embedding.view(), norm.device(), {x.get(), num_rows, width});
  });
  if (!fault.empty()) return fault;

  std::vector<float> expected;
  for (const uint32_t token : tokens) {
    std::vector<double> row;
    for (uint32_t c = 0; c < width; ++c) row.push_back(embedding.value(token, c));
    const std::vector<float> normalized = Norm(row, norm.host());
    expected.insert(expected.end(), normalized.begin(), normalized.end());
  }
  return FirstDifference("x", expected, x.Read(), kTolerance);
}

class EmbedTest : public ::testing::TestWithParam<WeightType> {};
INSTANTIATE_TEST_SUITE_P(Types, EmbedTest, ::testing::ValuesIn(kWeightTypes),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(EmbedTest, EveryWidthGivesTheNorms) {
  for (const uint32_t width : {192u, 77u, 5u, 1u, 600u, 2200u}) {
    SCOPED_TRACE(width);
    ExpectRight([&](const Trial& trial) { return EmbedFault(trial, GetParam(), width); }, 1);
  }
}

TEST_P(EmbedTest, EachBarrierIsNeeded) {
  ExpectEachBarrierIsNeeded([&](const Trial& trial) { return EmbedFault(trial, GetParam(), 300); }, 2);
}

TEST_P(EmbedTest, IndexFaultsAreSeen) {
  const KernelCase run = [&](const Trial& trial) { return EmbedFault(trial, GetParam(), 256); };
  ExpectIndexFaultsAreSeen(run);
  ExpectABlockTooManyIsSeen(run);
}

std::string NormOutputsFault(const Trial& trial, uint32_t width, const std::vector<uint32_t>& output_rows) {
  constexpr uint32_t kRows = 6;
  const auto num_outputs = static_cast<uint32_t>(output_rows.size());
  Random random(width);
  CaseRows x(random.Floats(size_t{kRows} * width), kRows, width);
  const CaseNorm norm(width, kEpsilon, random);
  const DeviceArray<uint32_t> row_source(output_rows), device_rows(output_rows.size());
  const DeviceArray<float> hidden(size_t{num_outputs} * width);
  const DeviceArray<uint16_t> rounded(size_t{num_outputs} * width);
  Batch batch = {};
  batch.output_rows = device_rows.get();
  batch.num_rows = kRows;
  batch.num_outputs = num_outputs;
  const std::string fault =
      trial.Run({x.copy(), CopyOf(device_rows, row_source, output_rows.size())}, [&](const Queue& queue) {
        return NormOutputs(queue, batch, x.device(), norm.device(), {hidden.get(), num_outputs, width},
                           {rounded.get(), Inputs::kF16});
      });
  if (!fault.empty()) return fault;

  std::vector<float> expected;
  for (const uint32_t row : output_rows) {
    const std::vector<double> values(x.host()[row], x.host()[row] + width);
    const std::vector<float> normalized = Norm(values, norm.host());
    expected.insert(expected.end(), normalized.begin(), normalized.end());
  }
  if (rounded.Read() != RoundedBits(hidden.Read(), Inputs::kF16)) return "the copy is another";
  return FirstDifference("hidden", expected, hidden.Read(), kTolerance);
}

TEST(NormOutputsTest, EveryWidthAndChoiceOfRowsGivesTheNorms) {
  for (const uint32_t width : {192u, 77u, 5u, 1u, 600u, 2200u}) {
    SCOPED_TRACE(width);
    ExpectRight([&](const Trial& trial) { return NormOutputsFault(trial, width, {5, 0, 3, 3}); });
  }
}

TEST(NormOutputsTest, NoOutputsAreNoWork) {
  const TestQueue queue;
  const Batch batch = {};
  EXPECT_EQ(NormOutputs(queue.get(), batch, {nullptr, 3, 64}, {}, {nullptr, 0, 64}), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(queue.get().stream), cudaSuccess);
}

TEST(NormOutputsTest, FaultsAreSeen) {
  const KernelCase run = [](const Trial& trial) { return NormOutputsFault(trial, 256, {5, 0, 3}); };
  ExpectEachBarrierIsNeeded(run, 2);
  ExpectIndexFaultsAreSeen(run);
  ExpectABlockTooManyIsSeen(run);
}

}  // namespace
}  // namespace skein::cuda
