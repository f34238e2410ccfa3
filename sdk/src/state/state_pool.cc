#include "state/state_pool.h"

#include <utility>

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

void StatePool::AnnounceNext() noexcept {
  const MutexLock lock(mutex_);
  is_watched_ = true;
}

bool StatePool::HasPinnedInHost() const {
  const MutexLock lock(mutex_);
  for (const StateNode* node = in_host_.oldest; node != nullptr; node = node->newer) {
    if (node->num_pins.load(std::memory_order_relaxed) > 0) return true;
  }
  return false;
}

uint64_t StatePool::num_on_disk() const {
  const MutexLock lock(mutex_);
  return num_on_disk_;
}

StateMoves StatePool::moves() const {
  const MutexLock lock(mutex_);
  return moves_;
}

StateRef StatePool::Add(std::shared_ptr<const HostState> values) {
  auto node = std::make_unique<StateNode>();
  node->num_references.store(1, std::memory_order_relaxed);
  node->parked = std::move(values);
  const MutexLock lock(mutex_);
  ++num_parked_;
  in_host_.Append(*node);
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
  in_slots_.Append(node);
  return StateRef(shared_from_this(), &node);
}

StatePin StatePool::Pin(const StateRef& state) {
  if (state.empty()) return StatePin();
  const MutexLock lock(mutex_);
  if (state.node_->slot == StateNode::kNoSlot) return StatePin();
  in_slots_.Remove(*state.node_);
  in_slots_.Append(*state.node_);
  return StatePin(state);
}

StateNode* StatePool::Find(const StateOrder& order) noexcept {
  for (StateNode* node = order.oldest; node != nullptr; node = node->newer) {
    if (node->is_moving || node->num_pins.load(std::memory_order_acquire) > 0) continue;
    // A node whose last reference has gone waits for the lock to give its place back.
    uint32_t count = node->num_references.load(std::memory_order_relaxed);
    while (count > 0 && !node->num_references.compare_exchange_weak(count, count + 1)) {
    }
    if (count > 0) return node;
  }
  return nullptr;
}

StateRef StatePool::LeastRecent() {
  const MutexLock lock(mutex_);
  StateNode* const node = Find(in_slots_);
  return node == nullptr ? StateRef() : StateRef(shared_from_this(), node);
}

uint32_t StatePool::num_movable() const {
  uint32_t count = 0;
  const MutexLock lock(mutex_);
  for (const StateNode* node = in_slots_.oldest; node != nullptr; node = node->newer) {
    count += !node->is_moving && node->num_pins.load(std::memory_order_relaxed) == 0 ? 1 : 0;
  }
  return count;
}

void StatePool::Park(const StateRef& state, std::shared_ptr<const HostState> values) {
  MakeSpare();
  const MutexLock lock(mutex_);
  MoveToHost(*state.node_, std::move(values));
  ++moves_.to_host;
}

StateRef StatePool::BeginLeave() {
  MakeSpare();
  const MutexLock lock(mutex_);
  StateNode* const node = Find(in_slots_);
  if (node == nullptr) return StateRef();
  node->is_moving = true;
  ++num_moving_;
  return StateRef(shared_from_this(), node);
}

void StatePool::EndLeave(const StateRef& state, std::shared_ptr<const HostState> values) noexcept {
  StateNode& node = *state.node_;
  const MutexLock lock(mutex_);
  node.is_moving = false;
  --num_moving_;
  // A state to which nothing else refers goes with `state`.
  const bool is_last = node.num_references.load(std::memory_order_relaxed) == 1;
  if (values == nullptr || is_last || node.num_pins.load(std::memory_order_acquire) > 0) return;
  MoveToHost(node, std::move(values));
  ++moves_.to_host;
}

void StatePool::MakeSpare() {
  {
    const MutexLock lock(mutex_);
    if (num_spares_ > free_.size() + num_moving_) return;
  }
  // Other threads only add spare nodes together with free slots.
  auto spare = std::make_unique<StateNode>();
  const MutexLock lock(mutex_);
  AddSpare(*spare.release());
}

void StatePool::MoveToHost(StateNode& node, std::shared_ptr<const HostState> values) {
  in_slots_.Remove(node);
  FreeSlot(std::exchange(node.slot, StateNode::kNoSlot));
  node.parked = std::move(values);
  in_host_.Append(node);
  ++num_parked_;
}

void StatePool::Wake(const StateRef& state, StateRef place) {
  StateNode& node = *state.node_;
  const StateRef gone = std::move(place);  // let go of without the lock
  StateNode& holder = *gone.node_;
  std::shared_ptr<const HostState> values;  // its memory is freed without the lock
  const MutexLock lock(mutex_);
  values = MoveToSlot(node, holder);
  ++moves_.to_slot;
}

