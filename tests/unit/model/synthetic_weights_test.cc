#include "model/synthetic_weights.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "files/describe.h"
#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/convert_dtype.h"
#include "model/fingerprint.h"
#include "numbers/roles.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;
using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<ModelFile>> Open(const std::string& path) {
  return OpenModelFile(absl::Span<const Plugin<skein_format_table>>(), SerialHost(), path, FileAccess::kMap);
}

std::unique_ptr<ModelFile> Small() { return *Open("synthetic:C=96,L=2,F=200,N=32,V=70,R_w=5"); }

// Tensor `index`, read as `dtype`, as float32.
std::vector<float> Values(const ModelFile& model, size_t index, uint32_t dtype) {
  std::vector<uint8_t> buffer;
  const auto data = model.ReadTensor(index, dtype, buffer);
  EXPECT_TRUE(data.ok()) << data.status();
  const std::vector<uint64_t>& shape = model.tensors()[index].shape;
  const uint64_t num_rows = shape.size() == 1 ? 1 : shape[0];
  uint64_t row_bytes = 0;
  PackedBytes(*FindDtype(dtype), {shape.back()}, &row_bytes);
  EXPECT_EQ(data->size_bytes, num_rows * row_bytes);
  std::vector<float> values(num_rows * shape.back());
  for (uint64_t row = 0; row < num_rows; ++row) {
    ToF32(dtype, static_cast<const uint8_t*>(data->data) + row * row_bytes, 0, shape.back(),
          values.data() + row * shape.back());
  }
  return values;
}

TEST(SyntheticWeightsTest, NamedShapesHaveTheParametersOfThePublishedModels) {
  const struct {
    const char* path;
    uint64_t num_parameters;
  } cases[] = {{"synthetic:0.1B", 191034624},
               {"synthetic:0.4B", 450767872},
               {"synthetic:1.5B", 1527404544},
               {"synthetic:2.9B", 2947735040}};
  for (const auto& c : cases) {
    const auto model = Open(c.path);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(NumParameters(**model), c.num_parameters) << c.path;
    EXPECT_EQ((*model)->config().vocab_size, 65536u);
  }
  EXPECT_NEAR(static_cast<double>(NumParameters(**Open("synthetic:7.2B"))), 7.2e9, 0.01e9);
}

TEST(SyntheticWeightsTest, DimensionsCanBeGivenByLetter) {
  const ModelConfig config = Small()->config();
  EXPECT_EQ(config.d_model, 96u);
  EXPECT_EQ(config.num_layers, 2u);
  EXPECT_EQ(config.d_ffn, 200u);
  EXPECT_EQ(config.num_heads, 3u);
  EXPECT_EQ(config.vocab_size, 70u);
  EXPECT_EQ(config.rank_decay, 5u);
}

TEST(SyntheticWeightsTest, DimensionsThatAreLeftOutHaveThePublishedProportions) {
  const ModelConfig config = (*Open("synthetic:C=2048,L=3"))->config();
  EXPECT_EQ(config.d_ffn, 8192u);
  EXPECT_EQ(config.head_size, 64u);
  EXPECT_EQ(config.vocab_size, 65536u);
  EXPECT_EQ(config.rank_decay, 96u);
  EXPECT_EQ(config.rank_iclr, 96u);
  EXPECT_EQ(config.rank_value, 64u);
  EXPECT_EQ(config.rank_gate, 256u);
  EXPECT_EQ((*Open("synthetic:C=64,L=1"))->config().rank_value, 0u);
}

TEST(SyntheticWeightsTest, ShapesThatAreNoneAreRefused) {
  for (const char* shape : {"", "0.3B", "C=64", "L=2", "C=64,L=0", "C=64,L=2,", "C=64,L=2,X=3", "C=64,L=-2", "C,L=2",
                            "C=100,L=2", "C=99999999999,L=2", "C=64,L=2000"}) {
    const absl::Status status = Open(std::string("synthetic:") + shape).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << shape;
    EXPECT_THAT(std::string(status.message()), HasSubstr("shape \"" + std::string(shape) + "\"")) << shape;
  }
}

