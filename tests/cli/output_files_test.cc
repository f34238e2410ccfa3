// The files that the tool writes: whole or not at all, in place of files only, and with nothing left by a signal.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

mode_t ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

// A device like /dev/full, so that a tool that fails the test spoils none of the machine's. "" without the right to
// make one.
std::string MakeFullDevice(const TestFolder& folder) {
  const std::string path = folder.Path("full");
  if (mknod(path.c_str(), S_IFCHR | 0666, makedev(1, 7)) != 0) return "";
  const int opened = open(path.c_str(), O_WRONLY | O_CLOEXEC);  // not where the file system has no devices
  if (opened >= 0) return close(opened) == 0 ? path : "";
  fs::remove(path);
  return "";
}

class OutputFilesTest : public CliModelTest {
 protected:
  ToolResult Convert(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"convert", model_, "-o", out};
    words.insert(words.end(), more.begin(), more.end());
    return RunTool(words);
  }

  const TestFolder folder_;
};

TEST_F(OutputFilesTest, ConvertRefusesAnEmptyNameAtOnce) {
  ExpectUsageError(Convert(""), "expected the name of a file");
  // The model is not even opened.
  ExpectUsageError(RunTool({"convert", "/no/such/model", "-o", "", "--overwrite"}), "expected the name of a file");
  ExpectUsageError(RunTool({"logits", "-m", model_, "--tokens", "1", "-o", ""}), "expected the name of a file");
  ExpectUsageError(RunTool({"logits", "-m", model_, "--tokens", "1", "--state-out", ""}),
                   "expected the name of a file");
}

TEST_F(OutputFilesTest, ConvertLooksAtThePlaceBeforeTheModel) {
  folder_.Write("there", "old");
  ExpectFailure(RunTool({"convert", "/no/such/model", "-o", folder_.Path("there")}),
                "there: exists; --overwrite replaces it");
  fs::create_directory(folder_.Path("sub"));
  ExpectFailure(RunTool({"convert", "/no/such/model", "-o", folder_.Path("sub"), "--overwrite"}), "is a folder");
}

TEST_F(OutputFilesTest, OverwriteReplacesFilesAndNothingElse) {
  const std::string fifo = folder_.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  ExpectFailure(Convert(fifo, {"--overwrite"}), "is a FIFO; expected a regular file");
  EXPECT_TRUE(fs::is_fifo(fifo));
  const std::string device = MakeFullDevice(folder_);
  if (device.empty()) GTEST_SKIP() << "needs the right to make a device";
  ExpectFailure(Convert(device, {"--overwrite"}), "is a device; expected a regular file");
  EXPECT_TRUE(fs::is_character_file(device));
}

TEST_F(OutputFilesTest, OverwriteKeepsTheMode) {
  for (const mode_t mode : {0600, 0640, 0666}) {
    for (const char* name : {"out.skein", "out.safetensors"}) {
      const std::string out = folder_.Write(name, "old");
      ASSERT_EQ(chmod(out.c_str(), mode), 0);
      const ToolResult result = Convert(out, {"--overwrite", "--type", "f16"});
      ASSERT_EQ(result.exit_code, 0) << result.err;
      EXPECT_EQ(ModeOf(out), mode) << name;
      EXPECT_GT(fs::file_size(out), 1000u);
    }
  }
}

