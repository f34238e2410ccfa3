#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

struct Shape {
  uint32_t num_inputs, num_outputs, num_rows;
};

// A width of 192, a vocabulary of 77, the ranks of small models, several rounds of groups, and tails of everything.
constexpr Shape kShapes[] = {{192, 65, 1}, {77, 77, 3},  {24, 192, 2},  {16, 1, 4},   {8, 65, 4},   {20, 77, 1},
                             {1, 9, 1},    {3, 5, 2},    {1300, 33, 4}, {2100, 5, 2}, {4200, 9, 1}, {256, 16, 3},
                             {129, 17, 2}, {4104, 3, 1}, {0, 3, 2},     {64, 8, 4},   {2048, 16, 1}};

class NibbleProductsTest : public testing::Test {
 protected:
  std::string DifferenceOf(const Shape& shape, Inputs inputs, kit::Then then) {
    const TestProduct product(WeightType::kQ4, shape.num_inputs, shape.num_outputs, shape.num_rows, then);
    EXPECT_EQ(NibbleProducts(queue_.get(), ListOf({product.product()}), inputs), cudaSuccess);
    return product.Difference(inputs);
  }

  TestQueue queue_;
};

// With the tolerance of float32: no input is rounded.
TEST_F(NibbleProductsTest, EveryShapeGivesTheSums) {
  for (const Shape& shape : kShapes) {
    EXPECT_EQ(DifferenceOf(shape, Inputs::kF32, kit::Then::kStore), "")
        << shape.num_inputs << " inputs, " << shape.num_outputs << " outputs, " << shape.num_rows << " rows";
  }
}

TEST_F(NibbleProductsTest, InputsAreRoundedAsTold) {
  for (const Inputs inputs : {Inputs::kF16, Inputs::kBf16}) {
    EXPECT_EQ(DifferenceOf({192, 17, 3}, inputs, kit::Then::kStore), "") << static_cast<int>(inputs);
  }
}

TEST_F(NibbleProductsTest, EveryOperationIsDone) {
  for (const kit::Then then :
       {kit::Then::kTanh, kit::Then::kSigmoid, kit::Then::kSilu, kit::Then::kReluSquare, kit::Then::kAdd}) {
    EXPECT_EQ(DifferenceOf({20, 19, 2}, Inputs::kF32, then), "") << static_cast<int>(then);
  }
}

TEST_F(NibbleProductsTest, AListOfProductsSharesALaunch) {
  std::vector<std::unique_ptr<TestProduct>> cases;
  std::vector<DeviceProduct> products;
  constexpr Shape kListed[kMaxProducts] = {{192, 65, 3}, {8, 8, 3}, {24, 1, 3}, {20, 77, 3},
                                           {77, 24, 3},  {1, 9, 3}, {0, 5, 3},  {192, 16, 3}};
  for (const Shape& shape : kListed) {
    cases.push_back(std::make_unique<TestProduct>(WeightType::kQ4, shape.num_inputs, shape.num_outputs, shape.num_rows,
                                                  kit::Then::kAdd, cases.size()));
    products.push_back(cases.back()->product());
  }
  ASSERT_EQ(NibbleProducts(queue_.get(), ListOf(products), Inputs::kF32), cudaSuccess);
  for (const auto& product : cases) EXPECT_EQ(product->Difference(Inputs::kF32), "");
}

// A row's bits are the same alone, among others, and beside rows that are not finite. Large and small inputs keep all
// their bits.
TEST_F(NibbleProductsTest, ARowDoesNotKnowTheOthers) {
  constexpr uint32_t kInputs = 2300, kOutputs = 37, kRows = 4;
  Random random(3);
  const Weights weights(WeightType::kQ4, kOutputs, kInputs, random);
  std::vector<float> row = random.Floats(kInputs);
  for (size_t i = 0; i < row.size(); ++i) row[i] *= i % 3 == 0 ? 1e30f : 1e-3f;
  const auto run = [&](uint32_t count, uint32_t place) {
    std::vector<float> values(size_t{count} * kInputs, std::numeric_limits<float>::infinity());
    std::copy(row.begin(), row.end(), values.begin() + size_t{place} * kInputs);
    const DeviceRows in(values, count, kInputs), out = Poisoned(count, kOutputs);
    EXPECT_EQ(NibbleProducts(queue_.get(), ListOf({{weights.view(), in.rows(), out.rows(), kit::Then::kStore}}),
                             Inputs::kF32),
              cudaSuccess);
    const std::vector<float> results = out.Read();
    for (uint32_t i = 0; i < results.size(); ++i) {
      EXPECT_EQ(std::isfinite(results[i]), i / kOutputs == place) << i;
    }
    return std::vector<float>(results.begin() + place * kOutputs, results.begin() + (place + 1) * kOutputs);
  };
  const std::vector<float> alone = run(1, 0);
  EXPECT_EQ(Difference(weights, row, std::vector<float>(kOutputs), alone, Inputs::kF32, kit::Then::kStore), "");
  for (uint32_t count = 2; count <= kRows; ++count) {
    for (uint32_t place = 0; place < count; ++place) EXPECT_EQ(run(count, place), alone) << place << " of " << count;
  }
}

TEST_F(NibbleProductsTest, RowsThatAreNotAlignedAreRead) {
  Random random(4);
  const Weights weights(WeightType::kQ4, 9, 64, random);
  std::vector<float> values = random.Floats(1 + 2 * 64);
  const DeviceRows in(values, 1, values.size()), out = Poisoned(2, 9);
  const DeviceProduct product = {weights.view(), {in.rows().data + 1, 2, 64}, out.rows(), kit::Then::kStore};
  ASSERT_EQ(NibbleProducts(queue_.get(), ListOf({product}), Inputs::kF32), cudaSuccess);
  values.erase(values.begin());
  EXPECT_EQ(Difference(weights, values, std::vector<float>(18), out.Read(), Inputs::kF32, kit::Then::kStore), "");
}

TEST_F(NibbleProductsTest, OtherTypesAndListsThatDoNotFitAreRefused) {
  EXPECT_EQ(NibbleProducts(queue_.get(), {}, Inputs::kF32), cudaSuccess);
  const TestProduct codes(WeightType::kQ8, 8, 8, 1, kit::Then::kStore),
      one(WeightType::kQ4, 8, 8, 1, kit::Then::kStore), two(WeightType::kQ4, 8, 8, 2, kit::Then::kStore);
  EXPECT_EQ(NibbleProducts(queue_.get(), ListOf({codes.product()}), Inputs::kF32), cudaErrorNotSupported);
  EXPECT_EQ(NibbleProducts(queue_.get(), ListOf({one.product(), two.product()}), Inputs::kF32), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace skein::cuda