TEST(SyntheticWeightsTest, EveryTypeHoldsTheSameValues) {
  const auto model = Small();
  for (size_t i = 0; i < model->tensors().size(); ++i) {
    const TensorSpec& spec = model->tensors()[i];
    const std::vector<float> expected = Values(*model, i, SKEIN_DTYPE_F32);
    EXPECT_EQ(Values(*model, i, SKEIN_DTYPE_F16), expected) << spec.source_name;
    EXPECT_EQ(Values(*model, i, SKEIN_DTYPE_BF16), expected) << spec.source_name;
    if (!IsMatrixRole(spec.role)) continue;
    EXPECT_EQ(Values(*model, i, SKEIN_DTYPE_Q8), expected) << spec.source_name;
    EXPECT_EQ(Values(*model, i, SKEIN_DTYPE_Q4), expected) << spec.source_name;
  }
}

TEST(SyntheticWeightsTest, ProductsKeepTheSizeOfTheirInputs) {
  const auto model = Small();
  for (size_t i = 0; i < model->tensors().size(); ++i) {
    const TensorSpec& spec = model->tensors()[i];
    if (!IsMatrixRole(spec.role) || spec.shape[0] < 32) continue;
    double squares = 0;
    for (const float value : Values(*model, i, SKEIN_DTYPE_F32)) squares += value * value;
    const double gain = std::sqrt(squares / static_cast<double>(spec.shape[0]));
    EXPECT_GT(gain, 0.6) << spec.source_name;
    EXPECT_LT(gain, 1.7) << spec.source_name;
  }
}

TEST(SyntheticWeightsTest, NoTwoMatricesAreAlike) {
  const auto model = Small();
  std::vector<std::vector<float>> rows;
  for (size_t i = 0; i < model->tensors().size(); ++i) {
    if (!IsMatrixRole(model->tensors()[i].role) || model->tensors()[i].shape.back() < 32) continue;
    std::vector<float> signs = Values(*model, i, SKEIN_DTYPE_F32);
    signs.resize(32);
    for (float& value : signs) value = value < 0 ? -1.0f : 1.0f;
    EXPECT_THAT(rows, ::testing::Not(::testing::Contains(signs))) << model->tensors()[i].source_name;
    rows.push_back(signs);
  }
}

TEST(SyntheticWeightsTest, TheFingerprintIsThatOfTheValues) {
  const auto model = Small();
  FingerprintBuilder builder(model->config().generation, model->config().variant);
  for (size_t i = 0; i < model->tensors().size(); ++i) {
    const std::vector<float> values = Values(*model, i, SKEIN_DTYPE_F32);
    const TensorSpec& spec = model->tensors()[i];
    builder.AddTensor(spec.role, spec.layer, spec.shape, Checksum(values.data(), values.size() * sizeof(float)));
  }
  EXPECT_EQ(*model->Fingerprint(), builder.Finish());
}

TEST(SyntheticWeightsTest, TheFingerprintEndsEarlyWhenItIsToldTo) {
  const auto model = Small();
  int num_asked = 0;
  const absl::Status status = model->ComputeFingerprintAhead(
      [&] { return ++num_asked < 5 ? absl::OkStatus() : absl::CancelledError("enough"); });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(num_asked, 5);
}

TEST(SyntheticWeightsTest, ChecksAndFingerprintReadTheSameValues) {
  const auto model = Small();
  EXPECT_TRUE(model->Verify(nullptr).ok());
  EXPECT_EQ(*model->Fingerprint(), *Small()->Fingerprint());
  EXPECT_NE(*model->Fingerprint(), *(*Open("synthetic:C=96,L=2,F=200,N=32,V=71,R_w=5"))->Fingerprint());
}

}  // namespace
}  // namespace skein
