// Products whose sums are gated or blended on their way to memory.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {
namespace {

struct EndCase {
  WeightType type;
  Inputs inputs;
  uint32_t num_rows;
  bool is_tile;
};

class ProductEndsTest : public testing::TestWithParam<EndCase> {
 protected:
  static constexpr uint32_t kInputs = 72, kOutputs = 77;

  // Runs the product with an end, and compares each output with what `end_of` makes of (sum, element).
  template <typename EndOf>
  void ExpectOutputs(const std::vector<float>& before, const ProductEnd& end, const EndOf& end_of) {
    const EndCase& test = GetParam();
    Random random(1);
    const Weights weights(test.type, kOutputs, kInputs, random);
    const std::vector<float> in_values = random.Floats(size_t{test.num_rows} * kInputs);
    const DeviceRows in(in_values, test.num_rows, kInputs), out(before, test.num_rows, kOutputs);
    const ProductList list = ListOf({{weights.view(), in.rows(), out.rows(), kit::Then::kAdd, end}});
    const TestQueue queue;
    ASSERT_EQ(test.is_tile ? TileProducts(queue.get(), list, test.inputs) : RowProducts(queue.get(), list, test.inputs),
              cudaSuccess);
    const std::vector<float> found = out.Read();
    for (uint32_t i = 0; i < found.size(); ++i) {
      const double sum =
          ExpectedOutput(weights, in_values, i / kOutputs, i % kOutputs, test.inputs, kit::Then::kStore, 0).value;
      ASSERT_NEAR(found[i], end_of(sum, i), 1e-4) << "element " << i;
    }
  }

  std::vector<float> Values(uint32_t seed) { return Random(seed).Floats(size_t{GetParam().num_rows} * kOutputs); }
};

INSTANTIATE_TEST_SUITE_P(Paths, ProductEndsTest,
                         testing::Values(EndCase{WeightType::kF32, Inputs::kF32, 1, false},
                                         EndCase{WeightType::kF16, Inputs::kF16, 3, false},
                                         EndCase{WeightType::kQ4, Inputs::kF32, 7, false},
                                         EndCase{WeightType::kF16, Inputs::kF16, 11, true},
                                         EndCase{WeightType::kQ8, Inputs::kBf16, 20, true}));

TEST_P(ProductEndsTest, AGateMultipliesWhatIsAdded) {
  const std::vector<float> before = Values(2), gate = Values(3);
  const DeviceArray<float> gates(gate);
  ExpectOutputs(before, {.gate = gates.get()}, [&](double sum, uint32_t i) { return before[i] + gate[i] * sum; });
}

TEST_P(ProductEndsTest, AShiftBlendsTwoRowsByTheSum) {
  const std::vector<float> n = Values(4), n_before = Values(5), mix = Random(6).Floats(kOutputs);
  const DeviceArray<float> n_device(n), before_device(n_before), mix_device(mix);
  const std::vector<float> nothing(n.size(), std::numeric_limits<float>::quiet_NaN());
  ExpectOutputs(nothing, {.n = n_device.get(), .n_before = before_device.get(), .mix = mix_device.get()},
                [&](double sum, uint32_t i) { return n[i] + (n_before[i] - n[i]) * (mix[i % kOutputs] + sum); });
}

}  // namespace
}  // namespace skein::cuda
