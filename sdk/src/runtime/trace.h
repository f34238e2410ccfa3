// A trace of the work of a runtime, in the JSON array format of Chrome's trace viewer (chrome://tracing), which
// Perfetto reads too. What is worth an event is left out: model_observer.h says so of a model's steps and requests.
#ifndef SKEIN_RUNTIME_TRACE_H_
#define SKEIN_RUNTIME_TRACE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "runtime/log.h"
#include "system/descriptor.h"

namespace skein {

// An argument that the viewer shows with an event.
struct TraceArgument {
  const char* name;  // plain ASCII
  uint64_t value;
};

// Events are gathered in a buffer of fixed size. Flush, and an event for which there is no room, write it to the file,
// always up to the end of an event. So the file can be opened whenever and however the process ends: the format allows
// the closing bracket to be missing. When the file cannot be written any more, the log has one line about it, and
// events are dropped from then on.
//
// Names of events are plain ASCII. Threads: any. Nothing here throws or allocates but Open and AddProcess.
class Trace {
 public:
  using Clock = std::chrono::steady_clock;

  // Creates the file, or empties it. Fails with the code of the system's error. `log` outlives the trace.
  static absl::StatusOr<std::unique_ptr<Trace>> Open(const std::string& path, Log& log);
  // Writes what is left, and closes the list of events.
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  // A group of tracks under a name, such as a model. Gives its number.
  uint32_t AddProcess(absl::string_view name);
  // Names a track of a process. `name` is plain ASCII.
  void NameTrack(uint32_t process, uint32_t track, const char* name) noexcept;

  // A span of time on a track. Spans of one track lie inside or beside one another.
  void Span(uint32_t process, uint32_t track, const char* name, Clock::time_point begin, Clock::time_point end,
            absl::Span<const TraceArgument> arguments) noexcept;

  // A span that may overlap all others, between two events with one name and `id`. Spans of one id form one track.
  void BeginAsync(uint32_t process, const char* name, uint64_t id, Clock::time_point time) noexcept;
  void EndAsync(uint32_t process, const char* name, uint64_t id, Clock::time_point time,
                absl::Span<const TraceArgument> arguments) noexcept;
  // An id that no other span has.
  uint64_t NewId() noexcept { return last_id_.fetch_add(1, std::memory_order_relaxed) + 1; }

  // Writes what has been gathered.
  void Flush() noexcept;

 private:
  class Event;
  static constexpr size_t kBufferBytes = 1 << 20;

  Trace(std::string path, Descriptor file, Log& log);
  void Add(const Event& event) noexcept;
  void Write() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveUp(int error) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const Clock::time_point opened_;
  Log& log_;
  std::atomic<uint64_t> last_id_{0};
  std::atomic<uint32_t> last_process_{0};
  std::atomic<bool> is_open_{true};  // written under mutex_

  Mutex mutex_;
  Descriptor file_ ABSL_GUARDED_BY(mutex_);
  uint64_t file_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // up to the end of a whole event
  std::unique_ptr<char[]> buffer_ ABSL_GUARDED_BY(mutex_);
  size_t buffered_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_TRACE_H_
