#include "monitor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
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

Monitor::Monitor(skein_runtime runtime, LogLines lines)
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
    PrintLog();
    if (terminal_ && !stopping) DrawProgress();
  }
  EraseProgress();
}

void Monitor::PrintLog() {
  std::string line(512, '\0');
  while (true) {
    uint64_t size = 0;
    uint32_t severity = 0;
    const skein_status status = skein_runtime_poll_log(runtime_, line.data(), line.size(), &size, &severity, nullptr);
    if (status == SKEIN_OUT_OF_RANGE && size > line.size()) {
      line.resize(size);
      continue;
    }
    if (status != SKEIN_OK) return;  // NOT_FOUND: no line is waiting
    if (lines_ == LogLines::kWarnings && severity < SKEIN_LOG_WARNING) continue;
    EraseProgress();
    Note(std::string("skein: ") + SeverityName(severity) + ": " + line.substr(0, size));
  }
}

void Monitor::DrawProgress() {
  skein_progress progress = {};
  progress.struct_size = sizeof(progress);
  if (skein_runtime_progress(runtime_, &progress, nullptr) != SKEIN_OK) return;
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
