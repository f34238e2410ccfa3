#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

class ExpandCodesTest : public testing::TestWithParam<WeightType> {};

INSTANTIATE_TEST_SUITE_P(Types, ExpandCodesTest, testing::Values(WeightType::kQ8, WeightType::kQ4),
                         [](const auto& param_info) { return NameOf(param_info.param); });

TEST_P(ExpandCodesTest, EachWeightIsRoundedOnceAndRowsEndInZeros) {
  TestQueue queue;
  Random random(1);
  for (const auto& [num_outputs, num_inputs] : {std::pair{3u, 200u}, {17u, 64u}, {1u, 1u}, {2u, 9000u}}) {
    const Weights weights(GetParam(), num_outputs, num_inputs, random);
    const uint32_t row_bytes = ExpandedView(weights.view(), nullptr).row_bytes;
    ASSERT_EQ(row_bytes % 16, 0u);
    ASSERT_GE(row_bytes, 2 * num_inputs);
    const DeviceArray<uint16_t> out(std::vector<uint16_t>(size_t{num_outputs} * row_bytes / 2, 0xFFFF));
    ASSERT_EQ(ExpandCodes(queue.get(), weights.view(), out.get()), cudaSuccess);
    const std::vector<uint16_t> results = out.Read();
    for (size_t i = 0; i < results.size(); ++i) {
      const auto row = static_cast<uint32_t>(i / (row_bytes / 2)), column = static_cast<uint32_t>(i % (row_bytes / 2));
      const double value = column < num_inputs ? weights.value(row, column) : 0;
      ASSERT_EQ(Bf16ToF32(results[i]), Bf16ToF32(F32ToBf16(static_cast<float>(value)))) << row << ", " << column;
    }
  }
}

TEST(ExpandCodes, FloatsAreRefused) {
  TestQueue queue;
  Random random(1);
  const Weights weights(WeightType::kF16, 1, 8, random);
  EXPECT_EQ(ExpandCodes(queue.get(), weights.view(), nullptr), cudaErrorNotSupported);
}

}  // namespace
}  // namespace skein::cuda
