// The commands of the tool that take a model: run, logits, score, convert, inspect, bench.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// --- run ---

TEST_F(CliModelTest, RunWritesTheTextToStdoutAndFiguresToStderr) {
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "In the beginning", "-n", "40", "--ignore-end"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GE(result.out.size(), 30u);
  EXPECT_THAT(result.out, Not(StartsWith("In the beginning")));
  EXPECT_THAT(result.err, HasSubstr("generated 40 tokens"));
  EXPECT_THAT(result.err, HasSubstr("ended by length"));
}

TEST_F(CliModelTest, SameSeedGivesTheSameText) {
  const std::vector<std::string> run = {"run", "-m", model_, "-p", "In the beginning", "-n", "80", "--seed"};
  const auto with_seed = [&](const char* seed) {
    std::vector<std::string> arguments = run;
    arguments.emplace_back(seed);
    return RunTool(arguments).out;
  };
  const std::string first = with_seed("7");
  EXPECT_THAT(first, Not(IsEmpty()));
  EXPECT_EQ(with_seed("7"), first);
  EXPECT_NE(with_seed("8"), first);
}

TEST_F(CliModelTest, PromptComesFromArgumentFileOrStdinAlike) {
  const TestFolder folder;
  const std::string prompt = "And he said\n";
  const std::vector<std::string> run = {"run", "-m", model_, "-n", "20", "--temp", "0"};
  const auto with = [&](const std::string& option, const std::string& value, const std::string& input) {
    std::vector<std::string> arguments = run;
    arguments.insert(arguments.end(), {option, value});
    return RunTool(arguments, input).out;
  };
  const std::string text = with("-p", prompt, "");
  EXPECT_THAT(text, Not(IsEmpty()));
  EXPECT_EQ(with("--prompt-file", folder.Write("prompt", prompt), ""), text);
  EXPECT_EQ(with("-p", "-", prompt), text);
}

TEST_F(CliModelTest, EchoPutsThePromptInFront) {
  const std::vector<std::string> run = {"run", "-m", model_, "-n", "10", "--temp", "0", "-p", "And "};
  std::vector<std::string> echoing = run;
  echoing.emplace_back("--echo");
  EXPECT_EQ(RunTool(echoing).out, "And " + RunTool(run).out);
}

TEST_F(CliModelTest, RunAsJsonIsOneObject) {
  const std::vector<std::string> run = {"run", "-m", model_, "-p", "And ", "-n", "12", "--temp", "0", "--ignore-end"};
  std::vector<std::string> as_json = run;
  as_json.emplace_back("--json");
  const ToolResult result = RunTool(as_json);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json object = json::parse(result.out);
  EXPECT_EQ(object.at("tokens").size(), 12u);
  EXPECT_EQ(object.at("reason"), "length");
  EXPECT_EQ(object.at("text"), RunTool(run).out);
  EXPECT_GT(object.at("timings").at("prefill_tokens_per_second"), 0);
}

TEST_F(CliModelTest, StopTextEndsTheTextBeforeIt) {
  const std::vector<std::string> run = {"run", "-m", model_, "-p", "And ", "-n", "40", "--temp", "0", "--ignore-end"};
  const std::string whole = RunTool(run).out;
  ASSERT_GT(whole.size(), 10u);
  const std::string stop = whole.substr(7, 3);
  std::vector<std::string> stopping = run;
  stopping.insert(stopping.end(), {"--stop", "no such text", "--stop", stop});
  const ToolResult result = RunTool(stopping);
  EXPECT_EQ(result.out, whole.substr(0, whole.find(stop)));
  EXPECT_THAT(result.err, HasSubstr("ended by stop_text"));
}

TEST_F(CliModelTest, UnknownDeviceIsNamed) {
  ExpectFailure(RunTool({"run", "-m", model_, "-p", "a", "--device", "abacus"}), "abacus");
}

TEST_F(CliModelTest, InterruptEndsTheTextInGoodOrder) {
  ToolProcess tool(SKEIN_TOOL, {"run", "-m", model_, "-p", "And ", "-n", "100000000", "--ignore-end"});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (tool.OutputSoFar().empty() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(tool.id(), SIGINT);
  const ToolResult result = tool.Wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("ended by cancelled"));
}

