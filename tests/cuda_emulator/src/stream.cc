#include "stream.h"

#include <utility>

#include "runtime.h"

namespace skein::emulator {

void Completion::Complete(const Clock& clock) {
  const std::lock_guard lock(mutex_);
  clock_ = clock;
  time_ = std::chrono::steady_clock::now();
  done_ = true;
  changed_.notify_all();
}

void Completion::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
}

bool Completion::IsDone() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

Stream::Stream(Runtime& runtime, int device, bool blocking, uint32_t number)
    : runtime_(runtime),
      device_(device),
      blocking_(blocking),
      number_(number),
      random_(runtime.options().seed * 1000003 + number),
      thread_(&Stream::RunWork, this) {}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Stream::Enqueue(Work work, Clock known) {
  const std::lock_guard lock(mutex_);
  items_.push_back({std::move(work), std::move(known)});
  changed_.notify_all();
}

std::shared_ptr<Completion> Stream::Mark() {
  auto completion = std::make_shared<Completion>();
  Enqueue([completion](Stream& stream) { completion->Complete(stream.known()); }, {});
  return completion;
}

bool Stream::IsIdle() const {
  const std::lock_guard lock(mutex_);
  return items_.empty() && !is_working_;
}

void Stream::RunWork() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ends_ || !items_.empty(); });
    if (items_.empty()) return;
    Item item = std::move(items_.front());
    items_.pop_front();
    is_working_ = true;
    lock.unlock();
    Pause();
    Know(item.known);
    item.work(*this);
    item = {};
    lock.lock();
    is_working_ = false;
  }
}

// So late that a host which does not wait sees that it is too early, most times.
void Stream::Pause() {
  int delay_us = runtime_.options().delay_us;
  if (random_.Below(4) == 0) delay_us += static_cast<int>(random_.Below(50));
  if (delay_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
}

OperationOrder Stream::BeginOperation(bool dependent) {
  if (known_.size() <= number_) known_.resize(number_ + 1);
  return {number_, ++sequence_, known_, dependent};
}

void Stream::EndOperation() { known_[number_] = sequence_; }

}  // namespace skein::emulator
