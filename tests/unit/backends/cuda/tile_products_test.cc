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

// Tails of every tile: rows (8, 16, 32, 64), outputs (64), inputs (a step of 16, a stage of 64, a group of 64 or 128,
// more stages than lie in shared memory).
constexpr Shape kShapes[] = {{192, 65, 5}, {77, 77, 8}, {24, 192, 9},   {16, 1, 16},   {8, 65, 17},
                             {20, 77, 32}, {1, 9, 33},  {1300, 33, 64}, {64, 64, 1},   {129, 17, 7},
                             {320, 5, 3},  {0, 3, 2},   {136, 70, 70},  {448, 64, 12}, {72, 8, 130}};

bool IsScaled(WeightType type) { return type == WeightType::kQ8 || type == WeightType::kQ4; }

constexpr WeightType kTileTypes[] = {WeightType::kF16, WeightType::kBf16, WeightType::kQ8, WeightType::kQ4};

Inputs InputsOf(WeightType type) { return type == WeightType::kF16 ? Inputs::kF16 : Inputs::kBf16; }

class TileProductsTest : public testing::TestWithParam<WeightType> {
 protected:
  const Inputs inputs_ = InputsOf(GetParam());
  TestQueue queue_;
};

INSTANTIATE_TEST_SUITE_P(Types, TileProductsTest, testing::ValuesIn(kTileTypes),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(TileProductsTest, EveryShapeGivesTheSums) {
  for (const Shape& shape : kShapes) {
    const TestProduct product(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows, kit::Then::kStore);
    ASSERT_EQ(TileProducts(queue_.get(), ListOf({product.product()}), inputs_), cudaSuccess);
    EXPECT_EQ(product.Difference(inputs_), "")
        << shape.num_inputs << " inputs, " << shape.num_outputs << " outputs, " << shape.num_rows << " rows";
  }
}

// Tails of every tile, and fewer stages than lie in shared memory, as many, and more.
constexpr Shape kRoundedShapes[] = {{192, 65, 5},  {8, 72, 8},     {24, 192, 9},  {64, 8, 17},   {512, 72, 32},
                                    {448, 64, 33}, {1304, 40, 64}, {136, 70, 70}, {72, 8, 130},  {384, 64, 12},
                                    {576, 16, 64}, {2600, 72, 30}, {1024, 8, 16}, {2048, 24, 64}};

TEST_P(TileProductsTest, RoundedInputsGiveTheBitsOfFloats) {
  const TestPartScratch scratch;
  for (const Shape& shape : kRoundedShapes) {
    for (const kit::Then then : {kit::Then::kReluSquare, kit::Then::kAdd}) {
      TestProduct plain(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows, then);
      ASSERT_EQ(TileProducts(queue_.get(), ListOf({plain.product()}), inputs_), cudaSuccess);
      for (const bool is_split : {false, true}) {
        TestProduct rounded(GetParam(), shape.num_inputs, shape.num_outputs, shape.num_rows, then);
        DeviceProduct product = rounded.RoundedProduct(queue_.get(), inputs_);
        product.in.data = IsScaled(GetParam()) ? product.in.data : nullptr;  // floats are not looked at
        ASSERT_EQ(TileProducts(queue_.get(), ListOf({product}), inputs_, is_split ? scratch.get() : PartScratch()),
                  cudaSuccess);
        EXPECT_EQ(rounded.Read(), plain.Read()) << shape.num_inputs << " inputs, " << shape.num_rows << " rows";
        EXPECT_EQ(rounded.ReadRounded(), RoundedBits(plain.Read(), inputs_));
      }
    }
  }
}

TEST_P(TileProductsTest, AListWithoutACopyOfEachInputTakesFloats) {
  TestProduct first(GetParam(), 64, 24, 9, kit::Then::kStore, 1);
  const TestProduct second(GetParam(), 64, 24, 9, kit::Then::kStore, 2);
  ASSERT_EQ(
      TileProducts(queue_.get(), ListOf({first.RoundedProduct(queue_.get(), inputs_), second.product()}), inputs_),
      cudaSuccess);
  EXPECT_EQ(first.Difference(inputs_), "");
  EXPECT_EQ(second.Difference(inputs_), "");
}

TEST_P(TileProductsTest, AListOfProductsSharesALaunchAndEachHasItsOperation) {
  constexpr Shape kListed[] = {{192, 65, 6}, {8, 8, 6}, {24, 1, 6}, {20, 77, 6}, {77, 24, 6}, {1, 130, 6}};
  constexpr kit::Then kThens[] = {kit::Then::kStore, kit::Then::kTanh,       kit::Then::kSigmoid,
                                  kit::Then::kSilu,  kit::Then::kReluSquare, kit::Then::kAdd};
  std::vector<std::unique_ptr<TestProduct>> cases;
  std::vector<DeviceProduct> products;
  for (size_t i = 0; i < std::size(kListed); ++i) {
    cases.push_back(std::make_unique<TestProduct>(GetParam(), kListed[i].num_inputs, kListed[i].num_outputs,
                                                  kListed[i].num_rows, kThens[i], i));
    products.push_back(cases.back()->product());
  }
  ASSERT_EQ(TileProducts(queue_.get(), ListOf(products), inputs_), cudaSuccess);
  for (const auto& product : cases) EXPECT_EQ(product->Difference(inputs_), "");
}

// A row's bits are the same alone, among others, and beside rows that are not finite.
TEST_P(TileProductsTest, ARowDoesNotKnowTheOthers) {
  constexpr uint32_t kInputs = 200, kOutputs = 19;
  Random random(3);
  const Weights weights(GetParam(), kOutputs, kInputs, random);
  const std::vector<float> row = random.Floats(kInputs);
  const auto run = [&](uint32_t count, uint32_t place) {
    std::vector<float> values(size_t{count} * kInputs, std::numeric_limits<float>::infinity());
    std::copy(row.begin(), row.end(), values.begin() + size_t{place} * kInputs);
    const DeviceRows in(values, count, kInputs), out = Poisoned(count, kOutputs);
    EXPECT_EQ(TileProducts(queue_.get(), ListOf({{weights.view(), in.rows(), out.rows(), kit::Then::kStore}}), inputs_),
              cudaSuccess);
    const std::vector<float> results = out.Read();
    return std::vector<float>(results.begin() + place * kOutputs, results.begin() + (place + 1) * kOutputs);
  };
  const std::vector<float> alone = run(1, 0);
  for (const uint32_t count : {2u, 8u, 13u, 30u, 64u, 66u}) {
    EXPECT_EQ(run(count, 0), alone) << count;
    EXPECT_EQ(run(count, count - 1), alone) << count;
  }
}

// Parts of sums have the same bits in one block and in several, one launch after the other, beside products that have
// one part, and among other rows.
TEST_P(TileProductsTest, PartsInBlocksOfTheirOwnHaveTheSameBits) {
  const TestPartScratch scratch;
  constexpr Shape kListed[] = {{1300, 70, 0}, {64, 20, 0}, {2600, 130, 0}, {1024, 3, 0}};
  std::vector<std::vector<float>> first_rows(std::size(kListed));
  for (const uint32_t num_rows : {1u, 8u, 13u, 30u, 64u, 66u}) {
    for (const bool is_split : {false, true, true}) {
      std::vector<std::unique_ptr<TestProduct>> cases;
      std::vector<DeviceProduct> products;
      for (const Shape& shape : kListed) {
        cases.push_back(std::make_unique<TestProduct>(GetParam(), shape.num_inputs, shape.num_outputs, num_rows,
                                                      kit::Then::kReluSquare));
        products.push_back(cases.back()->product());
      }
      ASSERT_EQ(TileProducts(queue_.get(), ListOf(products), inputs_, is_split ? scratch.get() : PartScratch()),
                cudaSuccess);
      for (size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(cases[i]->Difference(inputs_), "") << num_rows << " rows, split: " << is_split;
        std::vector<float> row = cases[i]->Read();
        row.resize(kListed[i].num_outputs);
        if (first_rows[i].empty()) first_rows[i] = row;
        EXPECT_EQ(row, first_rows[i]) << num_rows << " rows, split: " << is_split;
      }
    }
  }
}

// 2600 inputs are parts of 768, and zeros add nothing to the others.
TEST_P(TileProductsTest, PartsAreAddedInTheirOrder) {
  constexpr uint32_t kInputs = 2600, kPart = 768;
  Random random(4);
  const Weights weights(GetParam(), 1, kInputs, random);
  const std::vector<float> values = random.Floats(kInputs);
  const auto sum_of = [&](uint32_t begin, uint32_t end) {
    std::vector<float> part(kInputs, 0);
    std::copy(values.begin() + begin, values.begin() + end, part.begin() + begin);
    const DeviceRows in(part, 1, kInputs), out = Poisoned(1, 1);
    EXPECT_EQ(TileProducts(queue_.get(), ListOf({{weights.view(), in.rows(), out.rows(), kit::Then::kStore}}), inputs_),
              cudaSuccess);
    return out.Read()[0];
  };
  float sum = 0;
  for (uint32_t begin = 0; begin < kInputs; begin += kPart) sum += sum_of(begin, std::min(begin + kPart, kInputs));
  EXPECT_EQ(sum_of(0, kInputs), sum);
}

TEST(TileProducts, AnotherMixIsNotSupported) {
  TestQueue queue;
  const TestProduct f32(WeightType::kF32, 8, 8, 1, kit::Then::kStore),
      f16(WeightType::kF16, 8, 8, 1, kit::Then::kStore);
  const TestProduct q8(WeightType::kQ8, 8, 8, 1, kit::Then::kStore);
  EXPECT_EQ(TileProducts(queue.get(), ListOf({f32.product()}), Inputs::kF32), cudaErrorNotSupported);
  EXPECT_EQ(TileProducts(queue.get(), ListOf({f32.product()}), Inputs::kBf16), cudaErrorNotSupported);
  EXPECT_EQ(TileProducts(queue.get(), ListOf({f16.product()}), Inputs::kBf16), cudaErrorNotSupported);
  EXPECT_EQ(TileProducts(queue.get(), ListOf({f16.product()}), Inputs::kF32), cudaErrorNotSupported);
  EXPECT_EQ(TileProducts(queue.get(), ListOf({q8.product()}), Inputs::kF16), cudaErrorNotSupported);
}

TEST(TileProducts, BeforeCapability80ItIsNotSupported) {
  emulator::Options options;
  options.capability = 75;
  emulator::Configure(options);
  {
    TestQueue queue;
    const TestProduct product(WeightType::kF16, 8, 8, 1, kit::Then::kStore);
    EXPECT_EQ(TileProducts(queue.get(), ListOf({product.product()}), Inputs::kF16), cudaErrorNotSupported);
    EXPECT_EQ(RowProducts(queue.get(), ListOf({product.product()}), Inputs::kF16), cudaSuccess);
  }
  emulator::Configure({});
}

TEST(TileProducts, NothingToDoIsNoError) {
  TestQueue queue;
  EXPECT_EQ(TileProducts(queue.get(), {}, Inputs::kBf16), cudaSuccess);
  const TestProduct none(WeightType::kF16, 8, 8, 0, kit::Then::kStore);
  EXPECT_EQ(TileProducts(queue.get(), ListOf({none.product()}), Inputs::kF16), cudaSuccess);
}

}  // namespace
}  // namespace skein::cuda
