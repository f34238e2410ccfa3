// A device of the late backend: a device of the reference backend that runs its steps on a thread of its own, in the
// order in which they came, some time after the call of `step`.
#ifndef SKEIN_TESTS_SUPPORT_LATE_BACKEND_DEVICE_H_
#define SKEIN_TESTS_SUPPORT_LATE_BACKEND_DEVICE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "skein/backend.h"
#include "tests/support/late_backend/control.h"

namespace skein::late {

// The table of the reference backend.
const skein_backend_table& Reference();

// An entry of a step, which may have entries of any size.
skein_step_entry& EntryAt(const skein_step& step, uint32_t index);

// True if `order` is for this entry, or for a step that holds it.
bool IsMeant(const Order& order, const skein_step& step, const skein_step_entry& entry);
bool IsMeant(const Order& order, uint32_t device, const skein_step& step);
// Writes the message of the order.
void WriteMessage(const Order& order, skein_message* message);
// Writes the message of a lost device, and gives the code.
int32_t Lost(skein_message* message);

// A step that was asked for. Threads: any.
class Task {
 public:
  // `order` is the order for this step. `step` is copied; the arrays that it points to are not. It lasts at least
  // `duration`.
  Task(void* segment, const skein_step& step, const Order& order, std::chrono::microseconds duration)
      : segment_(segment), step_(step), order_(order), duration_(duration) {}

  void* segment() const { return segment_; }
  // On the device's thread. `is_lost`: the step ends with UNAVAILABLE.
  void Run(bool is_lost);
  bool is_done() const;
  void Wait() const;
  bool WaitFor(std::chrono::microseconds time) const;
  // Of a step that is done.
  int32_t code() const { return code_; }
  const skein_message& message() const { return message_; }

 private:
  void FailEntries() const;

  void* const segment_;  // the reference backend's
  const skein_step step_;
  const Order order_;
  const std::chrono::microseconds duration_;
  mutable std::mutex mutex_;
  mutable std::condition_variable done_;
  bool is_done_ = false;
  int32_t code_ = SKEIN_OK;
  skein_message message_ = {};
};

// Threads: any.
class Device {
 public:
  Device(void* inner, uint32_t index);
  // After the last step is done.
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void* inner() const { return inner_; }  // the reference backend's
  uint32_t index() const { return index_; }
  bool is_lost() const;
  void Enqueue(std::shared_ptr<Task> task);

 private:
  void RunTasks();

  void* const inner_;
  const uint32_t index_;
  const uint64_t num_losses_before_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Task>> tasks_;
  bool is_closing_ = false;
  std::thread thread_;
};

}  // namespace skein::late

#endif  // SKEIN_TESTS_SUPPORT_LATE_BACKEND_DEVICE_H_
