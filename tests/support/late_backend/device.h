// A device of the late backend: a device of the reference backend that runs its steps on a thread of its own, in the
// order in which they came, some time after the call of `step`. Exports and imports that are begun go on beside steps,
// on two other threads.
#ifndef SKEIN_TESTS_SUPPORT_LATE_BACKEND_DEVICE_H_
#define SKEIN_TESTS_SUPPORT_LATE_BACKEND_DEVICE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "skein/backend.h"
#include "tests/support/late_backend/control.h"
#include "tests/support/late_backend/state.h"

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

// What the steps of a segment share with the exports and imports of its states. Threads: any.
class SegmentStates {
 public:
  // Guards the calls on the reference backend's segment.
  std::mutex& inner_mutex() { return inner_mutex_; }
  // An export or import of a slot is asked for, and done.
  void BeginMove(uint32_t slot);
  void EndMove(uint32_t slot);
  // A slot is written or discarded, or all are with their segment: counts the breach of a rule if one is under way.
  void Change(uint32_t slot);
  void ChangeAll();

 private:
  std::mutex inner_mutex_;
  std::mutex mutex_;
  std::multiset<uint32_t> moving_;  // slots, one for each export or import under way
};

// Something that a device was asked for. Threads: any.
class Task {
 public:
  virtual ~Task() = default;

  // On a thread of the device, once. `is_lost`: it ends with UNAVAILABLE.
  void Run(bool is_lost);
  bool is_done() const;
  void Wait() const;
  bool WaitFor(std::chrono::microseconds time) const;
  // Of a task that is done.
  int32_t code() const { return code_; }
  const skein_message& message() const { return message_; }

 private:
  virtual int32_t Work(skein_message* message) = 0;
  virtual void End() {}  // before anybody hears of the end

  mutable std::mutex mutex_;
  mutable std::condition_variable done_;
  bool is_done_ = false;
  int32_t code_ = SKEIN_OK;
  skein_message message_ = {};
};

// Made where memory may run out, so that a task with a fence can be enqueued.
using TaskList = std::list<std::shared_ptr<Task>>;

// Tasks of other threads of a device, behind which one comes. None is NULL.
using Tasks = std::vector<std::shared_ptr<Task>>;

// A step of a segment.
class StepTask final : public Task {
 public:
  // `order` is the order for this step. `step` is copied; the arrays that it points to are not. It lasts at least
  // `duration`, behind the imports `before`.
  StepTask(void* segment, SegmentStates& states, const skein_step& step, Tasks before, const Order& order,
           std::chrono::microseconds duration)
      : segment_(segment),
        states_(states),
        step_(step),
        before_(std::move(before)),
        order_(order),
        duration_(duration) {}

 private:
  int32_t Work(skein_message* message) override;
  void FailEntries() const;

  void* const segment_;  // the reference backend's
  SegmentStates& states_;
  const skein_step step_;
  Tasks before_;
  const Order order_;
  const std::chrono::microseconds duration_;
};

// The way of a state out of a slot, or into it.
template <typename Float>
struct StateMove {
  void* segment;  // the reference backend's
  SegmentStates& states;
  uint32_t slot;  // which the segment has
  Float* state;
  uint64_t num_floats;
  Tasks before;
  Order order;
  std::chrono::microseconds duration;
};

// The export of a state. It reads the slot at its very end.
class ExportTask final : public Task {
 public:
  explicit ExportTask(StateMove<float> move) : move_(std::move(move)) {}

 private:
  int32_t Work(skein_message* message) override;
  void End() override { move_.states.EndMove(move_.slot); }

  StateMove<float> move_;
};

// The import of a state. It takes its time before it waits for those that use the slot, and reads the host's memory at
// its very end.
class ImportTask final : public Task {
 public:
  explicit ImportTask(StateMove<const float> move) : move_(std::move(move)) {}

 private:
  int32_t Work(skein_message* message) override;
  void End() override { move_.states.EndMove(move_.slot); }

  StateMove<const float> move_;
};

// Threads: any.
class Device {
 public:
  Device(void* inner, uint32_t index);
  // After all tasks are done.
  ~Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void* inner() const { return inner_.device; }  // the reference backend's
  uint32_t index() const { return index_; }
  bool is_lost() const;
  // Takes the one task of `task`.
  void EnqueueStep(TaskList& task) noexcept { steps_.Enqueue(task); }
  void EnqueueExport(TaskList& task) noexcept { exports_.Enqueue(task); }
  void EnqueueImport(TaskList& task) noexcept { imports_.Enqueue(task); }

 private:
  // Does tasks in the order in which they come, on a thread of its own.
  class Lane {
   public:
    // Calls `begin` before each task.
    Lane(const Device& device, void (State::*begin)(uint32_t device));
    // After the last task is done.
    ~Lane();
    void Enqueue(TaskList& task) noexcept;

   private:
    void RunTasks();

    const Device& device_;
    void (State::*const begin_)(uint32_t device);
    std::mutex mutex_;
    std::condition_variable changed_;
    TaskList tasks_;
    bool is_closing_ = false;
    std::thread thread_;
  };

  // Closed when the lanes have ended.
  struct Inner {
    ~Inner();
    void* const device;  // the reference backend's
  };

  const Inner inner_;
  const uint32_t index_;
  const uint64_t num_losses_before_;
  Lane steps_;
  Lane exports_;
  Lane imports_;
};

}  // namespace skein::late

#endif  // SKEIN_TESTS_SUPPORT_LATE_BACKEND_DEVICE_H_
