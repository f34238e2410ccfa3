#include "tests/cli/terminal.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace skein {
namespace {

constexpr std::chrono::minutes kPatience(1);

}  // namespace

Terminal::Terminal(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& environment) {
  std::vector<std::string> words = {SKEIN_TOOL};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  process_ = forkpty(&descriptor_, nullptr, nullptr, nullptr);
  if (process_ < 0) throw std::runtime_error("no pseudo-terminal");
  if (process_ == 0) {
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    execv(SKEIN_TOOL, argv.data());
    _exit(127);
  }
}

Terminal::~Terminal() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  close(descriptor_);
}

void Terminal::Type(const std::string& keys) {
  if (write(descriptor_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    ADD_FAILURE() << "the terminal takes no keys";
  }
}

bool Terminal::ReadMore() {
  struct pollfd waiting = {descriptor_, POLLIN, 0};
  if (poll(&waiting, 1, 100) <= 0) return true;
  std::array<char, 4096> piece;
  const ssize_t size = read(descriptor_, piece.data(), piece.size());
  if (size > 0) screen_.append(piece.data(), static_cast<size_t>(size));
  return size > 0;
}

std::string Terminal::Expect(const std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  bool open = true;
  while (screen_.find(text) == std::string::npos && open && std::chrono::steady_clock::now() < deadline) {
    open = ReadMore();
  }
  const size_t at = screen_.find(text);
  if (at == std::string::npos) {
    ADD_FAILURE() << "expected on the screen: " << text << "; found: " << screen_;
    return "";
  }
  std::string came = screen_.substr(0, at + text.size());
  screen_.erase(0, came.size());
  return came;
}

int Terminal::Wait() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (ReadMore() && std::chrono::steady_clock::now() < deadline) {
  }
  int status = 0;
  while (waitpid(process_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ADD_FAILURE() << "the tool does not end";
      return -1;
    }
    usleep(5000);
  }
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace skein
