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

std::unique_ptr<FingerprintAhead> FingerprintAhead::Start(std::shared_ptr<Runtime> runtime,
                                                          std::shared_ptr<const ModelFile> file) {
  if (file->knows_fingerprint()) return nullptr;
  auto reading = std::make_shared<Reading>();
  std::unique_ptr<FingerprintAhead> ahead(new FingerprintAhead(reading));
  const bool started =
      StartWorker([reading, runtime = std::move(runtime), file = std::move(file)] { Run(*reading, *file); },
                  [weak = std::weak_ptr<Reading>(reading)] {
                    if (const auto alive = weak.lock()) alive->is_stopped = true;
                  });
  if (started) return ahead;
  const MutexLock lock(reading->mutex);
  reading->has_ended = true;
  return nullptr;
}

void FingerprintAhead::Run(Reading& reading, const ModelFile& file) noexcept {
  bool has_lowered = false;
  const auto goes_on = [&] {
    if (reading.is_loaded && !std::exchange(has_lowered, true)) LowerThreadPriority();
    return reading.is_stopped ? absl::CancelledError("") : CheckProcessGoesOn();
  };
  // An error, and a lack of memory, come back when somebody asks for the fingerprint.
  Guarded([&] { return file.ComputeFingerprintAhead(goes_on); }).IgnoreError();
  const MutexLock lock(reading.mutex);
  reading.has_ended = true;
  reading.ended.NotifyAll();
}

FingerprintAhead::~FingerprintAhead() {
  reading_->is_stopped = true;
  const auto end = std::chrono::steady_clock::now() + kLongestStop;
  const MutexLock lock(reading_->mutex);
  while (!reading_->has_ended && reading_->ended.WaitUntil(reading_->mutex, end)) {
  }
}

}  // namespace skein
