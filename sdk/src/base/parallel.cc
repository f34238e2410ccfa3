#include "base/parallel.h"

#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace skein {
namespace {

// The loop's work and how it went. Without an error, `failed_index` is the count.
struct Loop {
  absl::FunctionRef<absl::Status(size_t)> work;
  Mutex mutex;
  size_t failed_index ABSL_GUARDED_BY(mutex);
  absl::Status status ABSL_GUARDED_BY(mutex);
};

// nullopt: `work` threw. C code calls this, so nothing may be thrown here; and a status with a message would need
// memory, which may have run out.
std::optional<absl::Status> RunOnce(Loop& loop, size_t index) noexcept {
  try {
    return loop.work(index);
  } catch (...) {
    return std::nullopt;
  }
}

void RunIndex(void* argument, uint64_t index) {
  Loop& loop = *static_cast<Loop*>(argument);
  {
    const MutexLock lock(loop.mutex);
    if (index > loop.failed_index) return;
  }
  std::optional<absl::Status> status = RunOnce(loop, index);
  if (!status.has_value()) status.emplace(absl::StatusCode::kResourceExhausted, "");
  const MutexLock lock(loop.mutex);
  if (status->ok() || index >= loop.failed_index) return;
  loop.failed_index = index;
  loop.status = *std::move(status);
}

}  // namespace

absl::Status ParallelFor(const skein_host& host, size_t count, absl::FunctionRef<absl::Status(size_t)> work) {
  Loop loop = {work, {}, count, absl::OkStatus()};
  host.parallel_for(host.context, count, RunIndex, &loop);
  const MutexLock lock(loop.mutex);
  if (absl::IsResourceExhausted(loop.status) && loop.status.message().empty()) {
    return absl::ResourceExhaustedError("out of memory");  // from RunIndex; here a failure to allocate may be thrown
  }
  return loop.status;
}

}  // namespace skein
