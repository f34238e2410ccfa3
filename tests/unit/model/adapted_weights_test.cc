#include "model/adapted_weights.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "skein/backend.h"
#include "skein/dtype.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

// Two matrices [2, 3] of ones.
class Ones final : public WeightSource {
 public:
  Ones() {
    for (TensorSpec& spec : specs_) {
      spec.role = SKEIN_ROLE_TIME_KEY;
      spec.dtype = SKEIN_DTYPE_F32;
      spec.layout = SKEIN_LAYOUT_PANELS;
      spec.shape = {2, 3};
      spec.source_name = "ones";
    }
  }
  absl::Span<const TensorSpec> tensors() const override { return specs_; }
  absl::StatusOr<StoredTensor> View(size_t, std::vector<uint8_t>&) const override {
    return StoredTensor{{SKEIN_DTYPE_F32, {2, 3}, {3, 1}, reinterpret_cast<const uint8_t*>(values_.data())}};
  }
  bool Generate(size_t, uint32_t, std::vector<uint8_t>& buffer) const override {
    buffer.assign(1, 7);
    return true;
  }

 private:
  std::vector<TensorSpec> specs_ = std::vector<TensorSpec>(2);
  const std::vector<float> values_ = std::vector<float>(6, 1);
};

AdapterTensor Tensor(std::vector<uint64_t> shape, std::vector<float> values) {
  return {"t", std::move(shape), [values = std::move(values)](float* out) {
            std::memcpy(out, values.data(), values.size() * sizeof(float));
            return absl::OkStatus();
          }};
}

// The values of the first tensor after `changes`.
std::vector<float> Merged(std::vector<TensorChange> changes) {
  const auto weights = AdaptWeights(SerialHost(), std::make_unique<Ones>(), "base", {std::move(changes), {}});
  std::vector<uint8_t> scratch;
  const auto stored = weights->View(0, scratch);
  EXPECT_TRUE(stored.ok()) << stored.status();
  std::vector<float> values(6);
  std::memcpy(values.data(), stored->view.data, sizeof(float) * 6);
  return values;
}

TEST(AdaptedWeightsTest, AddsTheTrainedProductAndTakesAwayTheInitialOne) {
  TensorChange change;
  change.scale = 2;
  change.trained = {Tensor({1, 3}, {1, 2, 3}), Tensor({2, 1}, {1, 10})};
  change.initial = {Tensor({1, 3}, {1, 1, 1}), Tensor({2, 1}, {1, 0})};
  EXPECT_THAT(Merged({change}), ElementsAre(1, 3, 5, 21, 41, 61));
}

TEST(AdaptedWeightsTest, RowsGetTheirLengthsAfterTheProduct) {
  TensorChange change;
  change.scale = 2;
  change.trained = {Tensor({1, 3}, {1, 1, 0}), Tensor({2, 1}, {0.5f, 1})};  // rows 2 2 1 and 3 3 1
  change.magnitude = Tensor({2}, {6, 2 * std::sqrt(19.0f)});
  EXPECT_THAT(Merged({change}), Pointwise(FloatNear(1e-6f), std::vector<float>{4, 4, 2, 6, 6, 2}));
}

TEST(AdaptedWeightsTest, ColumnsGetTheirLengthsWhereTheyAreMeant) {
  TensorChange change;
  change.trained = {Tensor({1, 3}, {2, 1, 0}), Tensor({2, 1}, {1, 1.5f})};  // columns 3 4, 2 2.5, 1 1
  change.magnitude = Tensor({3}, {10, std::sqrt(10.25f), std::sqrt(8.0f)});
  change.magnitude_is_of_columns = true;
  EXPECT_THAT(Merged({change}), Pointwise(FloatNear(1e-6f), std::vector<float>{6, 2, 2, 8, 2.5f, 2}));
}

TEST(AdaptedWeightsTest, ABlockWithFewerOutputsRepeatsItself) {
  TensorChange change;
  change.blocks = Tensor({2, 1}, {10, 20});
  change.block_order = BlockOrder::kByOutput;
  EXPECT_THAT(Merged({change}), ElementsAre(11, 21, 11, 11, 21, 11));
}

