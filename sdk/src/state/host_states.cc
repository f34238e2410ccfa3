#include "state/host_states.h"

#include <algorithm>
#include <new>
#include <utility>

namespace skein {

HostState::HostState(std::shared_ptr<HostStates> owner, uint64_t num_floats) noexcept
    : owner_(std::move(owner)), num_floats_(num_floats), data_(owner_->memory_.Take()) {}

// Kept places count to the budget too, in which this state has its place for a moment more.
HostState::~HostState() {
  const uint64_t num_others = owner_->num_held() - 1;
  owner_->memory_.GiveBack(data_, owner_->max_states_ - std::min(num_others, owner_->max_states_));
  owner_->GiveBack();
}

StateScratch::StateScratch(std::shared_ptr<HostStates> owner)
    : owner_(std::move(owner)), data_(owner_->memory_.Take()) {
  if (data_ == nullptr) throw std::bad_alloc();
}

StateScratch::~StateScratch() { owner_->memory_.GiveBack(data_, owner_->num_left()); }

absl::Span<float> StateScratch::values() const { return {data_, owner_->state_floats_}; }

std::shared_ptr<HostStates> HostStates::Create(uint64_t state_floats, uint64_t max_states,
                                               std::function<void()> on_free) {
  return std::shared_ptr<HostStates>(new HostStates(state_floats, max_states, std::move(on_free)));
}

HostStates::HostStates(uint64_t state_floats, uint64_t max_states, std::function<void()> on_free)
    : state_floats_(state_floats), max_states_(max_states), on_free_(std::move(on_free)), memory_(state_floats) {}

uint64_t HostStates::num_left() const {
  const uint64_t num_held = this->num_held();
  return num_held < max_states_ ? max_states_ - num_held : 0;
}

bool HostStates::Count(uint64_t most) noexcept {
  uint64_t num_held = num_held_.load(std::memory_order_relaxed);
  do {
    if (num_held >= most) return false;
  } while (!num_held_.compare_exchange_weak(num_held, num_held + 1));
  return true;
}

std::shared_ptr<HostState> HostStates::Take(Use use) noexcept {
  const uint64_t most = max_states_ + (use == Use::kSwap ? 2 : use == Use::kPass ? 1 : 0);
  if (!Count(most)) {
    wanted_.store(true);
    // A place that became free since then was not announced.
    if (!Count(most)) return nullptr;
  }
  HostState* const made = new (std::nothrow) HostState(shared_from_this(), state_floats_);
  if (made == nullptr) {
    GiveBack();
    return nullptr;
  }
  std::unique_ptr<HostState> owned(made);
  if (made->data_ == nullptr) return nullptr;
  try {
    return std::shared_ptr<HostState>(std::move(owned));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void HostStates::GiveBack() noexcept {
  num_held_.fetch_sub(1);
  if (wanted_.exchange(false) && on_free_) on_free_();
}

}  // namespace skein
