#include "state/state_pool.h"

#include <utility>

namespace skein {

StateRef::Held::~Held() { pool->Release(slot); }

std::shared_ptr<StatePool> StatePool::Create(uint32_t num_slots) {
  return std::shared_ptr<StatePool>(new StatePool(num_slots));
}

StatePool::StatePool(uint32_t num_slots) : num_slots_(num_slots) {
  free_.reserve(num_slots);
  for (uint32_t slot = num_slots; slot > 0; --slot) free_.push_back(slot - 1);
}

StateRef StatePool::Acquire() {
  uint32_t slot;
  {
    const MutexLock lock(mutex_);
    if (free_.empty()) return StateRef();
    slot = free_.back();
    free_.pop_back();
  }
  return StateRef(std::shared_ptr<const StateRef::Held>(new StateRef::Held{shared_from_this(), slot}));
}

uint32_t StatePool::num_free() const {
  const MutexLock lock(mutex_);
  return static_cast<uint32_t>(free_.size());
}

void StatePool::Release(uint32_t slot) {
  const MutexLock lock(mutex_);
  free_.push_back(slot);
}

}  // namespace skein
