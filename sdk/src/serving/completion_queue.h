// Where the events of requests wait until the host takes them.
#ifndef SKEIN_SERVING_COMPLETION_QUEUE_H_
#define SKEIN_SERVING_COMPLETION_QUEUE_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "skein/request.h"

namespace skein {

class Request;

// One event with its text. `event.text_offset` and `text_bytes` are set when it is packed.
struct QueuedEvent {
  skein_event event;
  std::string text;
  std::shared_ptr<Request> request;  // to be told that its event was delivered
};

// Threads: any.
class CompletionQueue {
 public:
  // RESOURCE_EXHAUSTED: no descriptor is left in this process.
  static absl::StatusOr<std::shared_ptr<CompletionQueue>> Create();
  ~CompletionQueue();
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  // Takes note of a request whose events will come here, so that closing the queue cancels it. False: the queue is
  // closed.
  bool Attach(const std::shared_ptr<Request>& request);

  // Adds events. Dropped if the queue is closed.
  void Push(std::vector<QueuedEvent> events);

  // Events taken in order while they fit: at most `max_events`, with at most `max_text_bytes` of text in all. If there
  // is an event and the first does not fit, `*needed_bytes` is its text's size; else 0. The requests have been told.
  std::vector<QueuedEvent> Take(uint32_t max_events, uint64_t max_text_bytes, uint64_t* needed_bytes);

  // True when an event is there; false at the deadline (none: never). nullopt: the queue was closed.
  std::optional<bool> Wait(std::optional<std::chrono::steady_clock::time_point> deadline);

  // Readable while events are there.
  int fd() const { return fd_; }

  void SetWakeup(skein_wakeup_fn wakeup, void* argument);

  // Drops the events, cancels the requests, ends waits. What is pushed later is dropped.
  void Close();

 private:
  explicit CompletionQueue(int fd) : fd_(fd) {}
  void SetReadable(bool readable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int fd_;  // an eventfd, not 0 while events_ is not empty
  Mutex mutex_;
  CondVar changed_;
  std::deque<QueuedEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Request>> requests_ ABSL_GUARDED_BY(mutex_);
  bool readable_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;

  // Held while the callback runs, so that taking it back waits for it. Taken before mutex_, never after.
  Mutex wakeup_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  skein_wakeup_fn wakeup_ ABSL_GUARDED_BY(wakeup_mutex_) = nullptr;
  void* wakeup_argument_ ABSL_GUARDED_BY(wakeup_mutex_) = nullptr;
};

}  // namespace skein

#endif  // SKEIN_SERVING_COMPLETION_QUEUE_H_
