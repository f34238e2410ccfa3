// Queues: requests go in, events come out, as a range.
#ifndef SKEIN_CPP_QUEUE_HPP_
#define SKEIN_CPP_QUEUE_HPP_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/cpp/request.hpp"
#include "skein/cpp/runtime.hpp"
#include "skein/request.h"

SKEIN_CPP_BEGIN

// One event: the fields of skein_event, and its text. The text lives until the queue is polled again.
class Event : public skein_event {
 public:
  Event(const skein_event& event, std::string_view text) : skein_event(event), text_(text) {}

  // Of a token what it adds; of DONE the rest; of ERROR the message.
  std::string_view text() const noexcept { return text_; }
  bool is_token() const noexcept { return kind == SKEIN_EVENT_TOKEN; }
  // Each request has exactly one such event, its last.
  bool is_terminal() const noexcept {
    return kind == SKEIN_EVENT_DONE || kind == SKEIN_EVENT_ERROR || kind == SKEIN_EVENT_CANCELLED;
  }
  // Throws the Error of an event of kind ERROR.
  void ThrowIfError() const {
    if (kind == SKEIN_EVENT_ERROR) throw Error(status, std::string(text_));
  }

 private:
  std::string_view text_;
};

class Queue : public Owned<skein_queue, skein_queue_release> {
 public:
  using Owned::Owned;
  explicit Queue(const Runtime& runtime, const QueueOptions& options = {}) {
    Call(skein_queue_create, runtime.get(), options.get(), out());
  }
  Queue(Queue&& other) noexcept
      : Owned(other.Detach()),
        taken_(std::exchange(other.taken_, {})),
        num_running_(other.num_running_.exchange(0)),
        wakeup_(std::move(other.wakeup_)) {}
  Queue& operator=(Queue&& other) noexcept {
    if (this == &other) return *this;
    *out() = other.Detach();  // closes what was owned, before its callback ends
    taken_ = std::exchange(other.taken_, {});
    num_running_ = other.num_running_.exchange(0);
    wakeup_ = std::move(other.wakeup_);
    return *this;
  }
  ~Queue() { Close(); }  // before the callback ends

  // Any thread may submit, also while another one polls or iterates.
  void Submit(const Request& request) { Submit(&request, 1); }
  // All of them, or none.
  template <typename Requests>
  void SubmitAll(const Requests& requests) {
    Submit(std::data(requests), std::size(requests));
  }

  // Takes the events that are there, without waiting. They live until the next call of Poll, or the next step of a
  // loop over the queue.
  const std::vector<Event>& Poll();

  // Waits until an event is there; false: `timeout` has passed. Events that a loop was left with count as there.
  bool Wait(std::chrono::milliseconds timeout) const {
    return taken_.next < taken_.events.size() || WaitFor(timeout.count());
  }
  bool Wait() const { return taken_.next < taken_.events.size() || WaitFor(-1); }

  // A descriptor that is readable while events are there. It belongs to the queue.
  int Fd() const {
    int32_t fd = -1;
    Call(skein_queue_fd, get(), &fd);
    return fd;
  }

  // Called when the queue turns from empty to not empty, on a thread of the library: it may only poll or submit, and
  // must not throw. An empty function removes it; see skein_queue_set_wakeup.
  void SetWakeup(std::function<void()> wakeup) {
    auto kept = wakeup ? std::make_unique<std::function<void()>>(std::move(wakeup)) : nullptr;
    Call(skein_queue_set_wakeup, get(), kept ? &CallWakeup : nullptr, static_cast<void*>(kept.get()));
    wakeup_ = std::move(kept);
  }

  // Requests that were submitted by Submit and SubmitAll, and whose terminal event was not taken yet.
  size_t num_running() const noexcept { return num_running_; }

  // A loop over the queue: `for (const Event& event : queue)` waits for events, and ends when no request is running. A
  // request may be submitted within it. A loop that is left goes on later where it was.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Event;
    using difference_type = std::ptrdiff_t;
    using pointer = const Event*;
    using reference = const Event&;

