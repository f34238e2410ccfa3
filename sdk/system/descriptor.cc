#include "system/descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace skein {

int AboveStandard(int descriptor) {
  if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  close(descriptor);
  errno = error;
  return copy;
}

int Descriptor::Close() {
  if (!is_open()) return 0;
  return close(Release());
}

}  // namespace skein
