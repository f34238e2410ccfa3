#include "monitor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "output.h"
#include "table.h"

namespace skein::cli {
namespace {

constexpr std::chrono::milliseconds kPeriod(100);
constexpr char kEraseLine[] = "\r\033[K";

const char* SeverityName(uint32_t severity) {
  switch (severity) {
    case SKEIN_LOG_DEBUG:
      return "debug";
    case SKEIN_LOG_INFO:
      return "info";
    case SKEIN_LOG_WARNING:
      return "warning";
    default:
      return "error";
  }
}

}  // namespace

Monitor::Monitor(const Runtime& runtime, LogLines lines)
    : runtime_(runtime), lines_(lines), terminal_(isatty(STDERR_FILENO) == 1), thread_([this] { Watch(); }) {}

Monitor::~Monitor() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_one();
  thread_.join();
}

void Monitor::Watch() {
  bool stopping = false;
  while (!stopping) {
    {
      // The wait comes first, so that short work draws no bar.
      std::unique_lock<std::mutex> lock(mutex_);
      stopping = stopping_changed_.wait_for(lock, kPeriod, [this] { return stopping_; });
    }
    Tell(terminal_ && !stopping);
  }
  EraseProgress();
}

void Monitor::Tell(bool with_progress) {
  try {
    PrintLog();
    if (with_progress) DrawProgress();
  } catch (const Error&) {
    // The calls cannot fail while the runtime lives. If they did, the work would still be done, and nobody waits for
    // this thread's exceptions.
  }
}

void Monitor::PrintLog() {
  while (const std::optional<LogLine> line = runtime_.PollLog()) {
    if (lines_ == LogLines::kWarnings && line->severity < SKEIN_LOG_WARNING) continue;
    EraseProgress();
    Note(std::string("skein: ") + SeverityName(line->severity) + ": " + line->text);
  }
}

void Monitor::DrawProgress() {
  const skein_progress progress = runtime_.Progress();
  if (progress.active == 0 || progress.total_bytes == 0) {
    EraseProgress();
    return;
  }
  constexpr uint64_t kCells = 30;
  const double share =
      std::min(1.0, static_cast<double>(progress.done_bytes) / static_cast<double>(progress.total_bytes));
  const auto full = static_cast<uint64_t>(share * kCells);
  const std::string bar = std::string(full, '#') + std::string(kCells - full, '.');
  PrintError(std::string(kEraseLine) + progress.what + " [" + bar + "] " + FormatBytes(progress.done_bytes) + " of " +
             FormatBytes(progress.total_bytes));
  drawn_ = true;
}

void Monitor::EraseProgress() {
  if (!drawn_) return;
  PrintError(kEraseLine);
  drawn_ = false;
}

}  // namespace skein::cli
