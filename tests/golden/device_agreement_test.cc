// The most probable tokens of a text are the same on `cpu` and on `reference`, in every type, where the model is sure
// of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/golden/oracle.h"
#include "tests/support/case_name.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

// A text, and by how much each of its tokens leads over all others, in logits. With rounded activations a value between
// two codes may go either way, and logits of the devices below then differ by up to 0.12: a lead is at least twice
// that, so that it does not matter which kernels the processor has. In float32 they differ by 1e-5.
struct Text {
  const char* name;
  const char* model;  // of the shared models; nullptr: the one in the box
  const char* prompt;
  size_t num_tokens;
  float lead;

  friend void PrintTo(const Text& text, std::ostream* out) { *out << text.name; }
};

constexpr Text kTexts[] = {
    {"Ship", nullptr, "The ship went down to the sea and", 48, 0.25f},
    {"Jonah", nullptr, "Now the word of the LORD came unto Jonah", 16, 0.25f},
    {"Rwkv4", "tiny-rwkv/tiny-rwkv-4v0-660K-FP32.bin", "She looked at the door.", 32, 0.25f},
    {"Rwkv7", "tiny-rwkv/tiny-rwkv-7v0-834K-FP32.bin", "The ship went down to the sea and", 32, 0.25f},
};
// This model is never sure for long.
constexpr Text kTextOfRwkv52 = {"Rwkv52", "tiny-rwkv/tiny-rwkv-5v2-730K-FP32.bin", "Once upon a time", 48, 0.05f};

struct Greedy {
  std::vector<uint32_t> tokens;
  float least_lead;
};

Greedy Continue(skein_model model, const Text& text) {
  const OwnedStream stream = MakeStream(model);
  const std::string prompt = text.prompt;
  std::vector<uint32_t> next(prompt.begin(), prompt.end());  // a token is a byte
  Greedy greedy = {.tokens = {}, .least_lead = 1e9f};
  while (greedy.tokens.size() < text.num_tokens) {
    std::vector<float> logits = AllLogits(model, stream.get(), next);
    logits.erase(logits.begin(), logits.end() - InfoOf(model).vocab_size);
    next = {static_cast<uint32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin())};
    std::nth_element(logits.begin(), logits.begin() + 1, logits.end(), std::greater<>());
    greedy.tokens.push_back(next[0]);
    greedy.least_lead = std::min(greedy.least_lead, logits[0] - logits[1]);
  }
  return greedy;
}

class DeviceAgreementTest : public ::testing::TestWithParam<std::tuple<Text, std::string>> {};

TEST_P(DeviceAgreementTest, GreedyTokensAreTheSame) {
  const auto& [text, type] = GetParam();
  if (text.model != nullptr && SharedPath("").empty()) {
    GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
  }
  const std::string path = text.model == nullptr ? std::string(SKEIN_TESTS_DIR) + "/../samples/models/skein-demo.skein"
                                                 : SharedPath(text.model);
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel cpu = LoadModel(runtime.get(), path, "cpu", type);
  const OwnedModel reference = LoadModel(runtime.get(), path, "reference", type);
  ASSERT_NE(cpu.get(), nullptr);
  ASSERT_NE(reference.get(), nullptr);
  EXPECT_STREQ(InfoOf(reference.get()).type, type.c_str());
  const Greedy expected = Continue(reference.get(), text);
  EXPECT_GT(expected.least_lead, text.lead) << "a near tie, which rounding may turn";
  EXPECT_EQ(Continue(cpu.get(), text).tokens, expected.tokens);
}

std::string CaseNameOf(const ::testing::TestParamInfo<std::tuple<Text, std::string>>& info) {
  return CaseName(std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param));
}

INSTANTIATE_TEST_SUITE_P(EveryType, DeviceAgreementTest,
                         ::testing::Combine(::testing::ValuesIn(kTexts), ::testing::Values("f32", "bf16", "q8", "q4")),
                         CaseNameOf);
INSTANTIATE_TEST_SUITE_P(Float32, DeviceAgreementTest,
                         ::testing::Combine(::testing::Values(kTextOfRwkv52), ::testing::Values("f32")), CaseNameOf);

}  // namespace
}  // namespace skein::test
