#include "runtime/log.h"

#include <new>
#include <utility>

#include "base/short_text.h"

namespace skein {

void Log::Add(uint32_t severity, absl::string_view text) noexcept {
  try {
    LogLine line = {severity, ShortText(text, kMaxLineBytes)};
    const MutexLock lock(mutex_);
    if (lines_.size() == kMaxLines) lines_.pop_front();
    lines_.push_back(std::move(line));
  } catch (const std::bad_alloc&) {
    // Lost, as the header says.
  }
}

std::optional<LogLine> Log::Take(size_t max_bytes, bool* taken) {
  const MutexLock lock(mutex_);
  *taken = false;
  if (lines_.empty()) return std::nullopt;
  LogLine line = lines_.front();
  if (line.text.size() <= max_bytes) {
    lines_.pop_front();
    *taken = true;
  }
  return line;
}

}  // namespace skein
