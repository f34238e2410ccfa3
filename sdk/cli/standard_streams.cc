#include "standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace skein::cli {
namespace {

// After a call that failed: whether it is to be tried again. Waits for a descriptor that is not ready.
bool TryAgain(int descriptor, decltype(pollfd::events) event) {
  if (errno == EINTR) return true;
  if (errno != EAGAIN) return false;
  pollfd waiting = {descriptor, event, 0};
  return poll(&waiting, 1, -1) >= 0 || errno == EINTR;
}

}  // namespace

void FillClosedStreams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    open("/", O_PATH | O_DIRECTORY);  // gets the lowest free number, which is this one
  }
}

int WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (!TryAgain(descriptor, POLLOUT)) {
      return errno;
    }
  }
  return 0;
}

ssize_t ReadSome(int descriptor, std::span<char> bytes) {
  ssize_t size = 0;
  do {
    size = read(descriptor, bytes.data(), bytes.size());
  } while (size < 0 && TryAgain(descriptor, POLLIN));
  return size;
}

}  // namespace skein::cli
