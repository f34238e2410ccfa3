// Small trained models of the rwkv.cpp project, in its file format, against the logits that project publishes for them.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

struct TinyModel {
  const char* name;
  const char* storage;

  friend void PrintTo(const TinyModel& model, std::ostream* out) { *out << model.name << "-" << model.storage; }
};

std::string CaseNameOf(const ::testing::TestParamInfo<std::tuple<TinyModel, std::string>>& info) {
  const auto& [model, device] = info.param;
  return CaseName(std::string(model.name) + "_" + model.storage + "_" + device);
}

class TinyRwkvTest : public ::testing::TestWithParam<std::tuple<TinyModel, std::string>> {
 protected:
  void SetUp() override {
    if (SharedPath("").empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
  }

  // The logits after the published prompt, less those expected.
  std::vector<float> Differences() const {
    const auto& [tiny, device] = GetParam();
    const std::string name = tiny.name;
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model =
        LoadModel(runtime.get(), SharedPath("tiny-rwkv/tiny-rwkv-" + name + "-" + tiny.storage + ".bin"), device);
    const std::vector<float> expected = ReadFloats(SharedPath("tiny-rwkv/expected-logits-" + name + ".bin"));
    EXPECT_EQ(expected.size(), 256u);
    if (model.get() == nullptr) return {};
    const OwnedStream stream = MakeStream(model.get());
    std::vector<float> logits = AllLogits(model.get(), stream.get(), {'"', 'i', 'n'});
    logits.erase(logits.begin(), logits.begin() + 2 * 256);
    for (size_t i = 0; i < 256; ++i) logits[i] -= expected[i];
    return logits;
  }

  static float Largest(const std::vector<float>& differences) {
    const std::vector<float> zero(differences.size());
    return MaxDifference(differences.data(), zero.data(), differences.size());
  }
};

TEST_P(TinyRwkvTest, LogitsAfterThePromptAreThePublishedOnes) {
  const std::vector<float> differences = Differences();
  ASSERT_EQ(differences.size(), 256u);
  EXPECT_LE(Largest(differences), 1e-4f);
}

INSTANTIATE_TEST_SUITE_P(Float32, TinyRwkvTest,
                         ::testing::Combine(::testing::Values(TinyModel{"4v0-660K", "FP32"},
                                                              TinyModel{"5v2-730K", "FP32"},
                                                              TinyModel{"7v0-834K", "FP32"}),
                                            ::testing::Values("reference", "cpu")),
                         CaseNameOf);

class QuantisedTinyRwkvTest : public TinyRwkvTest {};

// The published logits are those of the float32 files. How far the dequantised weights are from them was measured with
// the reference implementation; a dequantisation that is right gives the same.
TEST_P(QuantisedTinyRwkvTest, LogitsAreAsFarFromThePublishedOnesAsThoseOfTheReference) {
  const std::vector<float> differences = Differences();
  ASSERT_EQ(differences.size(), 256u);
  const bool is_4 = std::get<0>(GetParam()).name[0] == '4';
  float sum = 0;
  for (const float difference : differences) sum += difference;
  EXPECT_NEAR(Largest(differences), is_4 ? 0.096f : 0.0042f, is_4 ? 5e-4f : 5e-5f);  // the last digit that is known
  EXPECT_NEAR(sum, is_4 ? 0.223f : -0.073f, 1e-3f);
}

INSTANTIATE_TEST_SUITE_P(Q5_1, QuantisedTinyRwkvTest,
                         ::testing::Combine(::testing::Values(TinyModel{"4v0-660K", "Q5_1"},
                                                              TinyModel{"7v0-834K", "Q5_1"}),
                                            ::testing::Values("reference", "cpu")),
                         CaseNameOf);

}  // namespace
}  // namespace skein::test
