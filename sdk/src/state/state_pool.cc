#include "state/state_pool.h"

#include <utility>

namespace skein {

StateRef::StateRef(const StateRef& other) noexcept : pool_(other.pool_), slot_(other.slot_) {
  if (pool_ != nullptr) pool_->AddReference(slot_);
}

StateRef::~StateRef() {
  if (pool_ != nullptr) pool_->RemoveReference(slot_);
}

std::shared_ptr<StatePool> StatePool::Create(uint32_t num_slots, std::function<void()> on_free) {
  return std::shared_ptr<StatePool>(new StatePool(num_slots, std::move(on_free)));
}

StatePool::StatePool(uint32_t num_slots, std::function<void()> on_free)
    : num_slots_(num_slots), on_free_(std::move(on_free)), num_references_(num_slots) {
  free_.reserve(num_slots);
  for (uint32_t slot = num_slots; slot > 0; --slot) free_.push_back(slot - 1);
}

StateRef StatePool::Acquire() {
  const MutexLock lock(mutex_);
  if (free_.empty()) {
    wanted_ = true;
    return StateRef();
  }
  const uint32_t slot = free_.back();
  free_.pop_back();
  num_references_[slot].store(1, std::memory_order_relaxed);
  return StateRef(shared_from_this(), slot);
}

uint32_t StatePool::num_free() const {
  const MutexLock lock(mutex_);
  return static_cast<uint32_t>(free_.size());
}

void StatePool::AddReference(uint32_t slot) noexcept { num_references_[slot].fetch_add(1, std::memory_order_relaxed); }

void StatePool::RemoveReference(uint32_t slot) noexcept {
  if (num_references_[slot].fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  bool wanted;
  {
    const MutexLock lock(mutex_);
    free_.push_back(slot);
    wanted = std::exchange(wanted_, false);
  }
  if (wanted && on_free_) on_free_();
}

}  // namespace skein
