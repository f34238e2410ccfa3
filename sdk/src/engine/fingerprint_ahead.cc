#include "engine/fingerprint_ahead.h"

#include <chrono>
#include <utility>

#include "base/process_end.h"
#include "base/status.h"
#include "runtime/worker.h"
#include "system/thread_priority.h"

namespace skein {
namespace {

// On a machine that is busy beyond measure, nobody who releases a model waits longer.
constexpr std::chrono::seconds kLongestStop{1};

}  // namespace

std::shared_ptr<FingerprintAhead> FingerprintAhead::Start(std::shared_ptr<Runtime> runtime,
                                                          std::shared_ptr<const ModelFile> file) {
  if (file->knows_fingerprint()) return nullptr;
  auto ahead = std::make_shared<FingerprintAhead>();
  const std::weak_ptr<FingerprintAhead> weak(ahead);
  const bool started = StartWorker([ahead, runtime = std::move(runtime), file = std::move(file)] { ahead->Run(*file); },
                                   [weak] {
                                     if (const auto alive = weak.lock()) alive->is_stopped_ = true;
                                   });
  return started ? ahead : nullptr;
}

void FingerprintAhead::Run(const ModelFile& file) noexcept {
  LowerThreadPriority();
  // An error, and a lack of memory, come back when somebody asks for the fingerprint.
  Guarded([&] {
    return file.ComputeFingerprintAhead([&] { return is_stopped_ ? absl::CancelledError("") : CheckProcessGoesOn(); });
  }).IgnoreError();
  const MutexLock lock(mutex_);
  has_ended_ = true;
  ended_.NotifyAll();
}

void FingerprintAhead::Stop() noexcept {
  is_stopped_ = true;
  const auto end = std::chrono::steady_clock::now() + kLongestStop;
  const MutexLock lock(mutex_);
  while (!has_ended_ && ended_.WaitUntil(mutex_, end)) {
  }
}

}  // namespace skein
