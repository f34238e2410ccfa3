// The `skein` tool as its users meet it: exit codes, stdout and stderr, and messages. The commands that take a model
// are in model_commands_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
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

// --- usage ---

TEST(CliUsageTest, WithoutACommandTheOverviewGoesToStderr) {
  const ToolResult result = RunTool({});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("tokenize"));
}

TEST(CliUsageTest, OverviewListsEveryCommandAndNoOther) {
  const ToolResult result = RunTool({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, IsEmpty());
  for (const char* command : {"run", "logits", "score", "embed", "tokenize", "detokenize", "convert", "inspect",
                              "state", "devices", "plugins", "bench"}) {
    EXPECT_THAT(result.out, HasSubstr(std::string("\n  ") + command + " "));
  }
  EXPECT_THAT(result.out, Not(HasSubstr("probe-plugin")));
}

TEST(CliUsageTest, EveryCommandDescribesItsOptions) {
  for (const char* command : {"run", "logits", "score", "embed", "tokenize", "detokenize", "convert", "inspect",
                              "state", "devices", "plugins", "bench"}) {
    const ToolResult result = RunTool({command, "--help"});
    EXPECT_EQ(result.exit_code, 0) << command;
    EXPECT_THAT(result.out, StartsWith(std::string("usage: skein ") + command));
    EXPECT_THAT(result.out, HasSubstr("--threads N"));
  }
}

TEST(CliUsageTest, HelpFitsATerminal) {
  for (const char* command : {"", "run", "chat", "logits", "score", "embed", "tokenize", "detokenize", "convert",
                              "inspect", "state", "devices", "plugins", "bench"}) {
    const std::string out = *command == '\0' ? RunTool({"--help"}).out : RunTool({command, "--help"}).out;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << command << ": " << line;
  }
}

TEST(CliUsageTest, HelpIsACommandToo) {
  EXPECT_EQ(RunTool({"help"}).out, RunTool({"--help"}).out);
  EXPECT_EQ(RunTool({"help", "run"}).out, RunTool({"run", "--help"}).out);
  EXPECT_EQ(RunTool({"--help", "run"}).out, RunTool({"run", "--help"}).out);
  ExpectUsageError(RunTool({"help", "rnu"}), "unknown command rnu; did you mean run?");
}

TEST(CliUsageTest, HelpOfTheChatListsItsCommands) {
  const std::string out = RunTool({"chat", "--help"}).out;
  for (const char* command : {"/undo [N] ", "/edit TEXT ", "/branch [NAME] ", "/tree ", "/quit "}) {
    EXPECT_THAT(out, HasSubstr(std::string("\n  ") + command));
  }
}

// Those of the commands too, which know more than the table of options.
TEST(CliUsageTest, EveryUsageErrorSaysWhereTheHelpIs) {
  ExpectUsageError(RunTool({"run", "--bogus"}), "(see skein run --help)");
  ExpectUsageError(RunTool({"run"}), "a model is needed: -m FILE (see skein run --help)");
  ExpectUsageError(RunTool({"state", "make"}), "state make: expected -o FILE (see skein state --help)");
}

TEST(CliUsageTest, OfTwoThatExcludeEachOtherTheMessageSaysWhatItFound) {
  ExpectUsageError(RunTool({"logits", "-m", "m", "--tokens", "1", "--tokens-file", "f"}), "found both");
  ExpectUsageError(RunTool({"logits", "-m", "m"}), "found neither");
  ExpectUsageError(RunTool({"embed", "-m", "m", "a", "--lines", "f"}), "found both");
  ExpectUsageError(RunTool({"embed", "-m", "m"}), "found neither");
  ExpectUsageError(RunTool({"tokenize", "--tokenizer", "world", "a", "--stdin"}), "found both");
  ExpectUsageError(RunTool({"state", "make", "-m", "m", "-o", "f", "a", "-f", "g"}), "found both");
  ExpectUsageError(RunTool({"state", "make", "-m", "m", "-o", "f", "a", "b"}), "found 2 texts");
  ExpectUsageError(RunTool({"state", "mkae"}), "expected make, list or inspect, found mkae; did you mean make?");
  ExpectUsageError(RunTool({"bench"}), "expected -m or --shape, found neither");
}

TEST(CliUsageTest, ValuesThatTheLibraryWouldRefuseLaterAreWrongUsage) {
  ExpectUsageError(RunTool({"run", "-m", "m", "-p", "a", "--stop", ""}), "--stop: expected a text, found an empty one");
  ExpectUsageError(RunTool({"run", "-m", "m", "-p", "a", "--n", "3", "--best-of", "2"}),
                   "--best-of 2: expected at least --n, which is 3");
  ExpectUsageError(RunTool({"bench", "-m", "m", "--streams", "1000000"}), "bench: --streams: ");
}

TEST(CliUsageTest, VersionIsTheLibrarys) {
  const ToolResult result = RunTool({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, StartsWith("skein 1."));
  EXPECT_EQ(RunTool({"run", "--version"}).out, result.out);
}

TEST(CliUsageTest, UnknownCommandHintsAtTheNearest) { ExpectUsageError(RunTool({"devcies"}), "did you mean devices?"); }

TEST(CliUsageTest, UnknownOptionHintsAtTheNearest) {
  ExpectUsageError(RunTool({"run", "--tmep", "1"}), "unknown option --tmep; did you mean --temp?");
}

TEST(CliUsageTest, MissingValueIsNamed) { ExpectUsageError(RunTool({"run", "-m"}), "--model needs a value FILE"); }

TEST(CliUsageTest, MalformedNumberIsShown) {
  ExpectUsageError(RunTool({"run", "--temp=warm"}), "--temp: expected a number, found \"warm\"");
  ExpectUsageError(RunTool({"run", "-n0"}), "--tokens: expected an integer of at least 1, found \"0\"");
  ExpectUsageError(RunTool({"run", "-n99999999999999999999"}),
                   "--tokens: expected an integer of at least 1, which 64 bits hold, found");
}

TEST(CliUsageTest, NumberOutOfRangeIsRefusedWithTheOptionsName) {
  ExpectUsageError(RunTool({"run", "-m", "/nonexistent", "-p", "a", "--temp", "-1"}), "--temp: ");
}

TEST(CliUsageTest, OptionGivenTwiceIsRefused) {
  ExpectUsageError(RunTool({"run", "-n", "1", "--tokens", "2"}), "--tokens is given twice");
}

TEST(CliUsageTest, UnexpectedArgumentIsShown) {
  ExpectUsageError(RunTool({"devices", "cpu"}), "unexpected argument \"cpu\"");
}

TEST(CliUsageTest, CommandsSayWhatTheyLack) {
  ExpectUsageError(RunTool({"run", "-p", "a"}), "-m FILE");
  ExpectUsageError(RunTool({"logits", "-m", "x"}), "--tokens");
  ExpectUsageError(RunTool({"logits", "-m", "x", "--tokens", "1,x"}), "byte 2: expected a token id, found \"x\"");
  ExpectUsageError(RunTool({"score", "-m", "x"}), "expected a text file or --tokens-file");
  ExpectUsageError(RunTool({"score", "-m", "x", "text", "--tokens-file", "ids"}),
                   "expected a text file or --tokens-file");
  ExpectUsageError(RunTool({"tokenize", "text"}), "--tokenizer");
  ExpectUsageError(RunTool({"tokenize", "--tokenizer", "bytes"}), "--stdin");
  ExpectUsageError(RunTool({"convert", "x"}), "-o OUT.skein");
  ExpectUsageError(RunTool({"inspect"}), "model file");
}

// --- failures ---

TEST(CliFailureTest, MissingModelIsNamed) {
  const std::string path = "/nonexistent/model.skein";
  ExpectFailure(RunTool({"run", "-m", path, "-p", "a"}), path);
  ExpectFailure(RunTool({"logits", "-m", path, "--tokens", "1"}), path);
  ExpectFailure(RunTool({"inspect", path}), path);
  ExpectFailure(RunTool({"convert", path, "-o", "/nonexistent/out.skein"}), path);
  ExpectFailure(RunTool({"tokenize", "--tokenizer", path, "a"}), path);
}

TEST(CliFailureTest, FileThatIsNoModelIsNamed) {
  const TestFolder folder;
  const std::string path = folder.Write("letter.skein", "Dear reader,\n");
  ExpectFailure(RunTool({"run", "-m", path, "-p", "a"}), path);
  ExpectFailure(RunTool({"inspect", path}), path);
}

TEST(CliFailureTest, MissingTokensFileIsNamed) {
  ExpectFailure(RunTool({"logits", "-m", "x", "--tokens-file", "/nonexistent/ids"}), "/nonexistent/ids");
}

// --- tokenize, detokenize ---

TEST(CliTokenizeTest, StdinIsOneArrayOfAllItsBytes) {
  const ToolResult result = RunTool({"tokenize", "--tokenizer", "bytes", "--stdin"}, std::string("a\n\xff\0z", 5));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "[97,10,255,0,122]\n");
  EXPECT_THAT(result.err, IsEmpty());
}

TEST(CliTokenizeTest, EmptyStdinIsAnEmptyArray) {
  EXPECT_EQ(RunTool({"tokenize", "--tokenizer=bytes", "--stdin"}).out, "[]\n");
}

TEST(CliTokenizeTest, EachArgumentIsALine) {
  EXPECT_EQ(RunTool({"tokenize", "--tokenizer", "bytes", "ab", "", "--", "-c"}).out, "[97,98]\n[]\n[45,99]\n");
}

TEST(CliTokenizeTest, DetokenizeGivesTheBytesBack) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>(i * 37 % 256);
  const ToolResult ids = RunTool({"tokenize", "--tokenizer", "bytes", "--stdin"}, bytes);
  const ToolResult text = RunTool({"detokenize", "--tokenizer", "bytes", "--stdin"}, ids.out);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_EQ(text.out, bytes);
}