TEST_F(CliModelTest, ClosedStdoutEndsTheToolQuietly) {
  // A shell makes the pipe; its reader takes one byte and leaves.
  const TestFolder folder;
  const std::string script = std::string("{ '") + SKEIN_TOOL + "' run -m '" + model_ +
                             "' -p a -n 100000000 --ignore-end 2>'" + folder.Path("err") + "'; echo $? >'" +
                             folder.Path("code") + "'; } | head -c 1";
  const ToolResult result = ToolProcess("/bin/sh", {"-c", script}).Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(folder.Read("code"), "1\n");
  EXPECT_EQ(folder.Read("err"), "");
}

// --- logits ---

TEST_F(CliModelTest, LogitsAreTheSameWholeAndInChunks) {
  const TestFolder folder;
  const std::string ids = "[72, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100]";
  const ToolResult whole = RunTool({"logits", "-m", model_, "--tokens-file", folder.Write("ids", ids)});
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  ASSERT_EQ(whole.out.size() % (11 * sizeof(float)), 0u);
  const std::vector<float> expected = Floats(whole.out);
  ASSERT_GE(expected.size(), 11u * 2);
  for (const char* chunk : {"1", "7", "11", "1000"}) {
    const ToolResult result = RunTool({"logits", "-m", model_, "--tokens", "72,101,108,108,111,32,119,111,114,108,100",
                                       "--chunk", chunk, "--out", folder.Path("logits")});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, IsEmpty());
    const std::vector<float> logits = Floats(folder.Read("logits"));
    ASSERT_EQ(logits.size(), expected.size());
    EXPECT_LE(LargestDifference(logits, expected), 3e-4f) << "chunks of " << chunk;
  }
}

TEST_F(CliModelTest, DevicesAgreeOnLogitsAndState) {
  const TestFolder folder;
  std::vector<std::vector<float>> logits;
  std::vector<std::vector<float>> states;
  for (const json& device : json::parse(RunTool({"devices", "--json"}).out)) {
    const ToolResult result = RunTool({"logits", "-m", model_, "--tokens", "72,101,108,108,111", "--device",
                                       device.at("name"), "--state-out", folder.Path("state")});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    logits.push_back(Floats(result.out));
    states.push_back(Floats(folder.Read("state")));
    EXPECT_FALSE(states.back().empty());
  }
  for (size_t i = 1; i < logits.size(); ++i) {
    ASSERT_EQ(logits[i].size(), logits[0].size());
    ASSERT_EQ(states[i].size(), states[0].size());
    EXPECT_LE(LargestDifference(logits[i], logits[0]), 3e-4f);
    EXPECT_LE(LargestDifference(states[i], states[0]), 3e-4f);
  }
}

TEST_F(CliModelTest, TokenOutsideTheVocabularyFails) {
  ExpectFailure(RunTool({"logits", "-m", model_, "--tokens", "72,4000000000"}), "4000000000");
}

TEST_F(CliModelTest, UnwritableOutputIsNamed) {
  ExpectFailure(RunTool({"logits", "-m", model_, "--tokens", "72", "--out", "/nonexistent/logits"}),
                "/nonexistent/logits");
}

// --- score ---

// The log-likelihood of all `tokens` but the first, from the logits that `skein logits` writes.
double LogLikelihood(const std::string& model, const std::vector<uint32_t>& tokens) {
  const TestFolder folder;
  const ToolResult result = RunTool({"logits", "-m", model, "--tokens-file", folder.Write("ids", json(tokens).dump())});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::vector<float> logits = Floats(result.out);
  const size_t vocab_size = logits.size() / tokens.size();
  double total = 0;
  for (size_t t = 0; t + 1 < tokens.size(); ++t) {
    const float* row = &logits[t * vocab_size];
    double sum = 0;
    for (size_t i = 0; i < vocab_size; ++i) sum += std::exp(double{row[i]} - row[tokens[t + 1]]);
    total -= std::log(sum);
  }
  return total;
}

