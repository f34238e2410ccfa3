#include "serving/completion_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skein {

absl::StatusOr<std::shared_ptr<CompletionQueue>> CompletionQueue::Create(std::weak_ptr<const Runtime> runtime) {
  Descriptor fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.is_open()) {
    return absl::ResourceExhaustedError(absl::StrCat("queue: cannot make an eventfd: ", std::strerror(errno)));
  }
  return std::shared_ptr<CompletionQueue>(new CompletionQueue(std::move(fd), std::move(runtime)));
}

bool CompletionQueue::Serves(const std::shared_ptr<Runtime>& runtime) const {
  const auto is_owned_by = [this](const auto& owner) {
    return !runtime_.owner_before(owner) && !owner.owner_before(runtime_);
  };
  return is_owned_by(runtime) || is_owned_by(std::weak_ptr<const Runtime>());
}

void CompletionQueue::Attach(const std::shared_ptr<Engine>& engine) {
  const MutexLock lock(mutex_);
  const auto is_gone = [](const std::weak_ptr<Engine>& known) { return known.expired(); };
  engines_.erase(std::remove_if(engines_.begin(), engines_.end(), is_gone), engines_.end());
  const auto is_it = [&engine](const std::weak_ptr<Engine>& known) { return known.lock() == engine; };
  if (std::none_of(engines_.begin(), engines_.end(), is_it)) engines_.push_back(engine);
}

void CompletionQueue::SetReadable(bool readable) {
  if (readable == is_readable_) return;
  is_readable_ = readable;
  // Neither call can fail: the counter is 0 before a write of 1, and 1 before a read.
  uint64_t one = 1;
  [[maybe_unused]] const ssize_t done = readable ? write(fd(), &one, sizeof(one)) : read(fd(), &one, sizeof(one));
}

void CompletionQueue::Push(EventList& events) noexcept {
  if (events.empty()) return;
  EventList dropped;  // destroyed outside the lock: events hold requests
  {
    const MutexLock lock(mutex_);
    if (is_closed()) {
      dropped.swap(events);
      return;
    }
    const bool was_empty = events_.empty();
    events_.splice(events_.end(), events);
    SetReadable(true);
    changed_.NotifyAll();
    if (!was_empty) return;
  }
  wakeup_.Call();
}

EventList CompletionQueue::Take(uint32_t max_events, uint64_t max_text_bytes, uint64_t* needed_bytes) noexcept {
  EventList taken;
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
      taken.splice(taken.end(), events_, events_.begin());
    }
    SetReadable(!events_.empty());
  }
  for (const QueuedEvent& event : taken) {
    if (event.event.kind == SKEIN_EVENT_TOKEN && event.delivery != nullptr) event.delivery->OnDelivered();
  }
  return taken;
}

std::optional<bool> CompletionQueue::Wait(std::optional<std::chrono::steady_clock::time_point> deadline) {
  const MutexLock lock(mutex_);
  while (events_.empty() && !is_closed()) {
    if (!deadline.has_value()) {
      changed_.Wait(mutex_);
    } else if (*deadline <= std::chrono::steady_clock::now() || !changed_.WaitUntil(mutex_, *deadline)) {
      break;  // a wait until a time that has passed would sleep too, for as long as a timer is late
    }
  }
  if (is_closed()) return std::nullopt;
  return !events_.empty();
}

void CompletionQueue::Close() noexcept {
  EventList dropped;  // destroyed outside the lock, as below
  std::vector<std::weak_ptr<Engine>> engines;
  {
    const MutexLock lock(mutex_);
    is_closed_.store(true, std::memory_order_release);
    dropped.swap(events_);
    engines.swap(engines_);
    changed_.NotifyAll();
  }
  wakeup_.Set(nullptr, nullptr);
  for (const std::weak_ptr<Engine>& weak : engines) {
    if (const std::shared_ptr<Engine> engine = weak.lock()) engine->NotifyAll();
  }
}

}  // namespace skein
