// The model in the box gives the same bits in 8-bit arithmetic on every tier of processor that SKEIN_CPU names, but for
// the one without fused multiplications.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "tests/cli/environment_variable.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

constexpr const char* kTiers[] = {"avx2", "avx512", "avx512_vnni", "avx512_bf16", "amx"};

// The tier that the log of a tool says it runs on.
std::string TierIn(const std::string& log) {
  const std::string before = "cpu: tier ";
  const size_t begin = log.find(before);
  if (begin == std::string::npos) return "";
  return log.substr(begin + before.size(), log.find(';', begin) - begin - before.size());
}

TEST(TiersTest, TheModelInTheBoxHasTheSameLogitsAndStateInEightBitArithmetic) {
  const std::string model = SKEIN_DEMO_MODEL;
  ASSERT_TRUE(std::filesystem::exists(model));
  const TestFolder folder;
  std::string tokens;
  for (const char c : std::string("And it came to pass in those days, that he went out into the land.")) {
    tokens += (tokens.empty() ? "" : ",") + std::to_string(static_cast<unsigned char>(c));
  }
  for (const char* type : {"q8", "q4"}) {
    for (const char* chunk : {"1000", "1"}) {      // a prompt, and token by token
      std::map<std::string, std::string> results;  // by the tier that it ran on
      for (const char* tier : kTiers) {
        const EnvironmentVariable limit("SKEIN_CPU", tier);
        const std::string state = folder.Path("state");
        const ToolResult result = RunTool({"logits", "-m", model, "--device", "cpu", "--type", type, "--tokens", tokens,
                                           "--chunk", chunk, "--state-out", state, "--log"});
        ASSERT_EQ(result.exit_code, 0) << result.err;
        ASSERT_FALSE(result.out.empty());
        const std::string found = TierIn(result.err);
        ASSERT_FALSE(found.empty()) << result.err;
        results.emplace(found, result.out + folder.Read("state"));
      }
      if (results.size() < 2) GTEST_SKIP() << "needs a processor with two tiers of fused multiplications";
      for (const auto& [tier, result] : results) {
        EXPECT_TRUE(result == results.begin()->second)
            << type << " by " << chunk << ": " << tier << " and " << results.begin()->first << " differ";
      }
    }
  }
}

}  // namespace
}  // namespace skein
