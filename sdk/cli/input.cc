#include "input.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "failure.h"
#include "standard_streams.h"
#include "system/descriptor.h"

namespace skein::cli {

std::string ReadInput(const std::string& path) {
  const bool is_stdin = path == "-";
  const std::string where = is_stdin ? "standard input" : path;
  const Descriptor file(is_stdin ? -1 : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!is_stdin && !file.is_open()) throw Failure(where + ": cannot be opened: " + std::strerror(errno));
  std::string content;
  std::array<char, 65536> piece;
  ssize_t size = 0;
  do {
    size = ReadSome(is_stdin ? STDIN_FILENO : file.number(), piece);
    if (size > 0) content.append(piece.data(), static_cast<size_t>(size));
  } while (size > 0);
  if (size < 0) throw Failure(where + ": cannot be read: " + std::strerror(errno));
  return content;
}

std::vector<std::string> ReadLines(const std::string& path) {
  std::istringstream text(ReadInput(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) throw Failure(path + ": expected at least one line of text, found none");
  return lines;
}

}  // namespace skein::cli