TEST_F(OutputFilesTest, OverwriteGoesThroughLinks) {
  folder_.Write("real.skein", "old");
  fs::create_symlink("real.skein", folder_.Path("link.skein"));
  const ToolResult result = Convert(folder_.Path("link.skein"), {"--overwrite"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::is_symlink(folder_.Path("link.skein")));
  EXPECT_GT(fs::file_size(folder_.Path("real.skein")), 1000u);
  EXPECT_THAT(NamesIn(folder_.Path(".")), UnorderedElementsAre("real.skein", "link.skein"));
}

TEST_F(OutputFilesTest, LogitsThatFailLeaveFilesAsTheyWere) {
  const std::string out = folder_.Write("out", "precious");
  const std::string state = folder_.Write("state", "dear");
  // The second piece of tokens is refused, when logits of the first are there.
  ExpectFailure(
      RunTool({"logits", "-m", model_, "--tokens", "1,2,999999", "--chunk", "1", "-o", out, "--state-out", state}),
      "999999");
  EXPECT_EQ(folder_.Read("out"), "precious");
  EXPECT_EQ(folder_.Read("state"), "dear");
  ExpectFailure(RunTool({"logits", "-m", "/no/such/model", "--tokens", "1", "-o", out}), "/no/such/model");
  EXPECT_EQ(folder_.Read("out"), "precious");
  // No place for the state: known before anything is computed.
  ExpectFailure(RunTool({"logits", "-m", model_, "--tokens", "1", "-o", out, "--state-out", folder_.Path("no/state")}),
                "no/state");
  EXPECT_EQ(folder_.Read("out"), "precious");
  EXPECT_THAT(NamesIn(folder_.Path(".")), UnorderedElementsAre("out", "state"));
}

TEST_F(OutputFilesTest, LogitsGoIntoFilesFifosAndDevices) {
  const std::vector<std::string> words = {"logits", "-m", model_, "--tokens", "1,2", "-o"};
  const auto with = [&](const std::string& out) {
    std::vector<std::string> all = words;
    all.push_back(out);
    return all;
  };
  const std::string expected = RunTool(with("-")).out;
  ASSERT_FALSE(expected.empty());
  const std::string out = folder_.Write("out", "old");
  ASSERT_EQ(chmod(out.c_str(), 0600), 0);
  EXPECT_EQ(RunTool(with(out)).exit_code, 0);
  EXPECT_TRUE(folder_.Read("out") == expected);
  EXPECT_EQ(ModeOf(out), 0600u);
  EXPECT_EQ(RunTool(with("/dev/null")).exit_code, 0);
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_TRUE(RunTool(with("/dev/stdout")).out == expected);
  const std::string fifo = folder_.Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  ToolProcess reader("/bin/cat", {fifo});
  EXPECT_EQ(RunTool(with(fifo)).exit_code, 0);
  EXPECT_TRUE(reader.Wait().out == expected);
  const std::string device = MakeFullDevice(folder_);
  if (device.empty()) GTEST_SKIP() << "needs the right to make a device";
  ExpectFailure(RunTool(with(device)), device + ": cannot be written: No space left");
  EXPECT_TRUE(fs::is_character_file(device));
}

TEST_F(OutputFilesTest, ASavedConversationIsWrittenWholeThroughLinks) {
  const std::string real = folder_.Write("real", "old");
  ASSERT_EQ(chmod(real.c_str(), 0640), 0);
  fs::create_symlink("real", folder_.Path("link"));
  ASSERT_EQ(mkfifo(folder_.Path("fifo").c_str(), 0600), 0);
  const ToolResult result = RunTool({"chat", "-m", model_, "--template", "raven", "-n", "4"},
                                    "hi\n/save " + folder_.Path("link") + "\n/save " + folder_.Path("fifo") + "\n");
  EXPECT_THAT(result.err, HasSubstr("(saved "));
  EXPECT_THAT(result.err, HasSubstr("fifo: is a FIFO; expected a regular file"));
  EXPECT_TRUE(fs::is_symlink(folder_.Path("link")));
  EXPECT_EQ(ModeOf(real), 0640u);
  EXPECT_GT(fs::file_size(real), 100u);
  EXPECT_THAT(NamesIn(folder_.Path(".")), UnorderedElementsAre("real", "link", "fifo"));
}

// --- signals ---

enum class Lacks { kNamelessFiles, kLinks };

// Starts the tool, and makes open() of a file without a name fail for it, or giving it a name, as some systems do.
pid_t StartWithout(Lacks lacks, const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {SKEIN_TOOL};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  const pid_t process = fork();
  if (process != 0) return process;
  constexpr uint32_t kFlags = offsetof(seccomp_data, args) + 2 * sizeof(uint64_t);  // of openat
  constexpr uint32_t kTemporary = O_TMPFILE & ~O_DIRECTORY;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_linkat, 5, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFlags),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kTemporary, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
  };
  // The call that may be made goes to the end.
  (lacks == Lacks::kNamelessFiles ? filter[1].jt : filter[2].jt) = lacks == Lacks::kNamelessFiles ? 4 : 3;
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(99);
  }
  execv(SKEIN_TOOL, const_cast<char* const*>(argv.data()));
  _exit(98);
}

class SignalsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    const ToolResult made = RunTool({"convert", "synthetic:C=512,L=12,F=2048,V=4096", "-o", Model()});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string Model() { return folder_->Path("model.skein"); }

  static TestFolder* folder_;
};
TestFolder* SignalsTest::folder_ = nullptr;

