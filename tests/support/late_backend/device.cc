#include "tests/support/late_backend/device.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace skein::late {
namespace {

// Long enough to expose a caller that does not wait.
constexpr std::chrono::microseconds kDelay(200);

using Clock = std::chrono::steady_clock;

// Lets go of them too: a step holds the import before it, which holds the step before.
void WaitForAll(Tasks& tasks) {
  for (const std::shared_ptr<Task>& task : tasks) task->Wait();
  tasks.clear();
}

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

void SegmentStates::BeginMove(uint32_t slot) {
  const std::lock_guard<std::mutex> lock(mutex_);
  moving_.insert(slot);
}

void SegmentStates::EndMove(uint32_t slot) {
  const std::lock_guard<std::mutex> lock(mutex_);
  moving_.erase(moving_.find(slot));
}

void SegmentStates::Change(uint32_t slot) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (moving_.count(slot) == 0) return;
  SharedState().Count([](Counts& counts) { ++counts.num_changed_too_early; });
}

void SegmentStates::ChangeAll() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (moving_.empty()) return;
  SharedState().Count([](Counts& counts) { ++counts.num_changed_too_early; });
}

void Task::Run(bool is_lost) {
  skein_message message = {};
  int32_t code = Work(&message);
  if (is_lost) code = Lost(&message);
  End();
  const std::lock_guard<std::mutex> lock(mutex_);
  code_ = code;
  message_ = message;
  is_done_ = true;
  done_.notify_all();
}

int32_t StepTask::Work(skein_message* message) {
  WaitForAll(before_);
  const Clock::time_point end = Clock::now() + duration_;
  std::this_thread::sleep_for(kDelay);
  void* no_fence = nullptr;
  int32_t code;
  {
    const std::lock_guard<std::mutex> lock(states_.inner_mutex());
    code = Reference().step(segment_, &step_, &no_fence, message);
  }
  if (order_.mishap == Mishap::kEntryFails) FailEntries();
  if (order_.mishap == Mishap::kFenceFails) {
    code = order_.code;
    WriteMessage(order_, message);
  }
  std::this_thread::sleep_until(end);
  return code;
}

int32_t ExportTask::Work(skein_message* message) {
  WaitForAll(move_.before);
  std::this_thread::sleep_for(std::max(kDelay, move_.duration));
  if (move_.order.mishap == Mishap::kExportFenceFails) {
    WriteMessage(move_.order, message);
    return move_.order.code;
  }
  const std::lock_guard<std::mutex> lock(move_.states.inner_mutex());
  return Reference().state_export(move_.segment, move_.slot, move_.state, move_.num_floats, message);
}

int32_t ImportTask::Work(skein_message* message) {
  std::this_thread::sleep_for(std::max(kDelay, move_.duration));
  WaitForAll(move_.before);
  const std::lock_guard<std::mutex> lock(move_.states.inner_mutex());
  if (move_.order.mishap == Mishap::kImportFenceFails) {
    // Not the state, and nothing that may have been in the slot.
    Reference().state_init(move_.segment, move_.slot, message);
    WriteMessage(move_.order, message);
    return move_.order.code;
  }
  return Reference().state_import(move_.segment, move_.slot, move_.state, move_.num_floats, message);
}

void StepTask::FailEntries() const {
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
    : inner_{inner},
      index_(index),
      num_losses_before_(SharedState().num_losses(index)),
      steps_(*this, &State::Begin),
      exports_(*this, &State::BeginExport),
      imports_(*this, &State::BeginImport) {}

Device::Inner::~Inner() { Reference().device_close(device); }

bool Device::is_lost() const { return SharedState().num_losses(index_) != num_losses_before_; }

Device::Lane::Lane(const Device& device, void (State::*begin)(uint32_t device))
    : device_(device), begin_(begin), thread_([this] { RunTasks(); }) {}

Device::Lane::~Lane() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_closing_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Device::Lane::Enqueue(TaskList& task) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  tasks_.splice(tasks_.end(), task);
  changed_.notify_all();
}

void Device::Lane::RunTasks() {
  while (true) {
    std::shared_ptr<Task> task;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [this] { return is_closing_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    (SharedState().*begin_)(device_.index());
    task->Run(device_.is_lost());
  }
}

}  // namespace skein::late
