// The tool's text does not depend on who draws its tokens: the device, or libskein from logits that cross.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/environment_variable.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

class DeviceDrawsTest : public testing::TestWithParam<std::vector<std::string>> {
 protected:
  DeviceDrawsTest() {
    std::filesystem::create_directory(folder_.Path("plugins"));
    std::filesystem::create_symlink(SKEIN_WATCHING_PLUGIN, folder_.Path("plugins/watching.so"));
  }

  // The text that the tool writes.
  std::string Generate(const std::vector<std::string>& sampling) const {
    std::vector<std::string> arguments = {"run",
                                          "-m",
                                          SKEIN_DEMO_MODEL,
                                          "-p",
                                          "The ",
                                          "-n",
                                          "12",
                                          "--device",
                                          "watched:0",
                                          "--type",
                                          "f32",
                                          "--plugin-path",
                                          folder_.Path("plugins")};
    arguments.insert(arguments.end(), sampling.begin(), sampling.end());
    const ToolResult result = RunTool(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
  bool HasDrawn() const { return std::filesystem::remove(folder_.Path("draws")); }

  const TestFolder folder_;
  const std::string draws_ = folder_.Path("draws");
  const EnvironmentVariable watched_{"SKEIN_DRAWS", draws_.c_str()};
};

INSTANTIATE_TEST_SUITE_P(
    Samplers, DeviceDrawsTest,
    testing::Values(std::vector<std::string>{"--temp", "0"},
                    std::vector<std::string>{"--temp", "1.2", "--top-p", "1", "--top-k", "0", "-s", "7"},
                    std::vector<std::string>{"--temp", "0.8", "--top-p", "0.9", "--top-k", "20", "--min-p", "0.02",
                                             "-s", "3", "--presence", "0.3", "--frequency", "0.5"}));

TEST_P(DeviceDrawsTest, TheTextIsTheSameWhoeverDraws) {
  const std::string drawn = Generate(GetParam());
  EXPECT_TRUE(HasDrawn()) << "the device drew nothing";
  const EnvironmentVariable hidden("SKEIN_HIDE_DRAWS", "1");
  const std::string sampled = Generate(GetParam());
  EXPECT_FALSE(HasDrawn());
  EXPECT_EQ(drawn, sampled);
  EXPECT_GE(drawn.size(), 12u);
}

}  // namespace
}  // namespace skein