// W [2, 3] is two blocks of rows or three of columns, of 1 by 1.
TEST(AdaptedWeightsTest, OwnBlocksBelongToInputsOrToOutputs) {
  TensorChange by_input;
  by_input.blocks = Tensor({3, 1, 1}, {1, 2, 3});
  EXPECT_THAT(Merged({by_input}), ElementsAre(3, 5, 7, 3, 5, 7));
  TensorChange by_output;
  by_output.blocks = Tensor({2, 1, 1}, {1, 2});
  by_output.block_order = BlockOrder::kByOutput;
  EXPECT_THAT(Merged({by_output}), ElementsAre(3, 3, 3, 5, 5, 5));
}

TEST(AdaptedWeightsTest, LaterChangesFindWhatEarlierOnesLeft) {
  TensorChange replace;
  replace.replacement = Tensor({2, 3}, {0, 1, 2, 3, 4, 5});
  TensorChange add;
  add.blocks = Tensor({1, 2}, {10, 20});
  EXPECT_THAT(Merged({replace, add}), ElementsAre(10, 11, 12, 23, 24, 25));
  EXPECT_THAT(Merged({add, replace}), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(AdaptedWeightsTest, OnlyChangedTensorsLoseTheirTypeAndLayout) {
  TensorChange change;
  change.blocks = Tensor({1, 2}, {0, 0});
  const auto weights = AdaptWeights(SerialHost(), std::make_unique<Ones>(), "base", {{change}, {}});
  EXPECT_EQ(weights->tensors()[0].layout, SKEIN_LAYOUT_ROWS);
  EXPECT_EQ(weights->tensors()[1].layout, SKEIN_LAYOUT_PANELS);
  std::vector<uint8_t> buffer;
  EXPECT_FALSE(weights->Generate(0, SKEIN_DTYPE_F32, buffer));
  EXPECT_TRUE(weights->Generate(1, SKEIN_DTYPE_F32, buffer));
}

TEST(AdaptedWeightsTest, AFailedReadNamesTheAdapter) {
  TensorChange change;
  change.path = "lora.pth";
  change.replacement = {"t", {2, 3}, [](float*) { return absl::DataLossError("gone"); }};
  const auto weights = AdaptWeights(SerialHost(), std::make_unique<Ones>(), "base", {{change}, {}});
  std::vector<uint8_t> scratch;
  const absl::Status status = weights->View(0, scratch).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), "lora.pth: gone");
}

TEST(CheckChangeTest, PartsThatDoNotFitAreRefused) {
  TensorSpec spec;
  spec.shape = {2, 3};
  const auto refusal = [&](const TensorChange& change) { return std::string(CheckChange(spec, change).message()); };
  TensorChange change;
  change.trained.down = Tensor({1, 3}, {});
  EXPECT_THAT(refusal(change), HasSubstr("expected its lora_B beside it"));
  change.trained.up = Tensor({2, 4}, {});
  EXPECT_THAT(refusal(change), HasSubstr("expected [2, 1] to change [2, 3]"));
  change.trained.up = Tensor({2, 1}, {});
  EXPECT_EQ(refusal(change), "");
  change.blocks = Tensor({3, 3}, {});
  EXPECT_THAT(refusal(change), HasSubstr("expected [r, 2], or [3 / r, r, r]"));
  change.block_order = BlockOrder::kByOutput;
  EXPECT_THAT(refusal(change), HasSubstr("expected [r, 2], or [2 / r, r, r]"));
  change.blocks = Tensor({3, 1}, {});
  EXPECT_EQ(refusal(change), "");
  change.magnitude = Tensor({3}, {});
  EXPECT_THAT(refusal(change), HasSubstr("expected [2]"));
  change.magnitude_is_of_columns = true;
  EXPECT_EQ(refusal(change), "");
  change.trained = {};
  EXPECT_THAT(refusal(change), HasSubstr("expected the product of its lora_A and lora_B"));
}

}  // namespace
}  // namespace skein