TEST_F(SignalsTest, ASignalLeavesNothingOfAConversion) {
  int num_ended = 0;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    for (const int delay_ms : {20, 60, 120, 200}) {
      const TestFolder place;
      const std::string old = place.Write("old.skein", "old");
      ToolProcess tool(SKEIN_TOOL, {"convert", Model(), "--type", "q4", "-o", old, "--overwrite"});
      std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
      kill(tool.id(), signal);
      const ToolResult result = tool.Wait();
      EXPECT_THAT(NamesIn(place.Path(".")), ElementsAre("old.skein"));
      if (result.exit_code == 0) continue;  // it was faster
      ++num_ended;
      EXPECT_EQ(result.signal, signal) << result.exit_code << ": " << result.err;
      EXPECT_EQ(result.err, "");
      EXPECT_EQ(place.Read("old.skein"), "old");
    }
  }
  EXPECT_GT(num_ended, 0);
}

TEST_F(SignalsTest, NorWhereFilesHaveNamesFromTheStart) {
  int num_with_a_name = 0;
  for (const int signal : {SIGINT, SIGTERM}) {
    const TestFolder place;
    const pid_t tool =
        StartWithout(Lacks::kNamelessFiles, {"convert", Model(), "--type", "q4", "-o", place.Path("out.skein")});
    ASSERT_GT(tool, 0);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (NamesIn(place.Path(".")).empty() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    num_with_a_name += NamesIn(place.Path(".")).empty() ? 0 : 1;
    kill(tool, signal);
    int status = 0;
    ASSERT_EQ(waitpid(tool, &status, 0), tool);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99) GTEST_SKIP() << "needs seccomp filters";
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    EXPECT_THAT(NamesIn(place.Path(".")), ElementsAre());
  }
  EXPECT_EQ(num_with_a_name, 2);
}

TEST_F(SignalsTest, ASignalLeavesNothingOfLogits) {
  const TestFolder place;
  const std::string old = place.Write("old", "old");
  std::string tokens = "1";
  for (int i = 0; i < 4000; ++i) tokens += ",2";
  const pid_t tool = StartWithout(Lacks::kNamelessFiles, {"logits", "-m", Model(), "--tokens-file",
                                                          place.Write("tokens", tokens), "--chunk", "16", "-o", old});
  ASSERT_GT(tool, 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (NamesIn(place.Path(".")).size() < 3 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(NamesIn(place.Path(".")).size(), 3u);
  kill(tool, SIGTERM);
  int status = 0;
  ASSERT_EQ(waitpid(tool, &status, 0), tool);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99) GTEST_SKIP() << "needs seccomp filters";
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  EXPECT_THAT(NamesIn(place.Path(".")), UnorderedElementsAre("old", "tokens"));
  EXPECT_EQ(place.Read("old"), "old");
}

TEST_F(SignalsTest, WhereAFileCannotBeNamedLaterItIsCopied) {
  const TestFolder place;
  ASSERT_EQ(RunTool({"convert", Model(), "--type", "q8", "-o", place.Path("right.skein")}).exit_code, 0);
  const std::string old = place.Write("old.skein", "old");
  ASSERT_EQ(chmod(old.c_str(), 0600), 0);
  for (const char* name : {"old.skein", "new.skein"}) {
    const pid_t tool =
        StartWithout(Lacks::kLinks, {"convert", Model(), "--type", "q8", "-o", place.Path(name), "--overwrite"});
    ASSERT_GT(tool, 0);
    int status = 0;
    ASSERT_EQ(waitpid(tool, &status, 0), tool);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 99) GTEST_SKIP() << "needs seccomp filters";
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(place.Read(name) == place.Read("right.skein"));
  }
  EXPECT_EQ(ModeOf(old), 0600u);
  EXPECT_THAT(NamesIn(place.Path(".")), UnorderedElementsAre("right.skein", "old.skein", "new.skein"));
}

TEST_F(SignalsTest, ASignalThatIsIgnoredStaysIgnored) {
  const TestFolder place;
  // The tool inherits this, so that no signal comes too early.
  const auto before = std::signal(SIGHUP, SIG_IGN);
  ToolProcess tool(SKEIN_TOOL, {"convert", Model(), "--type", "q4", "-o", place.Path("out.skein")});
  std::signal(SIGHUP, before);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    kill(tool.id(), SIGHUP);
  }
  const ToolResult result = tool.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(place.Path("out.skein")));
}

}  // namespace
}  // namespace skein
