// backends/cuda/check.sh: it runs every stage over a good backend, stops a bad one at the right stage with a message
// that helps, and always leaves a report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace skein {
namespace {

using testing::HasSubstr;

class CheckScriptTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Runs the script over a plugin that is wrong in `wrong`, and gives the code of its exit.
  int Check(const std::string& plugin, const std::string& wrong = "", const std::string& arguments = "") {
    FILE* const pipe = popen(Command(plugin, wrong, arguments).c_str(), "r");
    char buffer[4096];
    for (size_t count = 0; (count = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) output_.append(buffer, count);
    const int status = pclose(pipe);
    ReadReport();
    return WEXITSTATUS(status);
  }

  // Sends the script a signal when it has begun a stage that hangs, and gives what it ended with.
  int Kill(int signal) {
    FILE* const pipe = popen(("echo $$; exec " + Command(kWrong, "time", "--seconds 9")).c_str(), "r");
    pid_t script = 0;
    EXPECT_EQ(fscanf(pipe, "%d", &script), 1);
    char line[4096];
    while (!output_.ends_with("== contract ==\n") && fgets(line, sizeof(line), pipe) != nullptr) output_ += line;
    EXPECT_EQ(kill(script, signal), 0);
    const int status = pclose(pipe);
    ReadReport();
    return status;
  }

  // A field of a stage in the report; "" if the stage is not there.
  std::string Field(const std::string& stage, const std::string& field) const {
    for (const auto& found : report_["stages"]) {
      if (found["stage"] == stage) return found[field].get<std::string>();
    }
    return "";
  }
  std::string Outcome(const std::string& stage) const { return Field(stage, "outcome"); }

  static constexpr char kWrong[] = SKEIN_WRONG_BACKEND_PLUGIN;

  std::string Command(const std::string& plugin, const std::string& wrong, const std::string& arguments) const {
    return "env SKEIN_WRONG_BACKEND=" + wrong +
           " " SKEIN_CHECK_SCRIPT " --prebuilt " SKEIN_BUILD_DIR " --size toy --plugin " + plugin + " --out " +
           folder_.string() + " " + arguments + " 2>&1";
  }

  void ReadReport() {
    std::ifstream file(folder_ / "report.json");
    report_ = nlohmann::json::parse(file, nullptr, false);
    EXPECT_FALSE(report_.is_discarded()) << "report.json is no JSON";
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() /
      (std::string("skein-check-") + testing::UnitTest::GetInstance()->current_test_info()->name());
  std::string output_;
  nlohmann::json report_;
};

constexpr const char* kStages[] = {"device",      "contract", "numbers", "cuts",      "migration",
                                   "invariance",  "switches", "soak",    "benchmark", "kernels",
                                   "conformance", "golden",   "abi"};

TEST_F(CheckScriptTest, RunsEveryStageOverAGoodBackend) {
  EXPECT_EQ(Check(SKEIN_LATE_BACKEND), 0) << output_;
  EXPECT_EQ(report_["result"], "passed");
  for (const char* stage : kStages) EXPECT_EQ(Outcome(stage), "passed") << stage << ": " << Field(stage, "summary");
  for (const auto& stage : report_["stages"]) {
    if (stage["stage"] != "benchmark") continue;
    ASSERT_FALSE(stage["figures"].empty());
    EXPECT_GT(stage["figures"][0]["tokens_per_second"].get<double>(), 0);
  }
  EXPECT_THAT(output_, HasSubstr("toy/f16/dense"));
  EXPECT_THAT(output_, HasSubstr("== defaults to change ==\n"));
  for (const char* stage : {"memcheck", "racecheck"}) {
    if (Outcome(stage) != "passed") {
      EXPECT_EQ(Field(stage, "summary"), "there is no compute-sanitizer") << Outcome(stage);
    }
  }
}

TEST_F(CheckScriptTest, RunsEveryStageOverTheEmulatedBackend) {
  if (std::string(SKEIN_EMULATED_BACKEND).empty()) GTEST_SKIP() << "the emulated backend is not built";
  EXPECT_EQ(Check(SKEIN_EMULATED_BACKEND), 0) << output_;
  // Launches beside their predictions, which is what there is python3 for.
  if (std::system("python3 -c ''") == 0) {
    EXPECT_THAT(output_, HasSubstr("\n== kernels ==\n\nd_model 128, 1 rows of 1 streams, f16"));
  }
  for (const char* stage : kStages) EXPECT_EQ(Outcome(stage), "passed") << stage << ": " << Field(stage, "summary");
}

TEST_F(CheckScriptTest, StopsAtWrongNumbers) {
  EXPECT_EQ(Check(kWrong, "numbers"), 1);
  EXPECT_EQ(report_["result"], "failed");
  EXPECT_EQ(Outcome("contract"), "passed") << Field("contract", "summary");
  EXPECT_EQ(Outcome("numbers"), "FAILED");
  EXPECT_THAT(Field("numbers", "summary"), HasSubstr("logits of stream 0 of 2"));
  EXPECT_EQ(Outcome("cuts"), "not run");
}

TEST_F(CheckScriptTest, StopsAtABrokenContract) {
  EXPECT_EQ(Check(kWrong, "copies"), 1);
  EXPECT_EQ(Outcome("device"), "passed");
  EXPECT_EQ(Outcome("contract"), "FAILED");
  EXPECT_THAT(Field("contract", "summary"), HasSubstr("a copy of a state"));
  EXPECT_THAT(output_, HasSubstr("this case alone: "));
  EXPECT_EQ(Outcome("benchmark"), "not run");
  EXPECT_EQ(Field("benchmark", "summary"), "because of stage contract");
}

TEST_F(CheckScriptTest, GoesOnIfToldTo) {
  EXPECT_EQ(Check(kWrong, "copies", "--keep-going"), 1);
  EXPECT_EQ(Outcome("contract"), "FAILED");
  EXPECT_EQ(Outcome("numbers"), "passed");
  EXPECT_EQ(Outcome("benchmark"), "passed");
}

TEST_F(CheckScriptTest, FindsBatchesThatChangeABit) {
  EXPECT_EQ(Check(kWrong, "batches"), 1);
  EXPECT_EQ(Outcome("numbers"), "passed") << Field("numbers", "summary");
  EXPECT_EQ(Outcome("invariance"), "FAILED");
  EXPECT_THAT(Field("invariance", "summary"), HasSubstr("have other bits"));
}

TEST_F(CheckScriptTest, SaysWhyThereIsNoDevice) {
  EXPECT_EQ(Check(kWrong, "devices"), 3);
  EXPECT_EQ(report_["result"], "no GPU");
  EXPECT_EQ(Outcome("device"), "skipped");
  EXPECT_THAT(Field("device", "summary"), HasSubstr("no driver, as ordered"));
  EXPECT_EQ(Outcome("contract"), "not run");
}

TEST_F(CheckScriptTest, EndsAStageThatHangs) {
  EXPECT_EQ(Check(kWrong, "time", "--seconds 9"), 1);
  EXPECT_EQ(Outcome("contract"), "FAILED");
  EXPECT_THAT(Field("contract", "summary"), HasSubstr("did not end in time"));
  EXPECT_EQ(Outcome("numbers"), "not run");
}

TEST_F(CheckScriptTest, LeavesAReportOfTheStageInWhichItIsKilled) {
  EXPECT_EQ(WTERMSIG(Kill(SIGKILL)), SIGKILL);
  EXPECT_EQ(report_["result"], "not ended");
  EXPECT_EQ(Outcome("device"), "passed");
  EXPECT_EQ(Outcome("contract"), "not ended");
}

TEST_F(CheckScriptTest, EndsInTheMiddleOfAStageIfItIsTold) {
  EXPECT_EQ(WEXITSTATUS(Kill(SIGTERM)), 1);
  EXPECT_EQ(report_["result"], "failed");
  EXPECT_EQ(Outcome("contract"), "not ended") << "it waited for the end of the stage";
}

TEST_F(CheckScriptTest, RunsTheStagesThatAreAskedForAlone) {
  EXPECT_EQ(Check(SKEIN_LATE_BACKEND, "", "--stages device,migration"), 0) << output_;
  EXPECT_EQ(Outcome("migration"), "passed");
  for (const char* stage : {"contract", "benchmark", "golden"}) EXPECT_EQ(Outcome(stage), "not run") << stage;
}

TEST_F(CheckScriptTest, ReportsACrash) {
  EXPECT_EQ(Check(kWrong, "memory"), 1);
  EXPECT_THAT(Field("contract", "summary"), HasSubstr("was ended by signal 6"));
}

// As a loader that lacks a library of it ends it.
TEST_F(CheckScriptTest, ReportsAProgramThatDoesNotStart) {
  const std::filesystem::path bundle = folder_ / "bundle";
  std::filesystem::create_directories(bundle / "tests");
  std::filesystem::create_directories(bundle / "lib/skein/plugins-1");
  std::ofstream(bundle / "lib/skein/plugins-1/backend-reference.so");
  std::ofstream(bundle / "tests/cuda_check") << "#!/bin/sh\necho 'cuda_check: there is no libstranger.so'\nexit 1\n";
  std::filesystem::permissions(bundle / "tests/cuda_check", std::filesystem::perms::owner_all);
  EXPECT_EQ(Check(SKEIN_LATE_BACKEND, "", "--prebuilt " + bundle.string()), 1);
  EXPECT_EQ(Outcome("device"), "FAILED");
  EXPECT_THAT(Field("device", "summary"), HasSubstr("there is no libstranger.so"));
}

TEST_F(CheckScriptTest, NamesAPluginThatIsMissing) {
  EXPECT_EQ(Check("/nowhere/backend-cuda.so"), 1);
  EXPECT_EQ(Outcome("parts"), "FAILED");
  EXPECT_THAT(Field("parts", "summary"), HasSubstr("/nowhere/backend-cuda.so"));
  EXPECT_EQ(Outcome("device"), "not run");
}

TEST(CheckScriptOptionsTest, RefusesAnUnknownOption) {
  EXPECT_EQ(WEXITSTATUS(std::system(SKEIN_CHECK_SCRIPT " --nonsense >/dev/null 2>&1")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(SKEIN_CHECK_SCRIPT " --size huge >/dev/null 2>&1")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(SKEIN_CHECK_SCRIPT " --seconds soon >/dev/null 2>&1")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(SKEIN_CHECK_SCRIPT " --stages device,nonsense >/dev/null 2>&1")), 2);
  EXPECT_EQ(WEXITSTATUS(std::system(SKEIN_CHECK_SCRIPT " --prebuilt /nowhere >/dev/null 2>&1")), 2);
}

}  // namespace
}  // namespace skein
