// The cost of the smaller types: the model in the box, on a text that it was not trained on, and the oracles of every
// generation, whose random weights are the hardest to round.
#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/divergence.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

// The limits are the project's for models of some size: this model, of two million parameters, keeps to them as well.
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

// Over logits after each token: [tokens, vocabulary].
Divergence Compare(const std::vector<float>& exact, const std::vector<float>& rounded,
                   const std::vector<uint32_t>& tokens) {
  EXPECT_EQ(exact.size(), rounded.size());
  Divergence divergence;
  if (exact.size() != rounded.size()) return divergence;
  const size_t vocab_size = exact.size() / tokens.size();
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    divergence.Add({&exact[t * vocab_size], vocab_size}, {&rounded[t * vocab_size], vocab_size}, tokens[t + 1]);
  }
  return divergence;
}

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
  const Divergence divergence = Compare(exact_logits, rounded_logits, tokens);
  EXPECT_LT(divergence.ExactPerplexity(), 3.0) << "not a text that the model can read";
  EXPECT_LT(divergence.Mean(), gate.divergence);
  EXPECT_GT(divergence.Mean(), gate.least_divergence);
  EXPECT_LT(divergence.PerplexityIncrease(), gate.perplexity_increase);
  EXPECT_GT(divergence.Agreement(), gate.agreement);
}

std::string CaseNameOf(const ::testing::TestParamInfo<std::tuple<Gate, std::string>>& info) {
  return CaseName(std::string(std::get<0>(info.param).type) + "_" + std::get<1>(info.param));
}

// How far from the reference implementation's logits an oracle may be. Random weights round badly, and 47 places are
// few, so each has its own limits: about twice the divergence of the worse device, and four places fewer that
// agree.
struct OracleGate {
  const char* oracle;
  const char* type;
  double divergence;
  double agreement;

  friend void PrintTo(const OracleGate& gate, std::ostream* out) { *out << gate.oracle << " " << gate.type; }
};

// clang-format off
constexpr OracleGate kOracleGates[] = {
    {"v4-odd", "q8", 2.5e-4, 0.87},
    {"v4-mixed", "q8", 2e-4, 0.91},
    {"v5.0-n8", "q8", 0.0015, 0.87},
    {"v5.0-n16", "q8", 2.5e-4, 0.91},
    {"v5.1-n16", "q8", 2e-4, 0.91},
    {"v5.1-column", "q8", 5e-4, 0.91},
    {"v5.2-mixed", "q8", 3e-4, 0.87},
    {"v5.2-h1", "q8", 2e-4, 0.91},
    {"v6-odd", "q8", 0.02, 0.85},
    {"v6-n32", "q8", 2.5e-4, 0.89},
    {"v6-h1", "q8", 2.5e-4, 0.91},
    {"v6-state", "q8", 5.5e-5, 0.89},
    {"v7-odd", "q8", 0.0045, 0.85},
    {"v7-n16", "q8", 5.5e-4, 0.89},
    {"v7-mixed", "q8", 0.001, 0.91},
    {"v4-odd", "q4", 0.05, 0.68},
    {"v4-mixed", "q4", 0.05, 0.74},
    {"v5.0-n8", "q4", 0.4, 0.61},
    {"v5.0-n16", "q4", 0.15, 0.68},
    {"v5.1-n16", "q4", 0.08, 0.68},
    {"v5.1-column", "q4", 0.25, 0.66},
    {"v5.2-mixed", "q4", 0.15, 0.55},
    {"v5.2-h1", "q4", 0.095, 0.68},
    {"v6-odd", "q4", 0.3, 0.61},
    {"v6-n32", "q4", 0.2, 0.55},
    {"v6-h1", "q4", 0.15, 0.63},
    {"v6-state", "q4", 0.15, 0.78},
    {"v7-odd", "q4", 0.35, 0.68},
    {"v7-n16", "q4", 0.2, 0.70},
    {"v7-mixed", "q4", 0.5, 0.44},
};
// clang-format on

class OraclePrecisionTest : public ::testing::TestWithParam<std::tuple<OracleGate, std::string>> {};

TEST_P(OraclePrecisionTest, TheReferenceImplementationIsFollowed) {
  const auto& [gate, device] = GetParam();
  const Oracle& oracle = OracleOf(gate.oracle);
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), oracle.Path(), device, gate.type);
  ASSERT_NE(model.get(), nullptr);
  EXPECT_STREQ(InfoOf(model.get()).type, gate.type);
  const OwnedStream stream = MakeStream(model.get());
  const std::vector<uint32_t> tokens = ReadTokens(oracle.Beside("tokens.json"));
  const std::vector<float> exact = ReadFloats(oracle.Beside("logits.f32"));
  const std::vector<float> rounded = AllLogits(model.get(), stream.get(), tokens);
  const Divergence divergence = Compare(exact, rounded, tokens);
  EXPECT_LT(divergence.Mean(), gate.divergence);
  EXPECT_GE(divergence.Agreement(), gate.agreement);
}

INSTANTIATE_TEST_SUITE_P(Cpu, PrecisionTest, ::testing::Combine(::testing::ValuesIn(kGates), ::testing::Values("cpu")),
                         CaseNameOf);
INSTANTIATE_TEST_SUITE_P(Reference, PrecisionTest,
                         ::testing::Combine(::testing::Values(kGates[1], kGates[2], kGates[3]),
                                            ::testing::Values("reference")),
                         CaseNameOf);

INSTANTIATE_TEST_SUITE_P(EveryGeneration, OraclePrecisionTest,
                         ::testing::Combine(::testing::ValuesIn(kOracleGates), ::testing::Values("cpu", "reference")),
                         [](const auto& parameter) {
                           const OracleGate& gate = std::get<0>(parameter.param);
                           return CaseName(std::string(gate.oracle) + "_" + gate.type + "_" +
                                           std::get<1>(parameter.param));
                         });

}  // namespace
}  // namespace skein::test
