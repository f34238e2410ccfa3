// The runtime's log: the last lines, kept until the host takes them. The library prints nothing itself.
#ifndef SKEIN_RUNTIME_LOG_H_
#define SKEIN_RUNTIME_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "base/mutex.h"

namespace skein {

struct LogLine {
  uint32_t severity;  // SKEIN_LOG_*
  std::string text;
};

// Threads: any.
class Log {
 public:
  // Keeps `text` as one line of UTF-8, shortened if it is longer than kMaxLineBytes (base/short_text.h). The oldest
  // line goes when there are kMaxLines. A line is lost if there is no memory for it; the caller goes on.
  void Add(uint32_t severity, absl::string_view text) noexcept;

  // The oldest line, taken out if it has at most `max_bytes`; nullopt if there is none. `*taken` says whether it was
  // taken out.
  std::optional<LogLine> Take(size_t max_bytes, bool* taken);

 private:
  static constexpr size_t kMaxLines = 1024;
  static constexpr size_t kMaxLineBytes = 4096;
  Mutex mutex_;
  std::deque<LogLine> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_LOG_H_