std::shared_ptr<const HostState> StatePool::MoveToSlot(StateNode& node, StateNode& holder) {
  in_slots_.Remove(holder);
  node.slot = std::exchange(holder.slot, StateNode::kNoSlot);
  in_host_.Remove(node);
  --num_parked_;
  in_slots_.Append(node);
  return std::move(node.parked);
}

StatePin StatePool::BeginArrive(const StateRef& state, StateRef place) {
  const StateRef gone = std::move(place);   // as in Wake
  std::shared_ptr<const HostState> values;  // which the caller holds too
  const MutexLock lock(mutex_);
  values = MoveToSlot(*state.node_, *gone.node_);
  ++num_moving_;
  return StatePin(state);
}

void StatePool::EndArrive(StatePin pin) noexcept {
  const MutexLock lock(mutex_);
  // Others were pinned while it came, and it would be the next to leave again.
  in_slots_.Remove(*pin.state_.node_);
  in_slots_.Append(*pin.state_.node_);
  --num_moving_;
  ++moves_.to_slot;
}

void StatePool::EndArrive(StatePin pin, std::shared_ptr<const HostState> values, absl::Status failure) noexcept {
  const StateRef state = pin.Release();  // let go of without the lock
  const MutexLock lock(mutex_);
  --num_moving_;
  MoveToHost(*state.node_, std::move(values));
  std::swap(state.node_->failure, failure);
}

absl::Status StatePool::TakeFailure(const StateRef& state) noexcept {
  const MutexLock lock(mutex_);
  return std::exchange(state.node_->failure, absl::OkStatus());
}

bool StatePool::HasOtherPins(const StatePin& pin) const {
  return pin.state_.node_->num_pins.load(std::memory_order_acquire) > 1;
}

StateRef StatePool::BeginToDisk() {
  const MutexLock lock(mutex_);
  StateNode* const node = Find(in_host_);
  if (node == nullptr) return StateRef();
  node->is_moving = true;
  return StateRef(shared_from_this(), node);
}

void StatePool::EndToDisk(const StateRef& state, DiskBlock block) noexcept {
  StateNode& node = *state.node_;
  std::shared_ptr<const HostState> values;  // as the block, it is let go of without the lock
  const MutexLock lock(mutex_);
  node.is_moving = false;
  if (block.empty() || node.parked == nullptr || node.num_pins.load(std::memory_order_relaxed) > 0) return;
  std::swap(node.block, block);
  values = std::move(node.parked);
  in_host_.Remove(node);
  --num_parked_;
  ++num_on_disk_;
  ++moves_.to_disk;
}

StatePool::OnDisk StatePool::IsOnDisk(const StateRef& state, absl::Status* failure) {
  StateNode& node = *state.node_;
  const MutexLock lock(mutex_);
  if (node.block.empty()) return OnDisk::kNo;
  if (node.is_moving) return OnDisk::kMoving;
  *failure = std::exchange(node.failure, absl::OkStatus());
  return failure->ok() ? OnDisk::kYes : OnDisk::kFailed;
}

const DiskBlock& StatePool::BeginToHost(const StateRef& state) {
  StateNode& node = *state.node_;
  const MutexLock lock(mutex_);
  node.is_moving = true;
  return node.block;
}

void StatePool::EndToHost(const StateRef& state, std::shared_ptr<const HostState> values,
                          absl::Status status) noexcept {
  StateNode& node = *state.node_;
  DiskBlock block;  // let go of without the lock
  const MutexLock lock(mutex_);
  node.is_moving = false;
  std::swap(node.failure, status);
  if (!node.failure.ok()) return;
  node.parked.swap(values);
  std::swap(node.block, block);
  in_host_.Append(node);
  ++num_parked_;
  --num_on_disk_;
  ++moves_.from_disk;
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
  // Their places are given back without the lock.
  std::shared_ptr<const HostState> values;
  DiskBlock block;
  bool wanted;
  bool is_surplus;
  {
    const MutexLock lock(mutex_);
    wanted = std::exchange(is_watched_, false);
    if (node.slot != StateNode::kNoSlot) {
      in_slots_.Remove(node);
      FreeSlot(std::exchange(node.slot, StateNode::kNoSlot));
      wanted = std::exchange(wanted_, false) || wanted;
    }
    if (node.parked != nullptr) {
      in_host_.Remove(node);
      --num_parked_;
      values = std::move(node.parked);
    }
    if (!node.block.empty()) --num_on_disk_;
    std::swap(node.block, block);
    node.failure = absl::OkStatus();
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

}  // namespace skein
