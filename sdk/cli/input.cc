#include "input.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "handles.h"

namespace skein::cli {

std::string ReadInput(const std::string& path) {
  const bool is_stdin = path == "-";
  const std::string where = is_stdin ? "standard input" : path;
  const int descriptor = is_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw Failure(where + ": cannot be opened: " + std::strerror(errno));
  std::string content;
  std::array<char, 65536> piece;
  ssize_t size = 0;
  do {
    size = read(descriptor, piece.data(), piece.size());
    if (size > 0) content.append(piece.data(), static_cast<size_t>(size));
  } while (size > 0 || (size < 0 && errno == EINTR));
  const int error = errno;
  if (!is_stdin) close(descriptor);
  if (size < 0) throw Failure(where + ": cannot be read: " + std::strerror(error));
  return content;
}

}  // namespace skein::cli
