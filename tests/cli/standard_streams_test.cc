// The tool in the hands of callers who close its standard streams, or make them not block.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/tool_expectations.h"
#include "tests/cli/tool_process.h"

namespace skein {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class StandardStreamsTest : public CliModelTest {
 protected:
  // Runs the tool by a shell with a redirection, such as ">&-".
  static ToolResult RunWith(const std::string& redirection, const std::vector<std::string>& arguments,
                            const std::string& input = "") {
    std::vector<std::string> words = {"-c", "exec \"$@\" " + redirection, "sh", SKEIN_TOOL};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return ToolProcess("/bin/sh", words, input).Wait();
  }
};

TEST_F(StandardStreamsTest, AClosedOutputIsAnErrorThatSaysSo) {
  const std::vector<std::vector<std::string>> commands = {
      {"run", "-m", model_, "-p", "Hi", "-n", "4", "--temp", "0"},
      {"run", "-m", model_, "-p", "Hi", "-n", "4", "--json"},
      {"logits", "-m", model_, "--tokens", "1,2"},
      {"tokenize", "-m", model_, "Hi"},
      {"devices"},
      {"--version"},
  };
  for (const std::vector<std::string>& command : commands) {
    const ToolResult result = RunWith(">&-", command);
    EXPECT_EQ(result.exit_code, 1) << command[0];
    EXPECT_EQ(result.signal, 0) << command[0];
    EXPECT_THAT(result.err, HasSubstr("skein: standard output: cannot be written: Bad file descriptor")) << command[0];
  }
}

TEST_F(StandardStreamsTest, AClosedErrorStreamMixesNothingIntoTheOutput) {
  const std::vector<std::string> logits = {"logits", "-m", model_, "--tokens", "1,2", "--log", "--threads", "9"};
  const ToolResult open = RunTool(logits);
  const ToolResult closed = RunWith("2>&-", logits);
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_TRUE(closed.out == open.out);
  // The file that the output goes to must not get the number of the closed stream.
  const TestFolder folder;
  std::vector<std::string> to_file = logits;
  to_file.insert(to_file.end(), {"-o", folder.Path("out")});
  EXPECT_EQ(RunWith("<&- >&- 2>&-", to_file).exit_code, 0);
  EXPECT_TRUE(folder.Read("out") == open.out);
}

TEST_F(StandardStreamsTest, AFailureWithAllStreamsClosedEndsWithItsCode) {
  EXPECT_EQ(RunWith("<&- >&- 2>&-", {"run", "-m", "/no/such/model", "-p", "Hi"}).exit_code, 1);
  EXPECT_EQ(RunWith("<&- >&- 2>&-", {"run", "--no-such-option"}).exit_code, 2);
}

TEST_F(StandardStreamsTest, AClosedInputIsNoFile) {
  const ToolResult result = RunWith("<&-", {"run", "-m", model_, "-p", "-", "-n", "2"});
  ExpectFailure(result, "standard input: cannot be read");
  EXPECT_EQ(RunWith("<&-", {"run", "-m", model_, "-p", "Hi", "-n", "2"}).exit_code, 0);
  EXPECT_EQ(RunWith("<&-", {"chat", "-m", model_, "--template", "raven"}).exit_code, 0);
}

// --- streams that do not block ---

// A pipe with little room, one end of which does not block.
struct Pipe {
  enum class End { kReader, kWriter };

