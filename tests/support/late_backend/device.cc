#include "tests/support/late_backend/device.h"

#include <cstring>
#include <utility>

#include "tests/support/late_backend/state.h"

namespace skein::late {
namespace {

// Long enough to expose a caller that does not wait.
constexpr std::chrono::microseconds kDelay(200);

using Clock = std::chrono::steady_clock;

}  // namespace

skein_step_entry& EntryAt(const skein_step& step, uint32_t index) {
  return *reinterpret_cast<skein_step_entry*>(static_cast<char*>(step.entries) + size_t{index} * step.entry_size);
}

bool IsMeant(const Order& order, const skein_step& step, const skein_step_entry& entry) {
  if (order.token == kAny) return true;
  for (uint32_t i = 0; i < entry.num_tokens; ++i) {
    if (step.tokens[entry.first_token + i] == order.token) return true;
  }
  return false;
}

bool IsMeant(const Order& order, uint32_t device, const skein_step& step) {
  if (order.device != kAny && order.device != device) return false;
  for (uint32_t i = 0; i < step.num_entries; ++i) {
    if (IsMeant(order, step, EntryAt(step, i))) return true;
  }
  return false;
}

void WriteMessage(const Order& order, skein_message* message) {
  if (message == nullptr) return;
  if (order.has_no_end) {
    // The last character, of three bytes, is cut by the end of the array: 1024 = 3 * 341 + 1.
    for (size_t i = 0; i < sizeof(message->text); ++i) message->text[i] = "\xE2\x82\xAC"[i % 3];
  } else {
    std::strcpy(message->text, "failed as ordered");
  }
}

int32_t Lost(skein_message* message) {
  if (message != nullptr) std::strcpy(message->text, "it fell off the bus");
  return SKEIN_UNAVAILABLE;
}

void Task::Run(bool is_lost) {
  const Clock::time_point end = Clock::now() + duration_;
  std::this_thread::sleep_for(kDelay);
  skein_message message = {};
  void* no_fence = nullptr;
  int32_t code = Reference().step(segment_, &step_, &no_fence, &message);
  if (order_.mishap == Mishap::kEntryFails) FailEntries();
  if (order_.mishap == Mishap::kFenceFails) {
    code = order_.code;
    WriteMessage(order_, &message);
  }
  if (is_lost) code = Lost(&message);
  std::this_thread::sleep_until(end);
  const std::lock_guard<std::mutex> lock(mutex_);
  code_ = code;
  message_ = message;
  is_done_ = true;
  done_.notify_all();
}

void Task::FailEntries() const {
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    skein_step_entry& entry = EntryAt(step_, i);
    if (IsMeant(order_, step_, entry)) entry.status = order_.code;
  }
}

bool Task::is_done() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return is_done_;
}

void Task::Wait() const {
  std::unique_lock<std::mutex> lock(mutex_);
  done_.wait(lock, [this] { return is_done_; });
}

bool Task::WaitFor(std::chrono::microseconds time) const {
  std::unique_lock<std::mutex> lock(mutex_);
  return done_.wait_for(lock, time, [this] { return is_done_; });
}

Device::Device(void* inner, uint32_t index)
    : inner_(inner),
      index_(index),
      num_losses_before_(SharedState().num_losses(index)),
      thread_([this] { RunTasks(); }) {}

Device::~Device() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_closing_ = true;
    changed_.notify_all();
  }
  thread_.join();
  Reference().device_close(inner_);
}

bool Device::is_lost() const { return SharedState().num_losses(index_) != num_losses_before_; }

void Device::Enqueue(std::shared_ptr<Task> task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  tasks_.push_back(std::move(task));
  changed_.notify_all();
}

void Device::RunTasks() {
  while (true) {
    std::shared_ptr<Task> task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return is_closing_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    SharedState().Begin(index_);
    task->Run(is_lost());
  }
}

}  // namespace skein::late
