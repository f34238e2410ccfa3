// The `skein` tool as a process: arguments and stdin in; exit code, stdout and stderr out.
#ifndef SKEIN_TESTS_CLI_TOOL_PROCESS_H_
#define SKEIN_TESTS_CLI_TOOL_PROCESS_H_

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace skein {

// A folder for one test, which is removed with its contents.
class TestFolder {
 public:
  TestFolder();
  ~TestFolder();
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  // Writes a file and gives its path.
  std::string Write(const std::string& name, const std::string& content) const;
  std::string Read(const std::string& name) const;

 private:
  std::filesystem::path folder_;
};

struct ToolResult {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  std::string out;
  std::string err;
};

// A tool that runs. It is killed and the test fails if it has not ended after two minutes.
class ToolProcess {
 public:
  ToolProcess(const std::string& tool, const std::vector<std::string>& arguments, const std::string& input = "");
  ~ToolProcess();
  ToolProcess(const ToolProcess&) = delete;
  ToolProcess& operator=(const ToolProcess&) = delete;

  pid_t id() const { return process_; }
  // The text that it has written to stdout until now.
  std::string OutputSoFar() const { return folder_.Read("out"); }
  ToolResult Wait();

 private:
  TestFolder folder_;
  pid_t process_ = -1;
  bool waited_ = false;
};

// Runs the built tool to its end.
ToolResult RunTool(const std::vector<std::string>& arguments, const std::string& input = "");

}  // namespace skein

#endif  // SKEIN_TESTS_CLI_TOOL_PROCESS_H_
