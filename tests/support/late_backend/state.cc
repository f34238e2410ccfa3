#include "tests/support/late_backend/state.h"

#include <utility>

#include "tests/support/late_backend/device.h"

namespace skein::late {

State& SharedState() {
  static State& state = *new State;
  return state;
}

void State::Obey(const Order& order) {
  const std::lock_guard<std::mutex> lock(mutex_);
  order_ = order;
}

Order State::order() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return order_;
}

void State::Declare(const Offer& offer) {
  const std::lock_guard<std::mutex> lock(mutex_);
  offer_ = offer;
}

Offer State::offer() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return offer_;
}

void State::Hold(uint32_t device, bool is_held) {
  const std::lock_guard<std::mutex> lock(mutex_);
  is_held_[device] = is_held;
  changed_.notify_all();
}

void State::HoldExports(uint32_t device, bool is_held) {
  const std::lock_guard<std::mutex> lock(mutex_);
  holds_exports_[device] = is_held;
  changed_.notify_all();
}

void State::HoldImports(uint32_t device, bool is_held) {
  const std::lock_guard<std::mutex> lock(mutex_);
  holds_imports_[device] = is_held;
  changed_.notify_all();
}

void State::Lose(uint32_t device) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++num_losses_[device];
}

uint64_t State::num_losses(uint32_t device) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return num_losses_[device];
}

void State::Count(const std::function<void(Counts&)>& event) {
  const std::lock_guard<std::mutex> lock(mutex_);
  event(counts_);
}

Counts State::counts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

void State::Begin(uint32_t device) {
  Count([](Counts& counts) { ++counts.num_steps; });
  WaitWhile(is_held_[device], counts_.num_held);
}

void State::BeginExport(uint32_t device) { WaitWhile(holds_exports_[device], counts_.num_exports_held); }

void State::BeginImport(uint32_t device) { WaitWhile(holds_imports_[device], counts_.num_imports_held); }

void State::WaitWhile(const bool& is_held, uint64_t& num_held) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++num_held;
  changed_.wait(lock, [&is_held] { return !is_held; });
  --num_held;
}

void State::CountDraws(const skein_step& step) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (uint32_t i = 0; i < step.num_entries; ++i) {
    if (EntryAt(step, i).output == SKEIN_STEP_SAMPLE) ++counts_.num_draws;
    if (EntryAt(step, i).drawn_by != 0) ++counts_.num_fed_drawn;
  }
}

void* State::MakeFence(std::shared_ptr<Task> task) {
  const std::lock_guard<std::mutex> lock(mutex_);
  ++counts_.num_fences;
  fences_[++last_fence_] = std::move(task);
  return reinterpret_cast<void*>(last_fence_);
}

std::shared_ptr<Task> State::TaskOf(void* fence) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = fences_.find(reinterpret_cast<uintptr_t>(fence));
  return found == fences_.end() ? nullptr : found->second;
}

void State::ReleaseFence(void* fence) {
  const std::shared_ptr<Task> task = TaskOf(fence);
  const bool is_early = task != nullptr && !task->is_done();
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool was_live = fences_.erase(reinterpret_cast<uintptr_t>(fence)) == 1;
  ++(was_live ? counts_.num_released : counts_.num_released_twice);
  if (was_live && is_early) ++counts_.num_released_early;
}

}  // namespace skein::late
