#include "cuda/check/command.h"

#include <sys/wait.h>

#include <cstdio>
#include <stdexcept>

namespace skein::check {
namespace {

std::string Quoted(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

CommandResult RunCommand(const std::vector<std::string>& variables, const std::vector<std::string>& words,
                         double seconds) {
  // A program that does not end when it is asked to is killed. It stays in our group of processes, and ends with us.
  std::string line = "exec timeout --foreground -k 3 " + std::to_string(seconds) + " env";
  for (const std::string& variable : variables) line += " " + Quoted(variable);
  for (const std::string& word : words) line += " " + Quoted(word);
  FILE* const pipe = popen((line + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("a shell could not be started");
  CommandResult result = {.code = 0, .output = {}};
  char buffer[4096];
  for (size_t count = 0; (count = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) result.output.append(buffer, count);
  const int status = pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace skein::check
