// skein bench --arrival-rate, traces of the tool, and the limits that it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using nlohmann::json;
using testing::ContainsRegex;
using testing::HasSubstr;

class LoadBenchTest : public CliModelTest {
 protected:
  // A second of arrivals, `rate` of them on average.
  std::vector<std::string> Command(const std::vector<std::string>& more, const std::string& rate = "100") const {
    std::vector<std::string> words = {"bench", "-m",           model_, "--arrival-rate", rate, "--duration",
                                      "1",     "--max-tokens", "4"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  json Measure(const std::vector<std::string>& more, const std::string& rate = "100") const {
    std::vector<std::string> words = Command(more, rate);
    words.emplace_back("--json");
    const ToolResult result = RunTool(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
};

TEST_F(LoadBenchTest, EveryRequestIsDoneOrRefused) {
  const json report = Measure({"--prompt-lengths", "3,9"});
  const auto done = report.at("num_done").get<uint64_t>();
  EXPECT_GT(done, 0u);
  EXPECT_EQ(report.at("num_failed"), 0);
  EXPECT_EQ(report.at("num_cancelled"), 0);
  EXPECT_EQ(report.at("first_token_seconds").at("count"), done);
  EXPECT_EQ(report.at("between_tokens_seconds").at("count"), 3 * done);
  EXPECT_EQ(report.at("retry_after_seconds").at("count"), report.at("num_refused"));
  for (const char* times : {"queue_seconds", "first_token_seconds", "whole_request_seconds"}) {
    const json& row = report.at(times);
    EXPECT_LE(row.at("p50").get<double>(), row.at("p90").get<double>()) << times;
    EXPECT_LE(row.at("p90").get<double>(), row.at("p99").get<double>()) << times;
    EXPECT_LE(row.at("p99").get<double>(), row.at("max").get<double>()) << times;
  }
  EXPECT_LT(report.at("first_token_seconds").at("p50").get<double>(),
            report.at("whole_request_seconds").at("p50").get<double>());
  EXPECT_GT(report.at("engine_seconds").at("steps").get<double>(), 0.0);
}

TEST_F(LoadBenchTest, TheSeedMakesTheLoad) {
  const auto requests = [this](const char* seed) {
    const json report = Measure({"--seed", seed, "--prompt-lengths", "2-5"});
    return report.at("num_done").get<uint64_t>() + report.at("num_refused").get<uint64_t>();
  };
  const uint64_t first = requests("7");
  EXPECT_EQ(first, requests("7"));
  EXPECT_NE(first, requests("8"));
  // A hundred arrivals, with their deviation of ten.
  EXPECT_GT(first, 50u);
  EXPECT_LT(first, 150u);
}

TEST_F(LoadBenchTest, RequestsThatFindNoRoomAreRefusedWithATime) {
  const json report = Measure({"--streams", "1", "--prompt-lengths", "400"}, "3000");
  EXPECT_GT(report.at("num_refused").get<uint64_t>(), 0u);
  EXPECT_GT(report.at("num_done").get<uint64_t>(), 0u);
  EXPECT_GT(report.at("retry_after_seconds").at("p50").get<double>(), 0.0);
}

TEST_F(LoadBenchTest, SharedPrefixComesFromTheCache) {
  const json report = Measure({"--shared-prefix", "300", "--prompt-lengths", "2"});
  const double prompt_tokens = report.at("prompt_tokens_per_second").get<double>() * report.at("seconds").get<double>();
  EXPECT_NEAR(prompt_tokens, 302 * report.at("num_done").get<double>(), 0.5);
  EXPECT_GT(report.at("cached_share").get<double>(), 0.8) << "the first two prompts, and two tokens of each, are read";
  EXPECT_EQ(Measure({"--prompt-lengths", "20"}).at("cached_share").get<double>(), 0.0);
}

TEST_F(LoadBenchTest, TableNamesWhatUsersWaitFor) {
  const ToolResult result = RunTool(Command({}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* row : {"MILLISECONDS +P50 +P90 +P99 +MAX +COUNT", "first token +[0-9.]+", "between tokens +[0-9.]+",
                          "whole request +[0-9.]+", "[0-9]+ requests in [0-9.]+ s: [0-9]+ done, [0-9]+ refused"}) {
    EXPECT_THAT(result.out, ContainsRegex(row));
  }
  EXPECT_THAT(result.err, ContainsRegex("of the engine's time [0-9.]+ % went to planning"));
}

// Every element is closed, in order.
void ExpectWellFormed(const std::string& xml) {
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z]+)[^<>]*?(/?)>");
  for (std::sregex_iterator match(xml.begin(), xml.end(), tag), end; match != end; ++match) {
    const std::string name = (*match)[2];
    if ((*match)[1] == "/") {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), name);
      open.pop_back();
    } else if ((*match)[3] != "/") {
      open.push_back(name);
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST_F(LoadBenchTest, PlotHasACurveForEachTime) {
  const TestFolder folder;
  const ToolResult result = RunTool(Command({"--svg", folder.Path("plot.svg")}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string plot = folder.Read("plot.svg");
  EXPECT_EQ(std::filesystem::status(folder.Path("plot.svg")).permissions(),
            std::filesystem::status(folder.Write("any", "")).permissions());
  EXPECT_TRUE(plot.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  ExpectWellFormed(plot);
  size_t num_curves = 0;
  for (size_t at = plot.find("<polyline"); at != std::string::npos; at = plot.find("<polyline", at + 1)) ++num_curves;
  EXPECT_EQ(num_curves, 3u);
  for (const char* text : {"first token", "between tokens", "whole request", "milliseconds", "100 %"}) {
    EXPECT_THAT(plot, HasSubstr(text));
  }
}

TEST_F(LoadBenchTest, PlotInAFolderThatIsNotThereFailsBeforeTheRun) {
  const TestFolder folder;
  const std::string path = folder.Path("none/plot.svg");
  const ToolResult result = RunTool(Command({"--svg", path}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "") << "the run is over";
  EXPECT_THAT(result.err, HasSubstr(path + ": cannot be written: No such file or directory"));
}

TEST_F(LoadBenchTest, EachTenantHasItsOwnFigures) {
  const json report = Measure({"--tenants", "a=3,b \u00e9=1", "--prompt-lengths", "2"}, "200");
  const json& tenants = report.at("tenants");
  ASSERT_EQ(tenants.size(), 2u);
  EXPECT_EQ(tenants[0].at("name"), "a");
  EXPECT_EQ(tenants[1].at("name"), "b \u00e9");
  for (const char* count : {"num_done", "num_refused"}) {
    EXPECT_EQ(tenants[0].at(count).get<uint64_t>() + tenants[1].at(count).get<uint64_t>(), report.at(count));
  }
  for (const json& tenant : tenants) {
    const auto done = tenant.at("num_done").get<uint64_t>();
    EXPECT_EQ(tenant.at("first_token_seconds").at("count"), done);
    EXPECT_EQ(tenant.at("between_tokens_seconds").at("count"), 3 * done);
    EXPECT_EQ(tenant.at("whole_request_seconds").at("count"), done);
  }
  // Two hundred arrivals, three of four of them of the first.
  const double all = report.at("num_done").get<double>() + report.at("num_refused").get<double>();
  const double first = tenants[0].at("num_done").get<double>() + tenants[0].at("num_refused").get<double>();
  EXPECT_NEAR(first / all, 0.75, 0.12);
}

TEST_F(LoadBenchTest, TenantsAreInTableAndPlot) {
  const TestFolder folder;
  const ToolResult result =
      RunTool(Command({"--tenants", "a=1,b=1", "--svg", folder.Path("plot.svg"), "--shared-prefix", "5"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("TENANT +DONE +REFUSED +TOKENS/S"));
  EXPECT_THAT(result.out, ContainsRegex("\na +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+"));
  EXPECT_THAT(result.out, ContainsRegex("\nb +[0-9]+ +[0-9]+ +[0-9.]+ +[0-9.]+"));
  const std::string plot = folder.Read("plot.svg");
  ExpectWellFormed(plot);
  for (const char* text : {"first token of a", "between tokens of b"}) EXPECT_THAT(plot, HasSubstr(text));
  EXPECT_THAT(RunTool(Command({})).out, testing::Not(HasSubstr("TENANT"))) << "without tenants";
}

TEST_F(LoadBenchTest, WrongUsageSaysWhatIsExpected) {
  ExpectUsageError(RunTool({"bench", "-m", model_, "--duration", "1"}), "--duration needs --arrival-rate");
  ExpectUsageError(RunTool(Command({"--runs", "2"})), "--runs does not go with --arrival-rate");
  ExpectUsageError(RunTool({"bench", "-m", model_, "--arrival-rate", "0"}), "expected a number above 0");
  for (const char* lengths : {"", "0", "1,", "a", "5-2", "1-2-3", "1.5"}) {
    ExpectUsageError(RunTool(Command({"--prompt-lengths", lengths})), "bench: --prompt-lengths");
  }
  for (const char* tenants : {"", "a", "=1", "a=0", "a=-1", "a=nan", "a=1,a=2", "a=1,", "a=1x"}) {
    ExpectUsageError(RunTool(Command({"--tenants", tenants})), "bench: --tenants");
  }
  ExpectUsageError(RunTool({"bench", "-m", model_, "--tenants", "a=1"}), "--tenants needs --arrival-rate");
}

// --- traces ---

class TraceFileTest : public CliModelTest {
 protected:
  // The events as a viewer reads them: the last bracket may be missing.
  static json Events(const TestFolder& folder) {
    const std::string text = folder.Read("trace.json");
    const json whole = json::parse(text, nullptr, false);
    return whole.is_discarded() ? json::parse(text + "]", nullptr, false) : whole;
  }
  static size_t Count(const json& events, const std::string& phase, const std::string& name) {
    size_t count = 0;
    for (const json& event : events) count += event.at("ph") == phase && event.at("name") == name ? 1 : 0;
    return count;
  }

  const TestFolder folder_;
};

TEST_F(TraceFileTest, HasTheStepsAndTheRequestOfARun) {
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "And it", "-n", "5", "--ignore-end", "--device",
                                     "reference", "--trace", folder_.Path("trace.json")});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json events = json::parse(folder_.Read("trace.json"), nullptr, false);
  ASSERT_TRUE(events.is_array());
  EXPECT_EQ(Count(events, "X", "step"), 5u);
  EXPECT_EQ(Count(events, "b", "request"), 1u);
  EXPECT_EQ(Count(events, "e", "request"), 1u);
}

TEST_F(TraceFileTest, OfAKilledProcessCanBeRead) {
  std::vector<std::string> words = {"run",       "-m",           model_,    "-p",
                                    "And it",    "-n",           "1000000", "--device",
                                    "reference", "--ignore-end", "--trace", folder_.Path("trace.json")};
  ToolProcess process(SKEIN_TOOL, words);
  for (int i = 0; i < 2000 && process.OutputSoFar().size() < 200; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(process.id(), SIGKILL);
  EXPECT_EQ(process.Wait().signal, SIGKILL);
  const json events = Events(folder_);
  ASSERT_TRUE(events.is_array()) << folder_.Read("trace.json").substr(0, 400);
  EXPECT_GT(Count(events, "X", "step"), 100u);
}

TEST_F(TraceFileTest, FullDiskEndsTheTraceAndNothingElse) {
  const ToolResult result =
      RunTool({"run", "-m", model_, "-p", "And it", "-n", "5", "--ignore-end", "--trace", "/dev/full"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("warning: trace: /dev/full: No space left on device; tracing ends"));
  EXPECT_THAT(result.err, HasSubstr("generated 5 tokens"));
}

TEST_F(TraceFileTest, FolderThatIsMissingIsAnError) {
  ExpectFailure(RunTool({"run", "-m", model_, "-p", "And", "--trace", "/no/such/folder/t.json"}),
                "trace: /no/such/folder/t.json");
}

// --- limits ---

class LimitsTest : public CliModelTest {};

TEST_F(LimitsTest, DevicesAndInspectPrintThemWithTheirOptions) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"devices"}, {"inspect", model_}}) {
    const ToolResult result = RunTool(words);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.out, ContainsRegex("\nstreams +1048576 +max_streams\n"));
    EXPECT_THAT(result.out, ContainsRegex("\nstep_entries +64 +max_batch_streams\n"));
    EXPECT_THAT(result.out, ContainsRegex("\nslots +130 +state_memory\n"));
    EXPECT_THAT(result.out, ContainsRegex("\nhost_states +[1-9][0-9]* +state_host_memory\n"));
    EXPECT_THAT(result.out, ContainsRegex("\ndisk_states +0 +state_disk\n"));
    EXPECT_THAT(result.out, ContainsRegex("\nprefix_states +[1-9][0-9]* +prefix_cache\n"));
    EXPECT_THAT(result.out, ContainsRegex("\ncheckpoints +[1-9][0-9]* +checkpoint_memory\n"));
    EXPECT_THAT(result.out, ContainsRegex("\nstep_tokens +512 +max_batch_tokens\n"));
    EXPECT_THAT(result.out, ContainsRegex("\nage_limit_ms +1000 +age_limit_ms\n"));
  }
  EXPECT_EQ(json::parse(RunTool({"inspect", model_, "--json"}).out).at("limits").at("step_tokens"), 512);
}

TEST_F(LimitsTest, TrainedLengthIsRecordedAndShown) {
  const TestFolder folder;
  const ToolResult converted = RunTool({"convert", model_, "-o", folder.Path("m.skein"), "--trained-length", "8"});
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_THAT(RunTool({"inspect", folder.Path("m.skein")}).out, ContainsRegex("trained length +8\n"));
  const ToolResult run = RunTool({"run", "-m", folder.Path("m.skein"), "-p", "And", "-n", "9", "--ignore-end"});
  EXPECT_THAT(run.err, HasSubstr("warning: stream: passes 8 tokens"));
}

}  // namespace
}  // namespace skein
