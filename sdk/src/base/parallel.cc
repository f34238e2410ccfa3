#include "base/parallel.h"

#include <cstdint>
#include <exception>
#include <utility>

#include "base/mutex.h"

namespace skein {

absl::Status ParallelFor(const skein_host& host, size_t count, absl::FunctionRef<absl::Status(size_t)> work) {
  struct Shared {
    absl::FunctionRef<absl::Status(size_t)> work;
    Mutex mutex;
    size_t failed_index ABSL_GUARDED_BY(mutex);
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  Shared shared = {work, {}, count, absl::OkStatus()};
  host.parallel_for(
      host.context, count,
      [](void* argument, uint64_t index) {
        Shared& s = *static_cast<Shared*>(argument);
        {
          const MutexLock lock(s.mutex);
          if (index > s.failed_index) return;
        }
        absl::Status status;
        try {
          status = s.work(index);
        } catch (const std::exception& error) {  // the host's loop is C
          status = absl::ResourceExhaustedError(error.what());
        }
        const MutexLock lock(s.mutex);
        if (!status.ok() && index < s.failed_index) {
          s.failed_index = index;
          s.status = std::move(status);
        }
      },
      &shared);
  const MutexLock lock(shared.mutex);
  return shared.status;
}

}  // namespace skein
