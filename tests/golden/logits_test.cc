// Logits and states against what the reference implementation gave (tests/data, made by tests/oracle) and against the
// published logits of small trained models.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

// The first token is the most delicate: GroupNorm rescales a vector that may be tiny.
constexpr float kTolerance = 3e-4f;
constexpr float kFirstTokenTolerance = 5e-4f;
constexpr float kStateTolerance = 5e-4f;

float MaxDifference(const float* a, const float* b, size_t count) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) {
    const float difference = std::abs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // NaN counts
  }
  return largest;
}

struct Oracle {
  const char* name;
  const char* file;
  int last_layer;
  friend void PrintTo(const Oracle& oracle, std::ostream* out) { *out << oracle.name; }
};

class OracleTest : public ::testing::TestWithParam<std::tuple<Oracle, std::string, size_t>> {
 protected:
  // The device of the parameter; "split": layer 0 on one backend, the others on the other.
  static std::string Placement() {
    const auto& [oracle, device, chunk] = GetParam();
    return device == "split" ? "cpu=0-0,reference=1-" + std::to_string(oracle.last_layer) : device;
  }

  void CompareWith(skein_model model) {
    const auto& [oracle, device, chunk] = GetParam();
    const std::vector<uint32_t> tokens = ReadTokens(DataPath(std::string(oracle.name) + ".tokens.json"));
    const std::vector<float> expected = ReadFloats(DataPath(std::string(oracle.name) + ".logits.f32"));
    const size_t vocab_size = InfoOf(model).vocab_size;
    ASSERT_EQ(expected.size(), tokens.size() * vocab_size);
    const OwnedStream stream = MakeStream(model);
    for (size_t begin = 0; begin < tokens.size(); begin += chunk) {
      const size_t end = std::min(tokens.size(), begin + chunk);
      const std::vector<uint32_t> part(tokens.begin() + static_cast<ptrdiff_t>(begin),
                                       tokens.begin() + static_cast<ptrdiff_t>(end));
      const std::vector<float> logits = AllLogits(model, stream.get(), part);
      for (size_t t = begin; t < end; ++t) {
        EXPECT_LE(MaxDifference(&logits[(t - begin) * vocab_size], &expected[t * vocab_size], vocab_size),
                  t == 0 ? kFirstTokenTolerance : kTolerance)
            << "token " << t;
      }
    }
    const std::vector<float> state = StateOf(stream.get());
    const std::vector<float> expected_state = ReadFloats(DataPath(std::string(oracle.name) + ".state.f32"));
    ASSERT_EQ(state.size(), expected_state.size());
    EXPECT_LE(MaxDifference(state.data(), expected_state.data(), state.size()), kStateTolerance);
  }
};

TEST_P(OracleTest, LogitsAndStateAgreeWithTheReferenceImplementation) {
  const auto& [oracle, device, chunk] = GetParam();
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), DataPath(oracle.file), Placement());
  ASSERT_NE(model.get(), nullptr);
  CompareWith(model.get());
}

TEST_P(OracleTest, ThePackageOfTheModelGivesTheSame) {
  const auto& [oracle, device, chunk] = GetParam();
  const OwnedRuntime runtime = MakeRuntime();
  const std::string package = ::testing::TempDir() + "/" + oracle.name + "." + device + "." + std::to_string(chunk) +
                              "." + std::to_string(getpid()) + ".skein";
  SKEIN_CALL(skein_model_convert, runtime.get(), DataPath(oracle.file).c_str(), package.c_str(), nullptr);
  const OwnedModel model = LoadModel(runtime.get(), package, Placement());
  ASSERT_NE(model.get(), nullptr);
  CompareWith(model.get());
  std::filesystem::remove(package);
}

INSTANTIATE_TEST_SUITE_P(
    Rwkv7, OracleTest,
    ::testing::Combine(::testing::Values(Oracle{"v7-odd", "v7-odd.safetensors", 2}, Oracle{"v7-n16", "v7-n16.pth", 1},
                                         Oracle{"v7-mixed", "v7-mixed.pth", 3}),
                       ::testing::Values("reference", "cpu", "split"), ::testing::Values(1, 7, 48)),
    [](const auto& parameter) {
      std::string name = std::string(std::get<0>(parameter.param).name) + "_" + std::get<1>(parameter.param) + "_" +
                         std::to_string(std::get<2>(parameter.param));
      std::replace_if(
          name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

class TinyRwkvTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TinyRwkvTest, LogitsAfterThePromptAreThePublishedOnes) {
  const std::string path = SharedPath("tiny-rwkv/tiny-rwkv-7v0-834K-FP32.bin");
  if (path.empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), path, GetParam());
  ASSERT_NE(model.get(), nullptr);
  const OwnedStream stream = MakeStream(model.get());
  const std::vector<float> logits = AllLogits(model.get(), stream.get(), {'"', 'i', 'n'});
  const std::vector<float> expected = ReadFloats(SharedPath("tiny-rwkv/expected-logits-7v0-834K.bin"));
  ASSERT_EQ(expected.size(), 256u);
  EXPECT_LE(MaxDifference(&logits[2 * 256], expected.data(), 256), 1e-4f);
}

INSTANTIATE_TEST_SUITE_P(Devices, TinyRwkvTest, ::testing::Values("reference", "cpu"));

}  // namespace
}  // namespace skein::test
