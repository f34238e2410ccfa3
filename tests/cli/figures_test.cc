// The figures that the tool prints of its machine and of its speed: those that it knows, or none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/cli/environment_variable.h"
#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class FiguresTest : public CliModelTest {
 protected:
  json Timings(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"run", "-m", model_, "-p", "And it came to pass", "--temp", "0", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    const ToolResult result = RunTool(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out).at("timings");
  }
};

TEST_F(FiguresTest, OneTokenHasNoSpeed) {
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "1"});
  EXPECT_THAT(result.err, ContainsRegex("generated 1 token; ended by length"));
  EXPECT_TRUE(Timings({"-n", "1"}).at("decode_tokens_per_second").is_null());
}

TEST_F(FiguresTest, TheSpeedOfTwoTokensIsThatOfOneStep) {
  // A step of this model cannot be faster than its 8 million multiplications. The reference loops do fewer than 10^10 a
  // second.
  for (int i = 0; i < 5; ++i) {
    const json timings = Timings({"-n", "2", "--device", "reference"});
    EXPECT_LT(timings.at("decode_tokens_per_second").get<double>(), 10000.0);
    EXPECT_GT(timings.at("decode_tokens_per_second").get<double>(), 0.0);
  }
}

TEST_F(FiguresTest, SpeedsAreTokensByTheTimesOfTheEngine) {
  const auto start = std::chrono::steady_clock::now();
  const json timings = Timings({"-n", "40", "--ignore-end", "--device", "reference"});
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const auto seconds = [&](const char* phase) { return timings.at(phase).get<double>(); };
  EXPECT_DOUBLE_EQ(timings.at("decode_tokens_per_second").get<double>(), 39 / seconds("decode_seconds"));
  EXPECT_DOUBLE_EQ(timings.at("prefill_tokens_per_second").get<double>(),
                   timings.at("num_prompt_tokens").get<double>() / seconds("prefill_seconds"));
  EXPECT_LE(seconds("queue_seconds") + seconds("prefill_seconds") + seconds("decode_seconds"), wall);
}

TEST_F(FiguresTest, BenchGivesNoSpreadOfOneRun) {
  const std::vector<std::string> bench = {"bench", "-m", model_, "--prefill", "8", "--decode", "2", "--streams", "1"};
  std::vector<std::string> one = bench;
  one.insert(one.end(), {"--runs", "1"});
  const ToolResult result = RunTool(one);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("prefill 8 +[0-9.]+ +- "));
  EXPECT_THAT(RunTool(bench).out, ContainsRegex("prefill 8 +[0-9.]+ +[0-9.]+ "));
}

// --- devices ---

std::string DescriptionOf(const std::string& device) {
  const ToolResult result = RunTool({"devices", "--json"});
  for (const json& entry : json::parse(result.out)) {
    if (entry.at("name") == device) return entry.at("description").get<std::string>();
  }
  ADD_FAILURE() << "no device " << device;
  return "";
}

#if defined(__x86_64__)
// The name as the system knows it.
std::string ModelNameOfTheSystem() {
  const std::string name =
      ToolProcess("/bin/sh", {"-c", "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1"}).Wait().out;
  return name.substr(0, name.find('\n'));
}

TEST_F(FiguresTest, DescriptionsNameTheProcessor) {
  const std::string name = ModelNameOfTheSystem();
  ASSERT_FALSE(name.empty());
  const std::string first_word = name.substr(0, name.find(' '));
  EXPECT_THAT(DescriptionOf("reference"), HasSubstr(first_word));
  EXPECT_THAT(DescriptionOf("reference"), HasSubstr(", tier generic;"));
}
#endif

TEST_F(FiguresTest, TheDescriptionOfCpuNamesTheTierThatHolds) {
  if (DescriptionOf("cpu").empty()) GTEST_SKIP() << "there is no device cpu";
  EXPECT_THAT(DescriptionOf("cpu"), ContainsRegex(", tier (generic|avx2|avx512|avx512_vnni|avx512_bf16|amx)"));
  const EnvironmentVariable limit("SKEIN_CPU", "generic");
  EXPECT_THAT(DescriptionOf("cpu"), HasSubstr(", tier generic"));
}

TEST_F(FiguresTest, DevicesSayHowManyThreadsTheyHave) {
  for (const json& entry : json::parse(RunTool({"devices", "--json", "--threads", "2"}).out)) {
    const auto threads = entry.at("threads").get<uint32_t>();
    if (entry.at("name") == "reference") {
      EXPECT_EQ(threads, 1u);
    }
    EXPECT_GE(threads, 1u);
    EXPECT_LE(threads, 2u);
  }
}

// --- names that are unknown ---

TEST_F(FiguresTest, AnUnknownTierIsAWarningThatListsTheKnownOnes) {
  const EnvironmentVariable tier("SKEIN_CPU", "avx1024\nskein: error: forged");
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "2", "--device", "cpu"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err,
              HasSubstr("skein: warning: SKEIN_CPU: expected one of generic, avx2, avx512, avx512_vnni, avx512_bf16, "
                        "amx, found \"avx1024?skein: error: forged\""));
  EXPECT_THAT(DescriptionOf("cpu"), HasSubstr("SKEIN_CPU names no tier"));
}

TEST_F(FiguresTest, AnUnknownKernelIsAWarningThatListsTheKnownOnes) {
  const EnvironmentVariable kernel("SKEIN_KERNEL", "warp");
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "2", "--device", "cpu"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("skein: warning: SKEIN_KERNEL: expected one of "));
  EXPECT_THAT(result.err, HasSubstr(" panel, "));
  EXPECT_THAT(result.err, HasSubstr("found \"warp\""));
}

TEST_F(FiguresTest, AKernelThatTheTierLacksIsUnknownThere) {
  const EnvironmentVariable tier("SKEIN_CPU", "generic");
  const EnvironmentVariable kernel("SKEIN_KERNEL", "amx_int8");
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "2", "--device", "cpu"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("SKEIN_KERNEL: expected one of "));
}

TEST_F(FiguresTest, KnownAndEmptyNamesAreNoWarning) {
  for (const char* tier : {"", "generic"}) {
    const EnvironmentVariable limit("SKEIN_CPU", tier);
    const EnvironmentVariable kernel("SKEIN_KERNEL", tier[0] == '\0' ? "" : "panel");
    const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "2", "--device", "cpu"});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.err, Not(HasSubstr("warning")));
  }
}

}  // namespace
}  // namespace skein
