#include "system/thread_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace skein {

void LowerThreadPriority() noexcept {
  constexpr int kLeast = 19;
  // On Linux the nice value belongs to a thread. glibc has no wrapper that is as old as the systems that we support.
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  static_cast<void>(setpriority(PRIO_PROCESS, thread, kLeast));
}

}  // namespace skein
