// What the tool says about the vocabulary of a model, and an empty prompt.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

class CliVocabularyTest : public testing::Test {
 protected:
  // A small model without a vocabulary.
  std::string WriteModel(const std::string& name, int num_rows) const {
    std::string path = folder_.Path(name);
    const ToolResult result = RunTool(
        {"convert", "synthetic:C=32,L=1,N=16,F=64,V=" + std::to_string(num_rows), "-o", path, "--type", "bf16"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("vocabulary:")));
    return path;
  }

  const TestFolder folder_;
};

TEST_F(CliVocabularyTest, AWorldModelNeedsNothingElseAndTheToolSaysSoOnce) {
  const std::string model = WriteModel("RWKV-x070-World.safetensors", 65536);
  const ToolResult run = RunTool({"run", "-m", model, "-p", "Hi", "-n", "3", "--ignore-end"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, Not(IsEmpty()));
  EXPECT_EQ(Count(run.err, "vocabulary: world, in the box"), 1u) << run.err;
  EXPECT_THAT(run.err, Not(HasSubstr("warning")));
  const ToolResult tokenize = RunTool({"tokenize", "-m", model, "User: hi"});
  EXPECT_EQ(tokenize.out, "[24281,59,4571]\n");
  EXPECT_EQ(Count(tokenize.err, "vocabulary: world, in the box"), 1u) << tokenize.err;
  EXPECT_THAT(RunTool({"tokenize", "-m", model, "--tokenizer", "world", "User: hi"}).err, IsEmpty());
  EXPECT_EQ(json::parse(RunTool({"inspect", model, "--json"}).out).at("tokenizer").at("origin"), "box");
}

TEST_F(CliVocabularyTest, ConvertSaysWhichVocabularyThePackageGot) {
  const std::string model = WriteModel("m.safetensors", 65536);
  const ToolResult convert = RunTool({"convert", model, "-o", folder_.Path("m.skein")});
  ASSERT_EQ(convert.exit_code, 0) << convert.err;
  EXPECT_EQ(Count(convert.err, "vocabulary: world, in the box"), 1u) << convert.err;
  const ToolResult tokenize = RunTool({"tokenize", "-m", folder_.Path("m.skein"), "User: hi"});
  EXPECT_EQ(tokenize.out, "[24281,59,4571]\n");
  EXPECT_THAT(tokenize.err, IsEmpty()) << "it is in the file";
}

TEST_F(CliVocabularyTest, AVocabularyBesideTheModelIsNamedWithItsPath) {
  const std::string model = WriteModel("m.skein", 3);
  const std::string vocabulary = folder_.Write("vocab.txt", "'<s>'\n'a'\n'b'\n");
  const ToolResult tokenize = RunTool({"tokenize", "-m", model, "ab"});
  EXPECT_EQ(tokenize.out, "[1,2]\n");
  EXPECT_THAT(tokenize.err, HasSubstr("vocabulary: " + vocabulary + ", beside the model"));
}

TEST_F(CliVocabularyTest, AVocabularyThatDoesNotFitIsWarnedOfOnce) {
  const std::string world = WriteModel("m.skein", 65536);
  const ToolResult small = RunTool({"run", "-m", world, "--tokenizer", "bytes", "-p", "a", "-n", "1"});
  EXPECT_EQ(Count(small.err, "warning: bytes: the vocabulary has ids up to 255"), 1u) << small.err;
  const std::string tiny = WriteModel("tiny.skein", 300);
  const ToolResult large = RunTool({"run", "-m", tiny, "--tokenizer", "world", "-p", "\n", "-n", "1"});
  EXPECT_EQ(Count(large.err, "warning: world: the vocabulary has ids up to 65529"), 1u) << large.err;
  folder_.Write("tokenizer.json", R"({"model": {"type": "Unigram"}})");
  const ToolResult passed = RunTool({"tokenize", "-m", world, "Hi"});
  EXPECT_EQ(passed.out, "[1097]\n");
  EXPECT_EQ(Count(passed.err, "Unigram"), 1u) << passed.err;
}

TEST_F(CliVocabularyTest, AModelOfPileRowsNamesTheFileThatItNeeds) {
  const std::string model = WriteModel("pile.skein", 50277);
  ExpectFailure(RunTool({"run", "-m", model, "-p", "Hi"}), "20B_tokenizer.json: put it beside the model");
  ExpectFailure(RunTool({"tokenize", "-m", model, "Hi"}), "20B_tokenizer.json");
  ExpectFailure(RunTool({"chat", "-m", model}), "20B_tokenizer.json");
  ExpectFailure(RunTool({"score", "-m", model, folder_.Write("text", "a")}), "20B_tokenizer.json");
}

TEST_F(CliVocabularyTest, AnEmptyPromptStartsFromTheEndOfText) {
  const std::string model = WriteModel("m.skein", 65536);
  const ToolResult run = RunTool({"run", "-m", model, "-p", "", "-n", "1", "--temp", "0", "--ignore-end", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(json::parse(run.out).at("timings").at("num_prompt_tokens"), 1);
  const std::vector<float> logits = Floats(RunTool({"logits", "-m", model, "--tokens", "0"}).out);
  ASSERT_EQ(logits.size(), 65536u);
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  EXPECT_EQ(json::parse(run.out).at("tokens"), json::array({best}));
  const ToolResult from_stdin =
      RunTool({"run", "-m", model, "-p", "-", "-n", "1", "--temp", "0", "--ignore-end", "--json"}, "");
  EXPECT_EQ(json::parse(from_stdin.out).at("tokens"), json::array({best}));
}

TEST(CliEmptyPromptTest, NeedsAnEndOfText) {
  const ToolResult result = RunTool({"run", "-m", DataPath("v7-n16.pth"), "--tokenizer", "bytes", "-p", ""});
  ExpectUsageError(result, "no end-of-text token");
}

}  // namespace
}  // namespace skein
