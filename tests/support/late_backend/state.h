// The state that all devices of the late backend share: the order that they obey, and the fences that they gave. It is
// global, against the rule for plugins, because a test commands the plugin and not an object of it.
#ifndef SKEIN_TESTS_SUPPORT_LATE_BACKEND_STATE_H_
#define SKEIN_TESTS_SUPPORT_LATE_BACKEND_STATE_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "tests/support/late_backend/control.h"

namespace skein::late {

class Task;

// Threads: any.
class State {
 public:
  void Obey(const Order& order);
  Order order() const;
  void Declare(const Offer& offer);
  Offer offer() const;
  void Hold(uint32_t device, bool is_held);
  void HoldExports(uint32_t device, bool is_held);
  void HoldImports(uint32_t device, bool is_held);
  void Lose(uint32_t device);
  uint64_t num_losses(uint32_t device) const;
  // Notes something that happened.
  void Count(const std::function<void(Counts&)>& event);
  Counts counts() const;

  // A step of the device begins: returns when the device is not held.
  void Begin(uint32_t device);
  // The same of an export and an import that go on beside steps.
  void BeginExport(uint32_t device);
  void BeginImport(uint32_t device);

  void CountDraws(const skein_step& step);

  // Fences: handles to tasks. A handle that was released, or never given, has none.
  void* MakeFence(std::shared_ptr<Task> task);
  std::shared_ptr<Task> TaskOf(void* fence) const;
  void ReleaseFence(void* fence);

 private:
  // Returns when `is_held` is false, and is counted in `num_held` until then.
  void WaitWhile(const bool& is_held, uint64_t& num_held);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Order order_;
  Offer offer_;
  bool is_held_[kNumDevices] = {};
  bool holds_exports_[kNumDevices] = {};
  bool holds_imports_[kNumDevices] = {};
  uint64_t num_losses_[kNumDevices] = {};
  Counts counts_;
  uintptr_t last_fence_ = 0;
  std::unordered_map<uintptr_t, std::shared_ptr<Task>> fences_;
};

// Never destroyed: a step that is held when the process ends still uses it.
State& SharedState();

}  // namespace skein::late

#endif  // SKEIN_TESTS_SUPPORT_LATE_BACKEND_STATE_H_
