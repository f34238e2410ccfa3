#include "state/state_pool.h"

#include <utility>

#include "state/state_node.h"

namespace skein {

StateRef::StateRef(const StateRef& other) noexcept : pool_(other.pool_), node_(other.node_) {
  if (pool_ != nullptr) pool_->AddReference(*node_);
}

StateRef::~StateRef() {
  if (pool_ != nullptr) pool_->RemoveReference(*node_);
}

StatePin::StatePin(StateRef state) noexcept : state_(std::move(state)) {
  state_.node_->num_pins.fetch_add(1, std::memory_order_relaxed);
}

// A pin that is let go of was made by the engine's thread, and what it did in the slot comes before what is done next.
void StatePin::Unpin() noexcept {
  if (!state_.empty()) state_.node_->num_pins.fetch_sub(1, std::memory_order_release);
}

uint32_t StateRef::slot() const { return node_->slot; }

std::shared_ptr<StatePool> StatePool::Create(uint32_t num_slots, std::function<void()> on_free) {
  std::shared_ptr<StatePool> pool(new StatePool(num_slots, std::move(on_free)));
  const MutexLock lock(pool->mutex_);
  for (uint32_t slot = num_slots; slot > 0; --slot) {
    pool->AddSpare(*new StateNode);
    pool->FreeSlot(slot - 1);
  }
  return pool;
}

StatePool::StatePool(uint32_t num_slots, std::function<void()> on_free)
    : num_slots_(num_slots), on_free_(std::move(on_free)), is_used_(num_slots) {
  free_.reserve(num_slots);
}

// References keep the pool, so all nodes are spare.
StatePool::~StatePool() {
  while (spares_ != nullptr) delete &TakeSpare();
}

uint32_t StatePool::num_free() const {
  const MutexLock lock(mutex_);
  return static_cast<uint32_t>(free_.size());
}

uint64_t StatePool::num_parked() const {
  const MutexLock lock(mutex_);
  return num_parked_;
}

void StatePool::AnnounceFree() noexcept {
  const MutexLock lock(mutex_);
  wanted_ = true;
}

StateRef StatePool::Add(std::shared_ptr<const HostState> values) {
  auto node = std::make_unique<StateNode>();
  node->num_references.store(1, std::memory_order_relaxed);
  node->parked = std::move(values);
  const MutexLock lock(mutex_);
  ++num_parked_;
  return StateRef(shared_from_this(), node.release());
}

std::shared_ptr<const HostState> StatePool::ValuesOf(const StateRef& state) const {
  const MutexLock lock(mutex_);
  return state.node_->parked;
}

StateRef StatePool::Acquire() {
  const MutexLock lock(mutex_);
  if (free_.empty()) {
    wanted_ = true;
    return StateRef();
  }
  StateNode& node = TakeSpare();
  node.slot = free_.back();
  free_.pop_back();
  is_used_[node.slot] = true;
  node.num_references.store(1, std::memory_order_relaxed);
  Touch(node);
  return StateRef(shared_from_this(), &node);
}

StatePin StatePool::Pin(const StateRef& state) {
  if (state.empty()) return StatePin();
  const MutexLock lock(mutex_);
  if (state.node_->slot == StateNode::kNoSlot) return StatePin();
  Touch(*state.node_);
  return StatePin(state);
}

StateRef StatePool::LeastRecent() const {
  const MutexLock lock(mutex_);
  for (StateNode* node = oldest_; node != nullptr; node = node->newer) {
    if (node->num_pins.load(std::memory_order_acquire) > 0) continue;
    // A node whose last reference has gone waits for the lock to give its slot back.
    uint32_t count = node->num_references.load(std::memory_order_relaxed);
    while (count > 0 && !node->num_references.compare_exchange_weak(count, count + 1)) {
    }
    if (count > 0) return StateRef(std::const_pointer_cast<StatePool>(shared_from_this()), node);
  }
  return StateRef();
}

uint32_t StatePool::num_movable() const {
  uint32_t count = 0;
  const MutexLock lock(mutex_);
  for (const StateNode* node = oldest_; node != nullptr; node = node->newer) {
    count += node->num_pins.load(std::memory_order_relaxed) == 0 ? 1 : 0;
  }
  return count;
}

void StatePool::Park(const StateRef& state, std::shared_ptr<const HostState> values) {
  std::unique_ptr<StateNode> spare;
  bool wants_spare;
  {
    const MutexLock lock(mutex_);
    wants_spare = num_spares_ == free_.size();
  }
  // Other threads only add spare nodes together with free slots.
  if (wants_spare) spare = std::make_unique<StateNode>();
  StateNode& node = *state.node_;
  const MutexLock lock(mutex_);
  if (spare != nullptr) AddSpare(*spare.release());
  Leave(node);
  FreeSlot(std::exchange(node.slot, StateNode::kNoSlot));
  node.parked = std::move(values);
  ++num_parked_;
}

void StatePool::Wake(const StateRef& state, StateRef place) {
  StateNode& node = *state.node_;
  StateNode& holder = *place.node_;
  std::shared_ptr<const HostState> values;  // its memory is freed without the lock
  const MutexLock lock(mutex_);
  Leave(holder);
  node.slot = std::exchange(holder.slot, StateNode::kNoSlot);
  values = std::move(node.parked);
  --num_parked_;
  Touch(node);
}

void StatePool::TakeUsedFree(std::vector<uint32_t>& slots) {
  slots.clear();
  const MutexLock lock(mutex_);
  for (const uint32_t slot : free_) {
    if (!is_used_[slot]) continue;
    is_used_[slot] = false;
    slots.push_back(slot);
  }
}

void StatePool::AddReference(StateNode& node) noexcept { node.num_references.fetch_add(1, std::memory_order_relaxed); }

void StatePool::RemoveReference(StateNode& node) noexcept {
  if (node.num_references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::shared_ptr<const HostState> values = std::move(node.parked);
  bool wanted = false;
  bool is_surplus;
  {
    const MutexLock lock(mutex_);
    if (node.slot != StateNode::kNoSlot) {
      Leave(node);
      FreeSlot(std::exchange(node.slot, StateNode::kNoSlot));
      wanted = std::exchange(wanted_, false);
    }
    if (values != nullptr) --num_parked_;
    is_surplus = num_spares_ >= num_slots_;
    if (!is_surplus) AddSpare(node);
  }
  if (is_surplus) delete &node;
  if (wanted && on_free_) on_free_();
}

void StatePool::FreeSlot(uint32_t slot) { free_.push_back(slot); }

void StatePool::AddSpare(StateNode& node) {
  node.newer = std::exchange(spares_, &node);
  ++num_spares_;
}

StateNode& StatePool::TakeSpare() {
  StateNode& node = *spares_;
  spares_ = std::exchange(node.newer, nullptr);
  --num_spares_;
  return node;
}

void StatePool::Leave(StateNode& node) {
  (node.older == nullptr ? oldest_ : node.older->newer) = node.newer;
  (node.newer == nullptr ? newest_ : node.newer->older) = node.older;
  node.older = nullptr;
  node.newer = nullptr;
}

void StatePool::Touch(StateNode& node) {
  if (node.older != nullptr || node.newer != nullptr || oldest_ == &node) Leave(node);
  node.older = std::exchange(newest_, &node);
  (node.older == nullptr ? oldest_ : node.older->newer) = &node;
}

}  // namespace skein
