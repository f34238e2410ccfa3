#include "base/process_end.h"

#include <atomic>

namespace skein {
namespace {

// Process-wide because the end of a process is.
std::atomic<bool> process_ends{false};

}  // namespace

void AnnounceProcessEnd() { process_ends.store(true, std::memory_order_relaxed); }

absl::Status CheckProcessGoesOn() {
  if (!process_ends.load(std::memory_order_relaxed)) return absl::OkStatus();
  return absl::CancelledError("the process is ending");
}

}  // namespace skein
