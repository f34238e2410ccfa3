// A trained model whose answers are known exactly: it writes numbers backwards.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

class ReverseTest : public ::testing::TestWithParam<std::string> {
 protected:
  // Greedy completion by feeding one token at a time.
  static std::string Complete(skein_model model, const std::string& prompt) {
    static const std::string kAlphabet = "0123456789,#";
    const OwnedStream stream = MakeStream(model);
    std::vector<uint32_t> tokens;
    for (const char c : prompt) tokens.push_back(static_cast<uint32_t>(kAlphabet.find(c)));
    std::string completion;
    while (completion.size() < 80 && (completion.empty() || completion.back() != '#')) {
      const std::vector<float> logits = AllLogits(model, stream.get(), tokens);
      const auto last = logits.end() - static_cast<ptrdiff_t>(kAlphabet.size());
      const auto best = static_cast<uint32_t>(std::max_element(last, logits.end()) - last);
      completion += kAlphabet[best];
      tokens = {best};
    }
    return completion;
  }

  static void CompleteAllCases(skein_model model) {
    const auto cases = nlohmann::json::parse(ReadFile(SharedPath("reverse-rwkv7/reverse-cases.json")))["cases"];
    ASSERT_EQ(cases.size(), 10u);
    for (const auto& example : cases) {
      EXPECT_EQ(Complete(model, example["prompt"]), example["completion"].get<std::string>()) << example["prompt"];
    }
  }
};

TEST_P(ReverseTest, AllCasesComeOutReversed) {
  const std::string path = SharedPath("reverse-rwkv7/reverse-rwkv7-standard.pth");
  if (path.empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), path, GetParam());
  ASSERT_NE(model.get(), nullptr);
  CompleteAllCases(model.get());
}

TEST_P(ReverseTest, ThePackageOfTheModelDoesTheSame) {
  const std::string path = SharedPath("reverse-rwkv7/reverse-rwkv7-standard.pth");
  if (path.empty()) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the shared models are not here";
  const OwnedRuntime runtime = MakeRuntime();
  const std::string package =
      ::testing::TempDir() + "/reverse." + GetParam() + "." + std::to_string(getpid()) + ".skein";
  SKEIN_CALL(skein_model_convert, runtime.get(), path.c_str(), package.c_str(), nullptr);
  const OwnedModel model = LoadModel(runtime.get(), package, GetParam());
  ASSERT_NE(model.get(), nullptr);
  CompleteAllCases(model.get());
  std::filesystem::remove(package);
}

INSTANTIATE_TEST_SUITE_P(Devices, ReverseTest, ::testing::Values("reference", "cpu"));

}  // namespace
}  // namespace skein::test
