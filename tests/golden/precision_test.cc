// What the smaller types cost the model in the box, on a text that it was not trained on.
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/divergence.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

// The limits are the project's for models of some size: this one, of two million parameters, keeps to them as well.
struct Gate {
  const char* type;
  double least_divergence;  // nats a token; with less, nothing was rounded
  double divergence;
  double perplexity_increase;
  double agreement;

  friend void PrintTo(const Gate& gate, std::ostream* out) { *out << gate.type; }
};

// float16 holds nearly every bfloat16 of the file.
constexpr Gate kGates[] = {
    {"f16", -1e-9, 1e-4, 1e-4, 0.999},
    {"bf16", 1e-8, 1e-3, 1e-3, 0.99},
    {"q8", 1e-6, 1e-3, 1e-3, 0.99},
    {"q4", 1e-4, 0.02, 0.015, 0.93},
};

class PrecisionTest : public ::testing::TestWithParam<std::tuple<Gate, std::string>> {};

TEST_P(PrecisionTest, ATextIsPredictedAlmostAsInFloat32) {
  const auto& [gate, device] = GetParam();
  const std::string text = ReadFile(DataPath("jonah.txt"));
  const std::vector<uint32_t> tokens(text.begin(), text.end());
  const std::string path = std::string(SKEIN_TESTS_DIR) + "/../samples/models/skein-demo.skein";
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel exact = LoadModel(runtime.get(), path, "cpu", "f32");
  const OwnedModel rounded = LoadModel(runtime.get(), path, device, gate.type);
  ASSERT_NE(exact.get(), nullptr);
  ASSERT_NE(rounded.get(), nullptr);
  EXPECT_STREQ(InfoOf(rounded.get()).type, gate.type);
  const OwnedStream exact_stream = MakeStream(exact.get());
  const OwnedStream rounded_stream = MakeStream(rounded.get());
  const std::vector<float> exact_logits = AllLogits(exact.get(), exact_stream.get(), tokens);
  const std::vector<float> rounded_logits = AllLogits(rounded.get(), rounded_stream.get(), tokens);
  const size_t vocab_size = InfoOf(exact.get()).vocab_size;
  Divergence divergence;
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    divergence.Add({&exact_logits[t * vocab_size], vocab_size}, {&rounded_logits[t * vocab_size], vocab_size},
                   tokens[t + 1]);
  }
  EXPECT_LT(divergence.ExactPerplexity(), 3.0) << "not a text that the model can read";
  EXPECT_LT(divergence.Mean(), gate.divergence);
  EXPECT_GT(divergence.Mean(), gate.least_divergence);
  EXPECT_LT(divergence.PerplexityIncrease(), gate.perplexity_increase);
  EXPECT_GT(divergence.Agreement(), gate.agreement);
}

std::string CaseNameOf(const ::testing::TestParamInfo<std::tuple<Gate, std::string>>& info) {
  return CaseName(std::string(std::get<0>(info.param).type) + "_" + std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(Cpu, PrecisionTest, ::testing::Combine(::testing::ValuesIn(kGates), ::testing::Values("cpu")),
                         CaseNameOf);
INSTANTIATE_TEST_SUITE_P(Reference, PrecisionTest,
                         ::testing::Combine(::testing::Values(kGates[2], kGates[3]), ::testing::Values("reference")),
                         CaseNameOf);

}  // namespace
}  // namespace skein::test