TEST_F(CliModelTest, ScoreOfATextIsWhatItsLogitsSay) {
  const TestFolder folder;
  const std::string text = "In the beginning God created the heaven and the earth.\n";
  const std::string path = folder.Write("text", text);
  const ToolResult scored = RunTool({"score", "-m", model_, path, "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  const json report = json::parse(scored.out);
  auto tokens = json::parse(RunTool({"tokenize", "-m", model_, text}).out).get<std::vector<uint32_t>>();
  size_t num_bytes = text.size();
  if (report.at("prefix").is_null()) {
    num_bytes -= RunTool({"detokenize", "-m", model_, std::to_string(tokens[0])}).out.size();
  } else {
    tokens.insert(tokens.begin(), report.at("prefix").get<uint32_t>());
  }
  const double expected = LogLikelihood(model_, tokens);
  const auto count = static_cast<double>(tokens.size() - 1);
  EXPECT_EQ(report.at("tokens"), tokens.size() - 1);
  EXPECT_EQ(report.at("bytes"), num_bytes);
  EXPECT_NEAR(report.at("log_likelihood").get<double>(), expected, 1e-3);
  EXPECT_NEAR(report.at("mean_log_likelihood").get<double>(), expected / count, 1e-4);
  EXPECT_NEAR(report.at("perplexity").get<double>(), std::exp(-expected / count), 1e-3);
  EXPECT_NEAR(report.at("bits_per_byte").get<double>(), -expected / std::log(2.0) / static_cast<double>(num_bytes),
              1e-4);
  const ToolResult from_stdin = RunTool({"score", "-m", model_, "-", "--json", "--chunk", "7"}, text);
  ASSERT_EQ(from_stdin.exit_code, 0) << from_stdin.err;
  EXPECT_NEAR(json::parse(from_stdin.out).at("log_likelihood").get<double>(), expected, 1e-3);
}

TEST_F(CliModelTest, ChoicesAreScoredAsContinuations) {
  const TestFolder folder;
  const std::string choices = folder.Write("choices", " to pass\n zebra\n\n qqq\n");
  const ToolResult result =
      RunTool({"score", "-m", model_, "-p", "And it came", "--no-prefix", "--choices", choices, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report.at("best"), 0);
  EXPECT_EQ(report.at("best_per_token"), 0);
  EXPECT_EQ(report.at("best_per_byte"), 0);
  ASSERT_EQ(report.at("choices").size(), 3u);
  const auto encode = [&](const std::string& text) {
    return json::parse(RunTool({"tokenize", "-m", model_, text}).out).get<std::vector<uint32_t>>();
  };
  for (const json& choice : report.at("choices")) {
    // The tokens that the whole text has more than the prompt.
    std::vector<uint32_t> prompt = encode("And it came");
    const auto text = choice.at("text").get<std::string>();
    std::vector<uint32_t> whole = prompt;
    const std::vector<uint32_t> own = encode(text);
    whole.insert(whole.end(), own.begin(), own.end());
    const double expected = LogLikelihood(model_, whole) - LogLikelihood(model_, prompt);
    EXPECT_NEAR(choice.at("log_likelihood").get<double>(), expected, 1e-3) << text;
    EXPECT_EQ(choice.at("tokens"), own.size());
    EXPECT_NEAR(choice.at("per_byte").get<double>(), expected / static_cast<double>(text.size()), 1e-3);
  }
  const ToolResult table = RunTool({"score", "-m", model_, "-p", "And it came", "--choices", choices});
  EXPECT_THAT(table.out, HasSubstr("* "));
  EXPECT_THAT(table.out, HasSubstr(" zebra\n"));
}

TEST_F(CliModelTest, ChoicesAreUsedAsTheHelpSays) {
  ExpectUsageError(RunTool({"score", "-m", model_, "-p", "And"}), "--prompt needs --choices");
  ExpectUsageError(RunTool({"score", "-m", model_, "-p", "And", "--choices", "x", "--chunk", "3"}), "--chunk exclude");
  const TestFolder folder;
  ExpectFailure(RunTool({"score", "-m", model_, "-p", "And", "--choices", folder.Write("none", "\n\n")}),
                "at least one line");
}

// --- embed ---

TEST_F(CliModelTest, EmbeddingsAreVectorsOfTheModelsWidth) {
  const ToolResult result = RunTool({"embed", "-m", model_, "--normalise", "In the beginning", "And"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  ASSERT_EQ(report.size(), 2u);
  EXPECT_EQ(report[1].at("text"), "And");
  EXPECT_EQ(report[1].at("tokens"), 3);
  double square = 0;
  for (const double value : report[1].at("embedding")) square += value * value;
  EXPECT_NEAR(square, 1, 1e-4);
  const ToolResult raw =
      RunTool({"embed", "-m", model_, "--lines", "-", "--normalise", "--raw"}, "In the beginning\nAnd");
  const std::vector<float> floats = Floats(raw.out);
  const size_t width = report[0].at("embedding").size();
  EXPECT_LT(result.out.size(), 2 * width * 15) << "a float has at most 9 digits";
  ASSERT_EQ(floats.size(), 2 * width);
  for (size_t i = 0; i < width; ++i) {
    EXPECT_NEAR(floats[i], report[0].at("embedding")[i].get<double>(), 1e-5);
    EXPECT_NEAR(floats[width + i], report[1].at("embedding")[i].get<double>(), 1e-5);
  }
}

TEST_F(CliModelTest, EmbedWithoutTextsIsAnError) {
  ExpectUsageError(RunTool({"embed", "-m", model_}), "expected texts");
  ExpectUsageError(RunTool({"embed", "-m", model_, "a", "--mean", "--last"}), "exclude each other");
}

// --- samples ---

TEST_F(CliModelTest, SamplesOfAPromptAreWritten) {
  const ToolResult result =
      RunTool({"run", "-m", model_, "-p", "And it", "-n", "12", "--n", "3", "--temp", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  ASSERT_EQ(report.at("samples").size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(report.at("samples")[i].at("sample"), i);
    EXPECT_EQ(report.at("samples")[i].at("tokens").size(), 12u);
    EXPECT_EQ(report.at("samples")[i].at("reason"), "length");
  }
  EXPECT_EQ(report.at("timings").at("num_tokens"), 36);
  const ToolResult best = RunTool({"run", "-m", model_, "-p", "And it", "-n", "12", "--best-of", "4"});
  EXPECT_THAT(best.out, StartsWith("[sample "));
  const ToolResult wrong = RunTool({"run", "-m", model_, "-p", "And it", "--n", "3", "--best-of", "2"});
  EXPECT_THAT(wrong.err, HasSubstr("--best-of 2"));
}

TEST(CliScoreTest, IdsOfAModelWithoutATokenizerAreScored) {
  const std::string model = DataPath("v7-n16.pth");
  const TestFolder folder;
  const ToolResult scored =
      RunTool({"score", "-m", model, "--tokens-file", folder.Write("ids", "[1,2,3,4,5,6,7]"), "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  const json report = json::parse(scored.out);
  EXPECT_TRUE(report.at("prefix").is_null());
  EXPECT_TRUE(report.at("bits_per_byte").is_null());
  EXPECT_EQ(report.at("tokens"), 6);
  EXPECT_NEAR(report.at("log_likelihood").get<double>(), LogLikelihood(model, {1, 2, 3, 4, 5, 6, 7}), 1e-3);
}

TEST(CliScoreTest, ContextStartsAfreshForEachPiece) {
  const std::string model = DataPath("v7-n16.pth");
  const TestFolder folder;
  const ToolResult scored = RunTool(
      {"score", "-m", model, "--tokens-file", folder.Write("ids", "[1,2,3,4,5,6,7]"), "--context", "4", "--json"});
  ASSERT_EQ(scored.exit_code, 0) << scored.err;
  const json report = json::parse(scored.out);
  EXPECT_EQ(report.at("tokens"), 5);
  EXPECT_NEAR(report.at("log_likelihood").get<double>(),
              LogLikelihood(model, {1, 2, 3, 4}) + LogLikelihood(model, {5, 6, 7}), 1e-3);
}

TEST(CliScoreTest, NothingToScoreAndIdsOutsideTheVocabularyFail) {
  const TestFolder folder;
  const std::string model = DataPath("v7-n16.pth");
  ExpectFailure(RunTool({"score", "-m", model, "--tokens-file", folder.Write("one", "1")}), "at least one token");
  ExpectFailure(RunTool({"score", "-m", model, "--tokens-file", folder.Write("out", "1,50")}), "50");
  ExpectFailure(RunTool({"score", "-m", model, folder.Write("text", "a")}), "--tokenizer");
}

// --- states and adapters ---

TEST(CliCompanionTest, StateAndAdaptersChangeTheLogits) {
  const std::string model = DataPath("v7-n16.pth");
  const auto ids = ReadIds("v7-n16.tokens.json");
  const struct {
    std::vector<std::string> options;
    const char* expected;
  } cases[] = {{{"--state", DataPath("v7-n16.time_state.pth")}, "v7-n16.time_state.logits.f32"},
               {{"--lora", DataPath("v7-n16.lora.pth") + ":0.5"}, "v7-n16.lora.logits.f32"},
               {{"--lora", DataPath("v7-n16.pissa.pth"), "--lora", DataPath("v7-n16.pissa_init.pth")},
                "v7-n16.pissa.logits.f32"}};
  for (const auto& test : cases) {
    std::vector<std::string> arguments = {"logits", "-m", model, "--tokens", ids};
    arguments.insert(arguments.end(), test.options.begin(), test.options.end());
    const ToolResult result = RunTool(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const std::vector<float> expected = Floats(ReadData(test.expected));
    ASSERT_EQ(Floats(result.out).size(), expected.size());
    EXPECT_LE(LargestDifference(Floats(result.out), expected), 1e-4f) << test.expected;
  }
}

TEST(CliCompanionTest, InspectSaysWhatTheyAre) {
  const ToolResult state = RunTool({"inspect", DataPath("v7-n16.time_state.pth"), "--json"});
  ASSERT_EQ(state.exit_code, 0) << state.err;
  EXPECT_EQ(json::parse(state.out).at("kind"), "tuned state");
  EXPECT_EQ(json::parse(state.out).at("head_size"), 16);
  const ToolResult adapter = RunTool({"inspect", DataPath("v7-n16.lora.pth")});
  ASSERT_EQ(adapter.exit_code, 0) << adapter.err;
  EXPECT_THAT(adapter.out, HasSubstr("kind: adapter"));
}

// Where the bytes of the storage "0" begin in a .pth: behind its local header in the zip, with the name and padding.
size_t FirstByteOfStorage(const std::string& pth) {
  const size_t header = pth.rfind("PK\x03\x04", pth.find("/data/0"));
  const auto length_at = [&](size_t offset) {
    return static_cast<size_t>(static_cast<uint8_t>(pth[header + offset])) +
           static_cast<size_t>(static_cast<uint8_t>(pth[header + offset + 1])) * 256;
  };
  return header + 30 + length_at(26) + length_at(28);
}

TEST(CliInspectTest, ReadsNoWeightsUnlessItVerifies) {
  const TestFolder folder;
  for (const char* name : {"v7-n16.pth", "v7-n16.time_state.pth", "v7-n16.lora.pth"}) {
    std::ifstream in(DataPath(name), std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    bytes[FirstByteOfStorage(bytes)] ^= 1;
    folder.Write(name, bytes);
    EXPECT_EQ(RunTool({"inspect", DataPath(name), "--verify"}).exit_code, 0) << name;
    EXPECT_EQ(RunTool({"inspect", folder.Path(name)}).exit_code, 0) << name;
    ExpectFailure(RunTool({"inspect", folder.Path(name), "--verify"}), "expected CRC-32");
  }
  ExpectFailure(RunTool({"logits", "-m", folder.Path("v7-n16.pth"), "--tokens", "1"}), "expected CRC-32");
}

// The adapter of tests/data as PEFT's save_pretrained would lay it down: its scale is 0.5.
TEST(CliCompanionTest, AFolderOfPeftHasItsScaleInItsConfig) {
  const TestFolder folder;
  folder.Write("adapter_model.bin", ReadData("v7-n16.lora.pth"));
  folder.Write("adapter_config.json", R"({"peft_type": "LORA", "r": 4, "lora_alpha": 2})");
  const std::string path = std::filesystem::path(folder.Path("adapter_model.bin")).parent_path().string();
  const std::vector<std::string> logits = {
      "logits", "-m", DataPath("v7-n16.pth"), "--tokens", ReadIds("v7-n16.tokens.json"), "--lora"};
  const auto with = [&](const std::string& lora) {
    std::vector<std::string> arguments = logits;
    arguments.push_back(lora);
    return RunTool(arguments);
  };
  const std::vector<float> expected = Floats(ReadData("v7-n16.lora.logits.f32"));
  for (const std::string& lora : {path, folder.Path("adapter_model.bin")}) {
    const ToolResult result = with(lora);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, Not(HasSubstr("warning")));
    EXPECT_LE(LargestDifference(Floats(result.out), expected), 1e-4f);
  }
  EXPECT_THAT(RunTool({"inspect", path}).out, HasSubstr("scale: 0.5 (lora_alpha 2 / r 4)"));
  std::filesystem::remove(folder.Path("adapter_config.json"));
  EXPECT_THAT(with(path).err, HasSubstr("skein: warning: "));
  EXPECT_THAT(with(path).err, HasSubstr("scale 1 is taken"));
  ExpectFailure(RunTool({"run", "-m", path, "-p", "a", "-n", "1"}), "option lora");
}

TEST(CliCompanionTest, BadScaleIsNamed) {
  ExpectFailure(RunTool({"logits", "-m", DataPath("v7-n16.pth"), "--tokens", "1", "--lora", "x.pth:1e9"}), "scale");
}

// --- convert, inspect, bench ---

TEST_F(CliModelTest, ConvertedPackageGivesTheSameLogits) {
  const TestFolder folder;
  const std::string out = folder.Path("copy.skein");
  const ToolResult converted = RunTool({"convert", model_, "-o", out, "--name", "copy of the demo"});
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_THAT(RunTool({"inspect", out}).out, HasSubstr("copy of the demo"));
  EXPECT_EQ(RunTool({"inspect", out, "--verify"}).exit_code, 0);
  EXPECT_EQ(RunTool({"logits", "-m", out, "--tokens", "72,101"}).out,
            RunTool({"logits", "-m", model_, "--tokens", "72,101"}).out);
  ExpectFailure(RunTool({"convert", model_, "-o", out}), out);
  EXPECT_EQ(RunTool({"convert", model_, "-o", out, "--overwrite"}).exit_code, 0);
}

TEST_F(CliModelTest, ConvertWritesTheLayoutThatIsNamedAndPanelsIfNoneIs) {
  const TestFolder folder;
  const auto layout_of_the_head = [](const std::string& path) {
    const json model = json::parse(RunTool({"inspect", path, "--json"}).out);
    return model.at("tensors").back().at("layout").get<std::string>();
  };
  const std::string unnamed = folder.Path("unnamed.skein"), rows = folder.Path("rows.skein");
  ASSERT_EQ(RunTool({"convert", model_, "-o", unnamed}).exit_code, 0);
  EXPECT_EQ(layout_of_the_head(unnamed), "panels");
  ASSERT_EQ(RunTool({"convert", unnamed, "-o", rows, "--layout", "rows"}).exit_code, 0);
  EXPECT_EQ(layout_of_the_head(rows), "rows");
  ExpectFailure(RunTool({"convert", model_, "-o", folder.Path("tiles.skein"), "--layout", "tiles"}),
                "expected panels or rows");
}

TEST_F(CliModelTest, VerifyFindsAFlippedBit) {
  const TestFolder folder;
  const std::string path = folder.Path("flipped.skein");
  std::filesystem::copy(model_, path);
  std::string bytes = folder.Read("flipped.skein");
  bytes[bytes.size() / 2] ^= 1;
  folder.Write("flipped.skein", bytes);
  ExpectFailure(RunTool({"inspect", path, "--verify"}), path);
}

TEST_F(CliModelTest, InspectAsJsonIsOneObject) {
  const ToolResult result = RunTool({"inspect", model_, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json model = json::parse(result.out);
  EXPECT_EQ(model.at("generation"), 7);
  EXPECT_THAT(model.at("devices").get<std::vector<std::string>>(), testing::Contains("reference"));
}

TEST_F(CliModelTest, InspectSaysWhichDeviceRunsIt) {
  const ToolResult result = RunTool({"inspect", model_});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("RWKV-7"));
  EXPECT_THAT(result.out, HasSubstr("\nRuns on "));
}

// The model file's vocabulary is enough: there is no device here that could load the model.
TEST_F(CliModelTest, TokenizeNeedsNoDevice) {
  namespace fs = std::filesystem;
  const TestFolder folder;
  const fs::path plugins =
      fs::path(folder.Path("lib")) / fs::relative(SKEIN_PLUGIN_DIR, fs::path(SKEIN_LIBRARY).parent_path());
  fs::create_directories(plugins);
  fs::create_directory(folder.Path("bin"));
  fs::copy(SKEIN_TOOL, folder.Path("bin"));
  fs::copy(SKEIN_LIBRARY, folder.Path("lib"));
  for (const auto& plugin : fs::directory_iterator(SKEIN_PLUGIN_DIR)) {
    if (plugin.path().filename().string().rfind("tokenizer-", 0) == 0) fs::copy(plugin, plugins);
  }
  const ToolResult result = ToolProcess(folder.Path("bin/skein"), {"tokenize", "-m", model_, "and he said"}).Wait();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, RunTool({"tokenize", "-m", model_, "and he said"}).out);
}

TEST(CliTokenizeTest, ModelWithoutAVocabularyIsNamed) {
  ExpectFailure(RunTool({"tokenize", "-m", DataPath("v7-n16.pth"), "a"}), "v7-n16.pth: the model has no vocabulary");
}

TEST_F(CliModelTest, BenchGivesFiguresForEachTest) {
  const ToolResult result =
      RunTool({"bench", "-m", model_, "--decode", "4", "--prefill", "8", "--streams", "2", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  ASSERT_EQ(report.at("results").size(), 3u);
  for (const json& entry : report.at("results")) {
    EXPECT_GT(entry.at("tokens_per_second"), 0) << entry;
    EXPECT_GT(entry.at("bandwidth_share").at("median"), 0) << entry;
  }
  EXPECT_GT(report.at("plain_read_bandwidth_bytes_per_second"), 0);
  EXPECT_GT(report.at("read_bandwidth_bytes_per_second"), 0);
  EXPECT_GT(report.at("load_seconds"), 0);
  EXPECT_GT(report.at("loaded_peak_bytes"), report.at("loaded_anonymous_bytes"));
}

TEST(CliBenchTest, SamplesByRequestsIfAsked) {
  const ToolResult result = RunTool({"bench", "--shape", "C=192,L=2,F=500,V=70", "--decode", "3", "--prefill", "8",
                                     "--streams", "2", "--runs", "1", "--sample", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json report = json::parse(result.out);
  ASSERT_EQ(report.at("results").size(), 5u);
  for (const size_t i : {3, 4}) {
    const json& entry = report.at("results")[i];
    EXPECT_EQ(entry.at("test"), "sample");
    EXPECT_EQ(entry.at("streams"), i == 3 ? 1 : 2);
    EXPECT_GT(entry.at("tokens_per_second"), 0) << entry;
  }
}

TEST(CliBenchTest, AShapeNeedsNoFileAndTheTypeIsNamed) {
  for (const char* type : {"bf16", "q8", "q4"}) {
    const ToolResult result = RunTool({"bench", "--shape", "C=192,L=2,F=500,V=70", "--type", type, "--decode", "2",
                                       "--prefill", "8", "--streams", "2", "--runs", "1", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json report = json::parse(result.out);
    EXPECT_EQ(report.at("type"), type);
    for (const json& entry : report.at("results")) EXPECT_EQ(entry.at("type"), type);
  }
  ExpectFailure(RunTool({"bench", "--shape", "0.3B"}), "shape \"0.3B\": expected 0.1B");
  ExpectUsageError(RunTool({"bench", "--shape", "0.1B", "-m", "x"}), "expected -m or --shape");
}

TEST(CliBenchTest, SharesOfLibrariesAreShownWhereTheDeviceUsesOne) {
  if (!std::filesystem::exists(std::string(SKEIN_PLUGIN_DIR) + "/backend-onednn.so")) {
    GTEST_SKIP() << "only one backend is built";
  }
  const std::vector<std::string> arguments = {
      "bench", "--shape", "C=192,L=2,F=500,V=70", "--decode", "2", "--prefill", "64", "--streams", "1", "--runs",
      "1",     "--device"};
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(), arguments.begin(), arguments.end());
    const ToolResult result = RunTool(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  EXPECT_THAT(run({"cpu"}), HasSubstr("% IN oneDNN"));
  EXPECT_THAT(run({"reference"}), Not(HasSubstr("% IN")));
  const auto results = [&](const char* device) -> json { return json::parse(run({device, "--json"})).at("results"); };
  for (const json& entry : results("cpu")) {
    const double share = entry.at("library_shares").at("oneDNN");
    EXPECT_GE(share, 0) << entry;
    EXPECT_LE(share, 1) << entry;
    if (entry.at("test") == "decode") {
      EXPECT_EQ(share, 0) << entry;
    }
  }
  for (const json& entry : results("reference")) {
    EXPECT_FALSE(entry.contains("library_shares")) << entry;
  }
}

}  // namespace
}  // namespace skein