  explicit Pipe(End not_blocking) {
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    const int end = ends[not_blocking == End::kReader ? 0 : 1];
    fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK);
  }
  ~Pipe() {
    CloseWriter();
    close(ends[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reader() const { return ends[0]; }
  int writer() const { return ends[1]; }
  void CloseWriter() {
    if (ends[1] >= 0) close(ends[1]);
    ends[1] = -1;
  }
  // All that is written, slowly, until the writers have gone.
  std::string Drain() {
    CloseWriter();
    std::string all;
    char piece[512];
    ssize_t size = 0;
    while ((size = read(ends[0], piece, sizeof(piece))) > 0) all.append(piece, static_cast<size_t>(size));
    return all;
  }

  int ends[2] = {-1, -1};
};

// Starts the tool with `stream`, a standard descriptor, as an end of a pipe. The others are /dev/null.
pid_t Start(int stream, int pipe_end, const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {SKEIN_TOOL};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (int descriptor = 0; descriptor <= STDERR_FILENO; ++descriptor) {
    if (descriptor == stream) {
      posix_spawn_file_actions_adddup2(&actions, pipe_end, descriptor);
    } else {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0);
    }
  }
  pid_t process = -1;
  EXPECT_EQ(posix_spawn(&process, SKEIN_TOOL, &actions, nullptr, const_cast<char* const*>(argv.data()), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  return process;
}

int ExitCodeOf(pid_t process) {
  int status = 0;
  EXPECT_EQ(waitpid(process, &status, 0), process);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Time for the tool to fill the pipe and to find it full.
void LetItFillThePipe() { std::this_thread::sleep_for(std::chrono::milliseconds(500)); }

TEST_F(StandardStreamsTest, AnOutputThatDoesNotBlockGetsEverything) {
  std::string tokens = "1";
  for (int i = 0; i < 40; ++i) tokens.append(",").append(std::to_string(i));
  const std::vector<std::vector<std::string>> commands = {
      {"logits", "-m", model_, "--tokens", tokens},
      {"run", "-m", model_, "-p", "Hi", "-n", "6000", "--temp", "0", "--ignore-end"},
      {"run", "-m", model_, "-p", "Hi", "-n", "5000", "--temp", "0", "--ignore-end", "--echo"},
  };
  for (const std::vector<std::string>& command : commands) {
    const std::string expected = RunTool(command).out;
    ASSERT_GT(expected.size(), 4096u) << command[0] << ": must not fit into the pipe";
    Pipe pipe(Pipe::End::kWriter);
    const pid_t tool = Start(STDOUT_FILENO, pipe.writer(), command);
    LetItFillThePipe();
    EXPECT_TRUE(pipe.Drain() == expected);
    EXPECT_EQ(ExitCodeOf(tool), 0);
  }
}

TEST_F(StandardStreamsTest, AnErrorStreamThatDoesNotBlockGetsEverything) {
  Pipe pipe(Pipe::End::kWriter);
  std::string filling(4096, '.');
  ASSERT_EQ(write(pipe.writer(), filling.data(), filling.size()), 4096);
  const pid_t tool = Start(STDERR_FILENO, pipe.writer(), {"run", "-m", model_, "-p", "Hi", "-n", "2", "--log"});
  LetItFillThePipe();
  const std::string text = pipe.Drain();
  ASSERT_THAT(text, StartsWith(filling));
  EXPECT_THAT(text, HasSubstr("skein: debug: "));
  EXPECT_THAT(text, HasSubstr("ended by length\n"));
  EXPECT_EQ(ExitCodeOf(tool), 0);
}

TEST_F(StandardStreamsTest, AnInputThatDoesNotBlockIsReadToItsEnd) {
  for (const bool is_chat : {false, true}) {
    Pipe input(Pipe::End::kReader);
    Pipe output(Pipe::End::kReader);  // unused end; keeps the two alike
    const std::vector<std::string> command =
        is_chat ? std::vector<std::string>{"chat", "-m", model_, "--template", "raven", "-n", "4"}
                : std::vector<std::string>{"run", "-m", model_, "--prompt-file", "-", "-n", "4"};
    const pid_t tool = Start(STDIN_FILENO, input.reader(), command);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ASSERT_EQ(write(input.writer(), "He", 2), 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    ASSERT_EQ(write(input.writer(), "llo\n/no-such-command\n", 21), 21);
    input.CloseWriter();
    // A chat that has seen the second line knows that it failed.
    EXPECT_EQ(ExitCodeOf(tool), is_chat ? 1 : 0);
  }
}

// --- what libraries print ---

TEST_F(StandardStreamsTest, MoreThreadsThanProcessorsAreAWarningOfTheToolAlone) {
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "4", "--threads", "1000"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, Not(HasSubstr("TBB")));
  EXPECT_THAT(result.err, HasSubstr("skein: warning: threads 1000: expected at most "));
}

TEST_F(StandardStreamsTest, AsManyThreadsAsProcessorsAreNoWarning) {
  const ToolResult result = RunTool({"run", "-m", model_, "-p", "Hi", "-n", "4", "--threads", "1"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, Not(HasSubstr("threads")));
}

}  // namespace
}  // namespace skein
