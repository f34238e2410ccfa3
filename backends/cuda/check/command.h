// Runs a command and keeps what it wrote.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_COMMAND_H_
#define SKEIN_BACKENDS_CUDA_CHECK_COMMAND_H_

#include <string>
#include <vector>

namespace skein::check {

struct CommandResult {
  int code;  // of its exit; 124 after `seconds`; 128 and more: a signal
  std::string output;
};

// Runs `words` through the shell's `timeout`, with `variables` ("NAME=value") added to the environment. The output is
// what it wrote to both streams. Throws std::runtime_error if there is no shell.
CommandResult RunCommand(const std::vector<std::string>& variables, const std::vector<std::string>& words,
                         double seconds);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_COMMAND_H_
