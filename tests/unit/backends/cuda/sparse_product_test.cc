#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

struct Shape {
  uint32_t num_inputs, num_outputs, num_rows;
};

// Slices of 512 inputs, outputs in blocks of 256, with their tails.
constexpr Shape kShapes[] = {{192, 48, 1}, {768, 192, 2}, {1, 1, 1},    {513, 257, 4},
                             {77, 5, 3},   {512, 256, 1}, {1600, 8, 2}, {20, 300, 4}};

// W transposed with its rows of inputs and outputs. The shares of zeros are the hundredths of each input.
class SparseCase {
 public:
  SparseCase(WeightType type, const Shape& shape, uint32_t zeros, kit::Then then)
      : then_(then),
        random_(shape.num_inputs + zeros),
        columns_(type, shape.num_inputs, shape.num_outputs, random_),
        in_values_(InputValues(shape, zeros)),
        before_(random_.Floats(size_t{shape.num_rows} * shape.num_outputs)),
        in_(in_values_, shape.num_rows, shape.num_inputs),
        out_(before_, shape.num_rows, shape.num_outputs),
        scratch_(std::vector<float>(SparseScratchFloats(shape.num_inputs, shape.num_outputs),
                                    std::numeric_limits<float>::quiet_NaN())) {}

  cudaError_t Run(const Queue& queue, Inputs inputs) const {
    return SparseProduct(queue, {{}, in_.rows(), out_.rows(), then_}, columns_.view(), inputs, scratch_.get());
  }

  // The first output that is not what it should be, or "".
  std::string Difference(Inputs inputs) const {
    const std::vector<float> out = out_.Read();
    const uint32_t num_inputs = columns_.num_inputs(), num_outputs = columns_.num_outputs();
    for (uint32_t i = 0; i < out.size(); ++i) {
      double sum = 0, magnitude = 0;
      for (uint32_t c = 0; c < num_inputs; ++c) {
        const float x = RoundedInput(in_values_[size_t{i / num_outputs} * num_inputs + c], inputs);
        const double product = columns_.value(c, i % num_outputs) * static_cast<double>(x);
        sum += product;
        magnitude += std::abs(product);
      }
      const double want = AfterThen(then_, sum, before_[i]);
      if (std::abs(out[i] - want) <= 0x1p-20 * magnitude + 0x1p-21 * std::abs(want)) continue;
      return "row " + std::to_string(i / num_outputs) + ", output " + std::to_string(i % num_outputs) + ": expected " +
             std::to_string(want) + ", found " + std::to_string(out[i]);
    }
    return "";
  }

  const TurnedWeights& columns() const { return columns_; }
  const std::vector<float>& in_values() const { return in_values_; }

 private:
  std::vector<float> InputValues(const Shape& shape, uint32_t zeros) {
    std::vector<float> values = random_.Floats(size_t{shape.num_rows} * shape.num_inputs);
    for (size_t i = 0; i < values.size(); ++i) {
      if (i * 61 % 100 < zeros) values[i] = 0;
    }
    return values;
  }

  kit::Then then_;
  Random random_;
  TurnedWeights columns_;
  std::vector<float> in_values_;
  std::vector<float> before_;
  DeviceRows in_;
  DeviceRows out_;
  DeviceArray<float> scratch_;
};

class SparseProductTest : public testing::TestWithParam<WeightType> {
 protected:
  TestQueue queue_;
};

INSTANTIATE_TEST_SUITE_P(Types, SparseProductTest,
                         testing::Values(WeightType::kF16, WeightType::kBf16, WeightType::kQ8, WeightType::kQ4),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(SparseProductTest, EveryShapeGivesTheSums) {
  for (const Shape& shape : kShapes) {
    const SparseCase product(GetParam(), shape, 86, kit::Then::kAdd);
    ASSERT_EQ(product.Run(queue_.get(), Inputs::kF16), cudaSuccess);
    EXPECT_EQ(product.Difference(Inputs::kF16), "")
        << shape.num_inputs << " inputs, " << shape.num_outputs << " outputs, " << shape.num_rows << " rows";
  }
}

TEST_P(SparseProductTest, AnyShareOfZerosGivesTheSums) {
  for (const uint32_t zeros : {0u, 50u, 99u, 100u}) {
    const SparseCase product(GetParam(), {700, 40, 2}, zeros, kit::Then::kStore);
    ASSERT_EQ(product.Run(queue_.get(), Inputs::kBf16), cudaSuccess);
    EXPECT_EQ(product.Difference(Inputs::kBf16), "") << zeros << " of 100";
  }
}

TEST_P(SparseProductTest, ARowDoesNotKnowTheOthers) {
  constexpr uint32_t kInputs = 700, kOutputs = 40;
  const SparseCase product(GetParam(), {kInputs, kOutputs, 1}, 86, kit::Then::kStore);
  const DeviceArray<float> scratch(std::vector<float>(SparseScratchFloats(kInputs, kOutputs)));
  const auto run = [&](uint32_t count, uint32_t place) {
    std::vector<float> values(size_t{count} * kInputs, std::numeric_limits<float>::infinity());
    std::copy(product.in_values().begin(), product.in_values().end(), values.begin() + size_t{place} * kInputs);
    const DeviceRows in(values, count, kInputs), out = Poisoned(count, kOutputs);
    EXPECT_EQ(SparseProduct(queue_.get(), {{}, in.rows(), out.rows(), kit::Then::kStore}, product.columns().view(),
                            Inputs::kF32, scratch.get()),
              cudaSuccess);
    const std::vector<float> results = out.Read();
    return std::vector<float>(results.begin() + place * kOutputs, results.begin() + (place + 1) * kOutputs);
  };
  const std::vector<float> alone = run(1, 0);
  for (uint32_t count = 2; count <= 4; ++count) {
    for (uint32_t place = 0; place < count; ++place) EXPECT_EQ(run(count, place), alone) << place << " of " << count;
  }
}

TEST_P(SparseProductTest, AnInputThatIsNoNumberReachesTheOutputs) {
  SparseCase product(GetParam(), {700, 40, 1}, 86, kit::Then::kStore);
  std::vector<float> values = product.in_values();
  values[650] = std::numeric_limits<float>::quiet_NaN();
  const DeviceRows in(values, 1, 700), out = Poisoned(1, 40);
  const DeviceArray<float> scratch(std::vector<float>(SparseScratchFloats(700, 40)));
  ASSERT_EQ(SparseProduct(queue_.get(), {{}, in.rows(), out.rows(), kit::Then::kReluSquare}, product.columns().view(),
                          Inputs::kF16, scratch.get()),
            cudaSuccess);
  for (const float value : out.Read()) EXPECT_TRUE(std::isnan(value));
}

TEST(SparseProduct, WhatItDoesNotTakeIsRefused) {
  TestQueue queue;
  const SparseCase five(WeightType::kF16, {8, 8, 5}, 0, kit::Then::kStore);
  EXPECT_EQ(five.Run(queue.get(), Inputs::kF16), cudaErrorInvalidValue);
  const SparseCase f32(WeightType::kF32, {8, 8, 1}, 0, kit::Then::kStore);
  EXPECT_EQ(f32.Run(queue.get(), Inputs::kF32), cudaErrorNotSupported);
}

}  // namespace
}  // namespace skein::cuda
