// skein state, and --prefix: a text is read once, and what begins behind its state goes on as if it had read the text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class CliStateTest : public testing::Test {
 protected:
  // Runs the tool with the demo model behind the words.
  static ToolResult RunWithModel(std::vector<std::string> words) {
    words.insert(words.end(), {"-m", SKEIN_DEMO_MODEL, "--device", "reference"});
    return RunTool(words);
  }
  std::string Make(const std::string& name, const std::string& text) const {
    std::string path = folder_.Path(name);
    const ToolResult result = RunWithModel({"state", "make", text, "-o", path, "--name", name});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("wrote " + path));
    return path;
  }

  const TestFolder folder_;
};

// The vocabulary of the demo model is bytes, so that a text has the same tokens in one piece and in two.
TEST_F(CliStateTest, RunGoesOnAsIfItHadReadTheText) {
  const std::vector<std::string> sampling = {"-n", "12", "--temp", "0", "--ignore-end"};
  std::vector<std::string> whole = {"run", "-p", "And it came to pass"};
  std::vector<std::string> behind = {"run", "-p", " to pass", "--prefix", Make("p", "And it came")};
  whole.insert(whole.end(), sampling.begin(), sampling.end());
  behind.insert(behind.end(), sampling.begin(), sampling.end());
  const ToolResult result = RunWithModel(behind);
  EXPECT_EQ(result.out, RunWithModel(whole).out);
  EXPECT_THAT(result.err, HasSubstr("prompt 8 tokens"));
}

TEST_F(CliStateTest, TheTextMayComeFromAFile) {
  const std::string file = folder_.Write("text", "And it came");
  const std::string path = folder_.Path("p");
  EXPECT_EQ(RunWithModel({"state", "make", "-f", file, "-o", path}).exit_code, 0);
  const json described = json::parse(RunTool({"state", "inspect", path, "--json"}).out);
  EXPECT_EQ(described["position"], 11);
  EXPECT_EQ(described["provenance"], "file " + file);
  EXPECT_EQ(described["kind"], "prefix");
}

TEST_F(CliStateTest, ScoreBeginsBehindTheText) {
  const std::string text = folder_.Write("text", " to pass");
  const json scored = json::parse(RunWithModel({"score", text, "--prefix", Make("p", "And it came"), "--json"}).out);
  EXPECT_EQ(scored["tokens"], 7);
  EXPECT_EQ(scored["prefix"], nullptr);
  const std::string choices = folder_.Write("choices", "pass\nxqzj\n");
  const ToolResult best =
      RunWithModel({"score", "-p", " to ", "--choices", choices, "--prefix", folder_.Path("p"), "--json"});
  const ToolResult whole =
      RunWithModel({"score", "-p", "And it came to ", "--choices", choices, "--no-prefix", "--json"});
  EXPECT_EQ(best.exit_code, 0) << best.err;
  EXPECT_EQ(best.out, whole.out);
}

TEST_F(CliStateTest, ListShowsFilesAndTheSnapshotsInFolders) {
  Make("a", "one");
  Make("b", "two words");
  folder_.Write("c", "no snapshot");
  const ToolResult listed = RunTool({"state", "list", folder_.Path("")});
  EXPECT_EQ(listed.exit_code, 0) << listed.err;
  EXPECT_THAT(listed.out, AllOf(HasSubstr("/a "), HasSubstr("/b "), Not(HasSubstr("/c "))));
  const ToolResult named = RunTool({"state", "list", folder_.Path("b"), folder_.Path("c")});
  EXPECT_EQ(named.exit_code, 1);
  EXPECT_THAT(named.out, HasSubstr("/b "));
  EXPECT_THAT(named.err, HasSubstr("/c: snapshot: expected a magic"));
  EXPECT_EQ(json::parse(RunTool({"state", "list", folder_.Path("b"), "--json"}).out)[0]["name"], "b");
}

TEST_F(CliStateTest, AFileIsReplacedOnlyOnRequest) {
  const std::string path = folder_.Write("p", "precious");
  const ToolResult refused = RunWithModel({"state", "make", "a text", "-o", path});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--overwrite"));
  EXPECT_EQ(folder_.Read("p"), "precious");
  EXPECT_EQ(RunWithModel({"state", "make", "a text", "-o", path, "--overwrite"}).exit_code, 0);
  EXPECT_NE(folder_.Read("p"), "precious");
}

TEST_F(CliStateTest, WrongUsageIsSaid) {
  const std::vector<std::vector<std::string>> wrong = {
      {"state"}, {"state", "mak"}, {"state", "list"}, {"state", "inspect"}, {"state", "inspect", "a", "--name", "b"}};
  for (const std::vector<std::string>& words : wrong) EXPECT_EQ(RunTool(words).exit_code, 2) << words.back();
  EXPECT_EQ(RunWithModel({"state", "make", "a text"}).exit_code, 2);
  EXPECT_EQ(RunWithModel({"state", "make", "-o", folder_.Path("p")}).exit_code, 2);
  EXPECT_EQ(RunWithModel({"run", "-p", "x", "--prefix", folder_.Write("q", "no snapshot")}).exit_code, 1);
}

}  // namespace
}  // namespace skein