    Iterator() = default;
    explicit Iterator(Queue* queue) : queue_(queue) { ++*this; }

    reference operator*() const { return *event_; }
    pointer operator->() const { return event_; }
    Iterator& operator++() {
      event_ = queue_->Next();
      if (event_ == nullptr) queue_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.queue_ == b.queue_; }
    friend bool operator!=(const Iterator& a, const Iterator& b) { return !(a == b); }

   private:
    Queue* queue_ = nullptr;
    const Event* event_ = nullptr;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return {}; }

  // The next event, for which it waits; nullptr if no request is running and none is left.
  const Event* Next() {
    while (taken_.next == taken_.events.size()) {
      if (IsIdle()) return nullptr;
      WaitFor(-1);
      Fill();
    }
    return &taken_.events[taken_.next++];
  }

 private:
  static void CallWakeup(void* argument) noexcept { (*static_cast<std::function<void()>*>(argument))(); }

  bool WaitFor(int64_t timeout_ms) const {
    uint32_t ready = 0;
    Call(skein_queue_wait, get(), timeout_ms, &ready);
    return ready != 0;
  }

  void Submit(const Request* requests, size_t count) {
    std::vector<skein_request> handles;
    handles.reserve(count);
    for (size_t i = 0; i < count; ++i) handles.push_back(requests[i].get());
    // Another thread may take the last event before the call returns. It counts that event after the request.
    const std::lock_guard<std::mutex> lock(counting_);
    Call(skein_queue_submit, get(), static_cast<const skein_request*>(handles.data()), static_cast<uint32_t>(count));
    num_running_ += count;
  }

  void Fill();

  bool IsIdle() {
    const std::lock_guard<std::mutex> lock(counting_);
    return num_running_ == 0;
  }

  // Requests that were submitted in another way were not counted.
  void CountEnd() {
    const std::lock_guard<std::mutex> lock(counting_);
    if (num_running_ > 0) --num_running_;
  }

  // The events that were taken last; those before `next` were given out.
  struct Taken {
    std::vector<skein_event> raw;
    std::string text;
    std::vector<Event> events;
    size_t next = 0;
  };
  Taken taken_;
  std::mutex counting_;  // held while num_running_ changes
  std::atomic<size_t> num_running_{0};
  std::unique_ptr<std::function<void()>> wakeup_;
};

inline void Queue::Fill() {
  constexpr size_t kEvents = 64, kTextBytes = 4096;
  if (taken_.raw.empty()) taken_.raw.resize(kEvents);
  if (taken_.text.empty()) taken_.text.resize(kTextBytes);
  taken_.events.clear();
  taken_.next = 0;
  uint32_t count = 0;
  uint64_t text_bytes = 0;
  skein_error error = {};
  skein_status status = SKEIN_OK;
  while (true) {
    status = skein_queue_poll(get(), taken_.raw.data(), sizeof(skein_event), static_cast<uint32_t>(taken_.raw.size()),
                              taken_.text.data(), taken_.text.size(), &count, &text_bytes, &error);
    if (status != SKEIN_OUT_OF_RANGE || text_bytes <= taken_.text.size()) break;
    taken_.text.resize(text_bytes);
  }
  if (status != SKEIN_OK) throw Error(error);
  for (uint32_t i = 0; i < count; ++i) {
    const skein_event& event = taken_.raw[i];
    taken_.events.emplace_back(event, std::string_view(taken_.text).substr(event.text_offset, event.text_bytes));
    if (taken_.events.back().is_terminal()) CountEnd();
  }
}

inline const std::vector<Event>& Queue::Poll() {
  if (taken_.next > 0)
    taken_.events.erase(taken_.events.begin(), taken_.events.begin() + static_cast<std::ptrdiff_t>(taken_.next));
  taken_.next = 0;
  if (taken_.events.empty()) Fill();
  taken_.next = taken_.events.size();
  return taken_.events;
}

SKEIN_CPP_END

#endif  // SKEIN_CPP_QUEUE_HPP_
