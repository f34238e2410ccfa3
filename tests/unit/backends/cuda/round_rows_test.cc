#include <gtest/gtest.h>

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
