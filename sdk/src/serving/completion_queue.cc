#include "serving/completion_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "serving/request.h"

namespace skein {

absl::StatusOr<std::shared_ptr<CompletionQueue>> CompletionQueue::Create() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    return absl::ResourceExhaustedError(absl::StrCat("queue: cannot make an eventfd: ", std::strerror(errno)));
  }
  return std::shared_ptr<CompletionQueue>(new CompletionQueue(fd));
}

CompletionQueue::~CompletionQueue() { close(fd_); }

bool CompletionQueue::Attach(const std::shared_ptr<Request>& request) {
  const MutexLock lock(mutex_);
  if (closed_) return false;
  requests_.erase(std::remove_if(requests_.begin(), requests_.end(),
                                 [](const std::weak_ptr<Request>& weak) { return weak.expired(); }),
                  requests_.end());
  requests_.push_back(request);
  return true;
}

void CompletionQueue::SetReadable(bool readable) {
  if (readable == readable_) return;
  readable_ = readable;
  // Neither can fail: the counter is 0 before a write of 1, and 1 before a read.
  uint64_t one = 1;
  [[maybe_unused]] const ssize_t done = readable ? write(fd_, &one, sizeof(one)) : read(fd_, &one, sizeof(one));
}

void CompletionQueue::Push(std::vector<QueuedEvent> events) {
  if (events.empty()) return;
  bool was_empty;
  {
    const MutexLock lock(mutex_);
    if (closed_) return;
    was_empty = events_.empty();
    for (QueuedEvent& event : events) events_.push_back(std::move(event));
    SetReadable(true);
    changed_.NotifyAll();
  }
  if (!was_empty) return;
  const MutexLock lock(wakeup_mutex_);
  if (wakeup_ != nullptr) wakeup_(wakeup_argument_);
}

std::vector<QueuedEvent> CompletionQueue::Take(uint32_t max_events, uint64_t max_text_bytes, uint64_t* needed_bytes) {
  std::vector<QueuedEvent> taken;
  *needed_bytes = 0;
  {
    const MutexLock lock(mutex_);
    uint64_t text_bytes = 0;
    while (!events_.empty() && taken.size() < max_events) {
      const uint64_t size = events_.front().text.size();
      if (size > max_text_bytes - text_bytes) {
        if (taken.empty()) *needed_bytes = size;
        break;
      }
      text_bytes += size;
      taken.push_back(std::move(events_.front()));
      events_.pop_front();
    }
    SetReadable(!events_.empty());
  }
  for (const QueuedEvent& event : taken) {
    if (event.event.kind == SKEIN_EVENT_TOKEN) event.request->OnDelivered();
  }
  return taken;
}

std::optional<bool> CompletionQueue::Wait(std::optional<std::chrono::steady_clock::time_point> deadline) {
  const MutexLock lock(mutex_);
  while (events_.empty() && !closed_) {
    if (!deadline.has_value()) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitUntil(mutex_, *deadline)) {
      break;
    }
  }
  if (closed_) return std::nullopt;
  return !events_.empty();
}

void CompletionQueue::SetWakeup(skein_wakeup_fn wakeup, void* argument) {
  const MutexLock lock(wakeup_mutex_);
  wakeup_ = wakeup;
  wakeup_argument_ = argument;
}

void CompletionQueue::Close() {
  std::vector<std::weak_ptr<Request>> requests;
  std::deque<QueuedEvent> events;  // destroyed outside the lock: they hold requests
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    requests.swap(requests_);
    events.swap(events_);
    changed_.NotifyAll();
  }
  for (const auto& weak : requests) {
    if (const std::shared_ptr<Request> request = weak.lock()) request->Cancel();
  }
}

}  // namespace skein
