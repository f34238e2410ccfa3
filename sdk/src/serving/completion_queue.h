// The queue in which the events of requests wait until the host takes them.
#ifndef SKEIN_SERVING_COMPLETION_QUEUE_H_
#define SKEIN_SERVING_COMPLETION_QUEUE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "engine/engine.h"
#include "serving/delivery.h"
#include "serving/wakeup.h"
#include "skein/request.h"
#include "system/descriptor.h"

namespace skein {

// One event with its text. `event.text_offset` and `text_bytes` are set when it is packed.
struct QueuedEvent {
  skein_event event = {};
  std::string text;
  std::shared_ptr<Delivery> delivery;  // told when the host took a token; may be nullptr
};

// Events that are handed from list to list without allocating. So an event that exists is never lost for want of
// memory.
using EventList = std::list<QueuedEvent>;

// Threads: any.
class CompletionQueue {
 public:
  // A queue for requests of the models of `runtime`; empty: of all models. It does not keep the runtime alive.
  // RESOURCE_EXHAUSTED: no descriptor is left in this process.
  static absl::StatusOr<std::shared_ptr<CompletionQueue>> Create(std::weak_ptr<const Runtime> runtime = {});
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  // Whether requests of the models of `runtime` may be submitted.
  bool Serves(const std::shared_ptr<Runtime>& runtime) const;

  // Notes an engine whose jobs will push events here, so that Close can notify it.
  void Attach(const std::shared_ptr<Engine>& engine);

  // Moves all of `events` into the queue. If the queue is closed, they are dropped.
  void Push(EventList& events) noexcept;

  // Takes events in order while they fit: at most `max_events`, with at most `max_text_bytes` of text in all, and tells
  // their deliveries. If the first event does not fit, `*needed_bytes` is the size of its text; else 0.
  EventList Take(uint32_t max_events, uint64_t max_text_bytes, uint64_t* needed_bytes) noexcept;

  // Waits. True: an event is there. False: the deadline has passed; without a deadline the wait has no end. nullopt:
  // the queue was closed.
  std::optional<bool> Wait(std::optional<std::chrono::steady_clock::time_point> deadline);

  // Readable while events are there. Never one of the standard descriptors.
  int fd() const { return fd_.number(); }

  Wakeup& wakeup() { return wakeup_; }

  // Drops the events and ends waits. Later events are dropped too, and the requests that push them end as cancelled. If
  // a wake-up callback runs, waits for it.
  void Close() noexcept;
  bool is_closed() const { return is_closed_.load(std::memory_order_acquire); }

 private:
  CompletionQueue(Descriptor fd, std::weak_ptr<const Runtime> runtime)
      : fd_(std::move(fd)), runtime_(std::move(runtime)) {}
  void SetReadable(bool readable) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Descriptor fd_;  // an eventfd, not 0 while events_ is not empty
  const std::weak_ptr<const Runtime> runtime_;
  std::atomic<bool> is_closed_{false};  // written under mutex_
  Wakeup wakeup_;
  Mutex mutex_;
  CondVar changed_;
  EventList events_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Engine>> engines_ ABSL_GUARDED_BY(mutex_);
  bool is_readable_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace skein

#endif  // SKEIN_SERVING_COMPLETION_QUEUE_H_
