#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "cuda_emulator/control.h"
#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

struct Shape {
  uint32_t num_inputs, num_outputs, num_rows;
};

// A width of 192, a vocabulary of 77, the ranks of small models, inputs of several chunks, and tails of everything.
constexpr Shape kShapes[] = {{192, 65, 1},  {77, 77, 3},  {24, 192, 2},  {16, 1, 4},    {8, 65, 5},
                             {20, 77, 1},   {1, 9, 1},    {3, 5, 70},    {1300, 33, 4}, {2100, 5, 2},
                             {4200, 9, 1},  {256, 16, 6}, {129, 17, 2},  {4104, 3, 7},  {0, 3, 2},
                             {5000, 10, 1}, {3073, 7, 1}, {4100, 13, 1}, {64, 8, 4}};

class RowProductsTest : public testing::TestWithParam<WeightType> {
 protected:
  std::string DifferenceOf(const Shape& shape, Inputs inputs, kit::Then then) {
    const TestProduct product(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows, then);
    EXPECT_EQ(RowProducts(queue_.get(), ListOf({product.product()}), inputs), cudaSuccess);
    return product.Difference(inputs);
  }

  TestQueue queue_;
};

INSTANTIATE_TEST_SUITE_P(Types, RowProductsTest, testing::ValuesIn(kWeightTypes),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(RowProductsTest, EveryShapeGivesTheSums) {
  for (const Shape& shape : kShapes) {
    EXPECT_EQ(DifferenceOf(shape, Inputs::kF32, kit::Then::kStore), "")
        << shape.num_inputs << " inputs, " << shape.num_outputs << " outputs, " << shape.num_rows << " rows";
  }
}

TEST_P(RowProductsTest, InputsAreRoundedAsTold) {
  for (const Inputs inputs : {Inputs::kF16, Inputs::kBf16}) {
    EXPECT_EQ(DifferenceOf({192, 17, 3}, inputs, kit::Then::kStore), "") << static_cast<int>(inputs);
  }
}

TEST_P(RowProductsTest, EveryOperationIsDone) {
  for (const kit::Then then :
       {kit::Then::kTanh, kit::Then::kSigmoid, kit::Then::kSilu, kit::Then::kReluSquare, kit::Then::kAdd}) {
    EXPECT_EQ(DifferenceOf({20, 19, 2}, Inputs::kF32, then), "") << static_cast<int>(then);
  }
}

// Blocks of a launch that has few of them make half as many outputs, one row's inputs come by themselves where they are
// aligned: neither changes a bit.
TEST_P(RowProductsTest, AFewBlocksGiveTheBitsOfMany) {
  for (const uint32_t num_inputs : {2100u, 4104u}) {
    const TestProduct alone(GetParam(), num_inputs, 21, 1, kit::Then::kStore);
    const TestProduct among(GetParam(), num_inputs, 21, 1, kit::Then::kStore);
    const TestProduct wide(GetParam(), 8, 1480, 1, kit::Then::kStore);
    for (const Inputs inputs : {Inputs::kF32, Inputs::kF16}) {
      const uint64_t before = emulator::CurrentCounters().num_blocks;
      EXPECT_EQ(RowProducts(queue_.get(), ListOf({alone.product()}), inputs), cudaSuccess);
      const std::vector<float> found = alone.Read();
      const uint64_t wanted = GetParam() == WeightType::kQ4 ? 3 : 6;
      EXPECT_EQ(emulator::CurrentCounters().num_blocks - before, wanted);
      EXPECT_EQ(RowProducts(queue_.get(), ListOf({among.product(), wide.product()}), inputs), cudaSuccess);
      EXPECT_EQ(found, among.Read()) << num_inputs;
      EXPECT_EQ(alone.Difference(inputs), "");
    }
  }
}

TEST_P(RowProductsTest, AListOfProductsSharesALaunch) {
  std::vector<std::unique_ptr<TestProduct>> cases;
  std::vector<DeviceProduct> products;
  constexpr Shape kListed[kMaxProducts] = {{192, 65, 3}, {8, 8, 3}, {24, 1, 3}, {20, 77, 3},
                                           {77, 24, 3},  {1, 9, 3}, {0, 5, 3},  {192, 16, 3}};
  for (const Shape& shape : kListed) {
    cases.push_back(std::make_unique<TestProduct>(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows,
                                                  kit::Then::kAdd, cases.size()));
    products.push_back(cases.back()->product());
  }
  ASSERT_EQ(RowProducts(queue_.get(), ListOf(products), Inputs::kF32), cudaSuccess);
  for (const auto& product : cases) EXPECT_EQ(product->Difference(Inputs::kF32), "");
}

// A row's bits are the same alone, among others, and beside rows that are not finite.
TEST_P(RowProductsTest, ARowDoesNotKnowTheOthers) {
  constexpr uint32_t kInputs = 1300, kOutputs = 37, kRows = 7;
  Random random(3);
  const Weights weights(GetParam(), kOutputs, kInputs, random);
  const std::vector<float> row = random.Floats(kInputs);
  const auto run = [&](uint32_t count, uint32_t place) {
    std::vector<float> values(size_t{count} * kInputs, std::numeric_limits<float>::infinity());
    std::copy(row.begin(), row.end(), values.begin() + size_t{place} * kInputs);
    const DeviceRows in(values, count, kInputs), out = Poisoned(count, kOutputs);
    EXPECT_EQ(
        RowProducts(queue_.get(), ListOf({{weights.view(), in.rows(), out.rows(), kit::Then::kStore}}), Inputs::kF32),
        cudaSuccess);
    const std::vector<float> results = out.Read();
    return std::vector<float>(results.begin() + place * kOutputs, results.begin() + (place + 1) * kOutputs);
  };
  const std::vector<float> alone = run(1, 0);
  for (uint32_t count = 2; count <= kRows; ++count) {
    for (uint32_t place = 0; place < count; ++place) EXPECT_EQ(run(count, place), alone) << place << " of " << count;
  }
}

TEST_P(RowProductsTest, RowsThatAreNotAlignedAreRead) {
  const TestProduct whole(GetParam(), 64, 9, 3, kit::Then::kStore);
  DeviceProduct last = whole.product();
  Random random(4);
  const Weights weights(GetParam(), 9, 64, random);
  std::vector<float> values = random.Floats(1 + 2 * 64);
  const DeviceRows in(values, 1, values.size()), out = Poisoned(2, 9);
  last.weight = weights.view();
  last.in = {in.rows().data + 1, 2, 64};
  last.out = out.rows();
  ASSERT_EQ(RowProducts(queue_.get(), ListOf({last}), Inputs::kF32), cudaSuccess);
  values.erase(values.begin());
  EXPECT_EQ(Difference(weights, values, std::vector<float>(18), out.Read(), Inputs::kF32, kit::Then::kStore), "");
}

TEST(RowProducts, NothingToDoIsNoError) {
  TestQueue queue;
  EXPECT_EQ(RowProducts(queue.get(), {}, Inputs::kF32), cudaSuccess);
  const TestProduct none(WeightType::kF32, 8, 8, 0, kit::Then::kStore);
  EXPECT_EQ(RowProducts(queue.get(), ListOf({none.product()}), Inputs::kF32), cudaSuccess);
}

TEST(RowProducts, AListThatDoesNotFitTogetherIsRefused) {
  TestQueue queue;
  const TestProduct one(WeightType::kF32, 8, 8, 1, kit::Then::kStore),
      two(WeightType::kF32, 8, 8, 2, kit::Then::kStore);
  const TestProduct half(WeightType::kF16, 8, 8, 1, kit::Then::kStore);
  EXPECT_EQ(RowProducts(queue.get(), ListOf({one.product(), two.product()}), Inputs::kF32), cudaErrorInvalidValue);
  EXPECT_EQ(RowProducts(queue.get(), ListOf({one.product(), half.product()}), Inputs::kF32), cudaErrorInvalidValue);
  DeviceProduct narrow = one.product();
  narrow.in.width = 7;
  EXPECT_EQ(RowProducts(queue.get(), ListOf({narrow}), Inputs::kF32), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace skein::cuda
