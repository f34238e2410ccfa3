#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWidths[] = {1, 5, 8, 77, 192, 1030};

TEST(RoundRows, RowsAreRoundedAndFilledUpWithZeros) {
  TestQueue queue;
  Random random(1);
  for (const uint32_t width : kWidths) {
    for (const Inputs inputs : {Inputs::kF16, Inputs::kBf16}) {
      const uint32_t padded = (width + 7) / 8 * 8;
      const std::vector<float> values = random.Floats(size_t{3} * width);
      const DeviceRows in(values, 3, width);
      const DeviceArray<uint16_t> out(std::vector<uint16_t>(size_t{3} * padded, 0xFFFF));
      ASSERT_EQ(RoundRows(queue.get(), in.rows(), inputs, out.get()), cudaSuccess);
      std::vector<uint16_t> want(size_t{3} * padded);
      for (size_t i = 0; i < values.size(); ++i) {
        want[i / width * padded + i % width] = inputs == Inputs::kF16 ? F32ToF16(values[i]) : F32ToBf16(values[i]);
      }
      EXPECT_EQ(out.Read(), want) << width;
    }
  }
}

// A squared ReLU may leave the range of binary16; what is not finite is to be seen.
TEST(RoundRows, FiniteNumbersBeyondBinary16AreItsLargest) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  TestQueue queue;
  const DeviceRows in({1e5f, -3e38f, 65504.0f, 65535.0f, kInfinity, -kInfinity, 1.0f, 0.0f}, 1, 8);
  const DeviceArray<uint16_t> out(std::vector<uint16_t>(8, 0xFFFF));
  ASSERT_EQ(RoundRows(queue.get(), in.rows(), Inputs::kF16, out.get()), cudaSuccess);
  EXPECT_EQ(out.Read(), (std::vector<uint16_t>{0x7BFF, 0xFBFF, 0x7BFF, 0x7BFF, 0x7C00, 0xFC00, 0x3C00, 0}));
}

// Each path rounds on its own: one number among zeros, by itself.
TEST(Products, FiniteInputsBeyondBinary16AreItsLargest) {
  TestQueue queue;
  Random random(5);
  const Weights weights(WeightType::kF16, 1, 8, random);
  using Launcher = cudaError_t (*)(const Queue&, const ProductList&, Inputs);
  const auto tiles = [](const Queue& in_queue, const ProductList& list, Inputs inputs) {
    return TileProducts(in_queue, list, inputs);
  };
  for (const Launcher product : {Launcher{RowProducts}, Launcher{tiles}}) {
    for (const float x : {1e5f, -1e30f}) {
      const DeviceRows in({x, 0, 0, 0, 0, 0, 0, 0}, 1, 8), out = Poisoned(1, 1);
      ASSERT_EQ(
          product(queue.get(), ListOf({{weights.view(), in.rows(), out.rows(), kit::Then::kStore}}), Inputs::kF16),
          cudaSuccess);
      EXPECT_FLOAT_EQ(out.Read()[0], static_cast<float>(std::copysign(65504.0, x) * weights.value(0, 0)));
    }
    const DeviceRows nan({std::numeric_limits<float>::quiet_NaN(), 0, 0, 0, 0, 0, 0, 0}, 1, 8), out = Poisoned(1, 1);
    ASSERT_EQ(product(queue.get(), ListOf({{weights.view(), nan.rows(), out.rows(), kit::Then::kStore}}), Inputs::kF16),
              cudaSuccess);
    EXPECT_TRUE(std::isnan(out.Read()[0]));
  }
}

TEST(RoundRows, Float32IsNoRounding) {
  TestQueue queue;
  const DeviceRows in = Poisoned(1, 8);
  const DeviceArray<uint16_t> out(std::vector<uint16_t>(8));
  EXPECT_EQ(RoundRows(queue.get(), in.rows(), Inputs::kF32, out.get()), cudaErrorInvalidValue);
}

TEST(FinishProduct, EveryOperationIsDone) {
  TestQueue queue;
  Random random(2);
  for (const kit::Then then : {kit::Then::kStore, kit::Then::kTanh, kit::Then::kSigmoid, kit::Then::kSilu,
                               kit::Then::kReluSquare, kit::Then::kAdd}) {
    const std::vector<float> products = random.Floats(300), before = random.Floats(300);
    const DeviceRows product(products, 4, 75), out(before, 4, 75);
    ASSERT_EQ(FinishProduct(queue.get(), product.rows(), then, out.rows()), cudaSuccess);
    const std::vector<float> results = out.Read();
    for (size_t i = 0; i < results.size(); ++i) {
      const double want = AfterThen(then, products[i], before[i]);
      ASSERT_NEAR(results[i], want, 1e-6 * std::abs(want) + 1e-7) << i << " of operation " << static_cast<int>(then);
    }
  }
}

TEST(FinishProduct, TheProductMayLieInTheSamePlace) {
  TestQueue queue;
  const std::vector<float> products = Random(3).Floats(75);
  const DeviceRows out(products, 1, 75);
  ASSERT_EQ(FinishProduct(queue.get(), out.rows(), kit::Then::kReluSquare, out.rows()), cudaSuccess);
  const std::vector<float> results = out.Read();
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i], products[i] < 0 ? 0 : products[i] * products[i]);
  }
}

TEST(FinishProduct, OtherShapesAreRefused) {
  TestQueue queue;
  const DeviceRows wide = Poisoned(1, 8), narrow = Poisoned(1, 7);
  EXPECT_EQ(FinishProduct(queue.get(), wide.rows(), kit::Then::kStore, narrow.rows()), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace skein::cuda
