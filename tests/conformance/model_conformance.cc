#include "tests/conformance/model_conformance.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "tests/conformance/float64_stream.h"

namespace skein::conformance {

std::vector<SyntheticShape> AllShapes() {
  constexpr uint32_t kF32 = SKEIN_DTYPE_F32, kF16 = SKEIN_DTYPE_F16, kBf16 = SKEIN_DTYPE_BF16;
  // clang-format off
  return {
      // generation, variant, L, C, A, N, F, V, ranks m w a v g, matrix types
      {"Rwkv4Odd", 4, 0, 3, 96, 160, 0, 200, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv4Bf16", 4, 0, 2, 64, 64, 0, 256, 50, 0, 0, 0, 0, 0, {kBf16}},
      {"Rwkv4Narrow", 4, 0, 2, 33, 17, 0, 31, 19, 0, 0, 0, 0, 0, {kF16, kF32, kBf16}},
      {"Rwkv4OneLayer", 4, 0, 1, 128, 128, 0, 512, 300, 0, 0, 0, 0, 0, {kF16}},

      {"Rwkv50HeadOf16", 5, 0, 3, 80, 96, 16, 200, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv50OneHead", 5, 0, 2, 40, 32, 32, 97, 50, 0, 0, 0, 0, 0, {kF16, kBf16}},
      {"Rwkv50Bf16", 5, 0, 2, 64, 64, 32, 224, 50, 0, 0, 0, 0, 0, {kBf16}},
      {"Rwkv51HeadOf24", 5, 1, 3, 72, 72, 24, 130, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv51OneHead", 5, 1, 2, 24, 40, 40, 67, 33, 0, 0, 0, 0, 0, {kBf16, kF16, kF32}},
      {"Rwkv52Odd", 5, 2, 3, 192, 192, 64, 672, 77, 0, 0, 0, 0, 0, {kF32}},
      {"Rwkv52Bf16", 5, 2, 2, 64, 64, 32, 224, 50, 0, 0, 0, 0, 0, {kBf16}},
      {"Rwkv52HeadOf8", 5, 2, 3, 40, 64, 8, 101, 33, 0, 0, 0, 0, 0, {kF16, kF32}},
      {"Rwkv52OneHead", 5, 2, 2, 64, 64, 64, 100, 50, 0, 0, 0, 0, 0, {kF32}, 1e-5f},

      {"Rwkv6Odd", 6, 0, 3, 192, 192, 64, 672, 77, 24, 40, 0, 0, 0, {kF32}},
      {"Rwkv6Bf16", 6, 0, 2, 64, 64, 32, 224, 50, 8, 16, 0, 0, 0, {kBf16}},
      {"Rwkv6HeadOf5", 6, 0, 2, 15, 25, 5, 31, 17, 1, 2, 0, 0, 0, {kF32}},
      {"Rwkv6OneHead", 6, 0, 2, 72, 64, 64, 97, 130, 5, 7, 0, 0, 0, {kBf16, kF16, kF32}},
      {"Rwkv6OneLayer", 6, 0, 1, 128, 128, 32, 448, 300, 32, 64, 0, 0, 0, {kF16}},

      {"Rwkv7Odd", 7, 0, 3, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20, {kF32}},
      {"Rwkv7OddF16", 7, 0, 3, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20, {kF16}},
      {"Rwkv7OddBf16", 7, 0, 3, 192, 192, 64, 768, 77, 0, 24, 16, 8, 20, {kBf16}},
      {"Rwkv7OneHead", 7, 0, 2, 64, 64, 64, 100, 50, 0, 8, 8, 4, 12, {kF32, kBf16, kF16}},
      {"Rwkv7HeadOf16", 7, 0, 3, 48, 48, 16, 200, 33, 0, 16, 8, 8, 16, {kF16, kF32}},
      {"Rwkv7HeadOf24", 7, 0, 2, 72, 72, 24, 97, 130, 0, 5, 3, 7, 9, {kBf16, kF16, kF32}},
      {"Rwkv7HeadOf5", 7, 0, 2, 15, 15, 5, 31, 17, 0, 1, 2, 3, 1, {kF32}},
      {"Rwkv7OneLayer", 7, 0, 1, 128, 128, 32, 512, 300, 0, 32, 32, 1, 32, {kBf16}},
  };
  // clang-format on
}

std::vector<SyntheticShape> ShapesOf(uint32_t generation) {
  std::vector<SyntheticShape> shapes;
  for (const SyntheticShape& shape : AllShapes()) {
    if (shape.generation == generation) shapes.push_back(shape);
  }
  return shapes;
}

double MaxDifference(const std::vector<float>& found, const std::vector<float>& expected) {
  if (found.size() != expected.size()) return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    const double difference = std::fabs(double{found[i]} - double{expected[i]});
    if (!(difference <= worst)) worst = difference;  // also NaN
  }
  return worst;
}

void ModelConformance::SetUp() {
  if (!plugin_.Runs(shape().generation)) GTEST_SKIP() << "the device does not run generation " << shape().generation;
}

void ModelConformance::ExpectAgreementWithFloat64(uint32_t num_tokens, double tolerance) {
  const std::vector<uint32_t> tokens = Tokens(num_tokens);
  Pipeline pipeline(device_, model_);
  const std::vector<float> logits = pipeline.Feed(0, tokens, tokens.size());
  const std::vector<float> hidden = pipeline.Feed(1, tokens, tokens.size(), SKEIN_SLOT_INITIAL, SKEIN_STEP_HIDDEN);
  const auto expected = Float64Stream::Make(model_);
  const size_t V = shape().vocab_size, C = shape().d_model;
  for (size_t t = 0; t < tokens.size(); ++t) {
    expected->Feed(tokens[t]);
    const double allowed = t == 0 ? std::max(tolerance, kFirstTokenTolerance) : tolerance;
    for (size_t i = 0; i < V; ++i) ASSERT_NEAR(logits[t * V + i], expected->logits()[i], allowed) << "token " << t;
    for (size_t i = 0; i < C; ++i) ASSERT_NEAR(hidden[t * C + i], expected->hidden()[i], allowed) << "token " << t;
  }
  const std::vector<float> state = pipeline.Export(0);
  const std::vector<double> expected_state = expected->State();
  ASSERT_EQ(state.size(), expected_state.size());
  for (size_t i = 0; i < state.size(); ++i) ASSERT_NEAR(state[i], expected_state[i], tolerance) << "float " << i;
}

std::string ModelCaseName(const testing::TestParamInfo<ModelConformance::ParamType>& info) {
  std::string name = std::get<0>(info.param);
  name = name.substr(name.find_last_of('/') + 1);
  name = name.substr(0, name.find('.'));
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name + "_" + std::get<1>(info.param).name;
}

}  // namespace skein::conformance