TEST(CliTokenizeTest, DetokenizeJoinsArraysOfSeveralLines) {
  EXPECT_EQ(RunTool({"detokenize", "--tokenizer", "bytes", "--stdin"}, "[97, 98]\n[]\n[99]\n").out, "abc");
  EXPECT_EQ(RunTool({"detokenize", "--tokenizer", "bytes", "97,98", "[99]"}).out, "abc");
}

TEST(CliTokenizeTest, DetokenizeSaysWhereTheListIsWrong) {
  for (const char* list : {"[97, 9x]", "[97,,98]", "[97", "97]", "[97,]", "[[97]]", "[-1]", "[97.5]", "[\"a\"]"}) {
    ExpectFailure(RunTool({"detokenize", "--tokenizer", "bytes", "--stdin"}, list), "standard input: byte ");
  }
  ExpectFailure(RunTool({"detokenize", "--tokenizer", "bytes", "--stdin"}, "[99999999999]"), "4294967295");
}

TEST(CliTokenizeTest, IdOutsideTheVocabularyFails) {
  ExpectFailure(RunTool({"detokenize", "--tokenizer", "bytes", "256"}), "256");
}

// --- plugins, devices ---

TEST(CliPluginsTest, ListsWhatWasLoaded) {
  const ToolResult result = RunTool({"plugins", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::vector<std::string> ids;
  for (const json& plugin : json::parse(result.out)) {
    EXPECT_TRUE(plugin.at("loaded").get<bool>()) << plugin;
    ids.push_back(plugin.at("id"));
  }
  EXPECT_THAT(ids, testing::IsSupersetOf({"reference", "bytes", "world", "safetensors", "pth", "rwkvcpp"}));
  EXPECT_THAT(RunTool({"plugins"}).out, HasSubstr("safetensors"));
}

TEST(CliPluginsTest, TextFileRenamedIsRefusedWithItsName) {
  const TestFolder folder;
  const std::string path = folder.Write("letter.so", "Dear reader,\n");
  ExpectFailure(RunTool({"plugins", "--probe", path}), path);
  const ToolResult listed = RunTool({"plugins", "--json", "--plugin-path", folder.Path("")});
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  const json first = json::parse(listed.out).at(0);
  EXPECT_FALSE(first.at("loaded").get<bool>());
  EXPECT_THAT(first.at("path").get<std::string>(), HasSubstr("letter.so"));
  EXPECT_THAT(first.at("reason").get<std::string>(), Not(IsEmpty()));
}

TEST(CliPluginsTest, ProbeOfAMissingFileFails) {
  ExpectFailure(RunTool({"plugins", "--probe", "/nonexistent/plugin.so"}), "/nonexistent/plugin.so");
}

TEST(CliPluginsTest, ProbeSurvivesACrash) {
  const ToolResult result = RunTool({"plugins", "--probe", SKEIN_CRASHING_PLUGIN});
  ExpectFailure(result, "ended by signal 11");
  EXPECT_THAT(result.err, HasSubstr(SKEIN_CRASHING_PLUGIN));
}

TEST(CliPluginsTest, ProbeIsNotDeceivedByAPluginThatPrintsAndExits) {
  const ToolResult result = RunTool({"plugins", "--probe", SKEIN_EXITING_PLUGIN});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, IsEmpty());
  EXPECT_THAT(result.err, HasSubstr("exit code 0 before it answered"));
}

TEST(CliPluginsTest, ProbeOfABackendNamesItsDevices) {
  const ToolResult result =
      RunTool({"plugins", "--json", "--probe", std::string(SKEIN_PLUGIN_DIR) + "/backend-reference.so"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json record = json::parse(result.out);
  EXPECT_EQ(record.at("id"), "reference");
  EXPECT_EQ(record.at("devices"), json::array({"reference"}));
}

// A folder whose name is no UTF-8, with plugins that cannot be used or not wholly.
TEST(CliPluginsTest, EveryListSaysWhatFailedAndWhy) {
  const TestFolder parent;
  const std::string folder = parent.Path("p\xFF\n");
  std::filesystem::create_directory(folder);
  std::filesystem::copy(SKEIN_GREEDY_PLUGIN, folder + "/greedy.so");
  std::filesystem::copy(SKEIN_GREEDY_PLUGIN, folder + "/half.so");
  std::filesystem::resize_file(folder + "/half.so", std::filesystem::file_size(folder + "/half.so") / 2);
  const ToolResult devices = RunTool({"devices", "--json", "--plugin-path", folder});
  ASSERT_EQ(devices.exit_code, 0) << devices.err;
  for (const json& device : json::parse(devices.out)) EXPECT_NE(device.at("plugin"), "greedy");
  for (const char* reason : {"half.so: expected a shared object", "name \"cpu\" is taken by",
                             "name \"a=b,c\" has a ','", "its name is empty", "name \"\\xff\" is not UTF-8"}) {
    EXPECT_THAT(devices.err, HasSubstr(reason));
  }
  const ToolResult plugins = RunTool({"plugins", "--json", "--plugin-path", folder});
  ASSERT_EQ(plugins.exit_code, 0) << plugins.err;
  const json greedy = json::parse(plugins.out).at(0);
  EXPECT_TRUE(greedy.at("loaded").get<bool>());
  EXPECT_THAT(greedy.at("path").get<std::string>(), HasSubstr("p\uFFFD\\n/greedy.so"));
  EXPECT_THAT(greedy.at("reason").get<std::string>(), HasSubstr("its name is empty"));
  EXPECT_THAT(RunTool({"plugins", "--plugin-path", folder}).out, HasSubstr("left out: "));
  const ToolResult run = RunTool({"run", "-m", SKEIN_DEMO_MODEL, "--device", "cuda:0", "--plugin-path", folder});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("no device \"cuda:0\"; there are: "));
  EXPECT_THAT(run.err, HasSubstr("still being copied"));
}

TEST(CliDevicesTest, ListsTheReferenceDevice) {
  const ToolResult result = RunTool({"devices", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json devices = json::parse(result.out);
  const auto reference =
      std::find_if(devices.begin(), devices.end(), [](const json& device) { return device.at("name") == "reference"; });
  ASSERT_NE(reference, devices.end());
  EXPECT_THAT(reference->at("generations").get<std::vector<int>>(), testing::Contains(7));
  EXPECT_THAT(RunTool({"devices"}).out, HasSubstr("reference"));
}

// The tool, the library and the plugins find each other wherever the tree is copied to, and one backend is enough.
TEST(CliDevicesTest, CopiedTreeWorksWithEitherBackendAlone) {
  namespace fs = std::filesystem;
  if (!fs::exists(std::string(SKEIN_PLUGIN_DIR) + "/backend-onednn.so")) GTEST_SKIP() << "only one backend is built";
  for (const auto& [removed, left] :
       {std::pair("backend-onednn.so", "reference"), std::pair("backend-reference.so", "cpu")}) {
    const TestFolder folder;
    const fs::path plugins =
        fs::path(folder.Path("lib")) / fs::relative(SKEIN_PLUGIN_DIR, fs::path(SKEIN_LIBRARY).parent_path());
    fs::create_directories(plugins);
    fs::create_directory(folder.Path("bin"));
    fs::copy(SKEIN_TOOL, folder.Path("bin"));
    fs::copy(SKEIN_LIBRARY, folder.Path("lib"));
    for (const auto& plugin : fs::directory_iterator(SKEIN_PLUGIN_DIR)) {
      if (plugin.path().extension() == ".so" && plugin.path().filename() != removed) fs::copy(plugin, plugins);
    }
    const ToolResult result = ToolProcess(folder.Path("bin/skein"), {"devices", "--json"}).Wait();
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json devices = json::parse(result.out);
    ASSERT_EQ(devices.size(), 1u) << result.out;
    EXPECT_EQ(devices[0].at("name"), left);
  }
}

TEST(CliDevicesTest, KernelsAreListedForEveryDevice) {
  const ToolResult result = RunTool({"devices", "--kernels"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("reference: has no choice of kernels"));
}

}  // namespace
}  // namespace skein
