// The states of a model, wherever they lie, and the references that hold them. A state lies in a slot, its place on the
// model's devices, or it is parked in host memory [host_states.h] or on disk [state_disk.h]. The pool knows indices and
// places, not tensors: a slot has the same index in every segment of the model, and others copy the numbers
// [engine/residency.h].
//
// A state is held through references. It is immutable while a reference to it exists: a step reads the slot of a stream
// and writes another slot, whose state then takes the place of the first. So a fork is one more reference and copies
// nothing, a stream whose step fails stands where it was, and a snapshot may be taken while the stream runs on. A state
// that is pinned stays in its slot.
#ifndef SKEIN_STATE_STATE_POOL_H_
#define SKEIN_STATE_STATE_POOL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "state/host_states.h"
#include "state/state_disk.h"
#include "state/state_node.h"

namespace skein {

class StatePool;

// How many states have moved, by the place where they came.
struct StateMoves {
  uint64_t to_host = 0;    // out of a slot
  uint64_t to_slot = 0;    // out of host memory
  uint64_t to_disk = 0;    // out of host memory
  uint64_t from_disk = 0;  // to host memory
};

// A reference to a state; copying it shares the state and allocates nothing. Empty: the initial state of the
// architecture, which has no place.
class StateRef {
 public:
  StateRef() = default;
  StateRef(const StateRef& other) noexcept;
  StateRef(StateRef&& other) noexcept : pool_(std::move(other.pool_)), node_(other.node_) {}
  StateRef& operator=(StateRef other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(node_, other.node_);
    return *this;
  }
  ~StateRef();

  bool empty() const { return pool_ == nullptr; }
  // For the engine's thread alone, which parks and wakes states. Not if empty or parked.
  uint32_t slot() const;
  // Whether both are the same state.
  friend bool operator==(const StateRef& a, const StateRef& b) {
    return a.empty() ? b.empty() : !b.empty() && a.node_ == b.node_;
  }

 private:
  friend class StatePin;
  friend class StatePool;
  // Takes over a reference that is counted already.
  StateRef(std::shared_ptr<StatePool> pool, StateNode* node) : pool_(std::move(pool)), node_(node) {}

  std::shared_ptr<StatePool> pool_;
  StateNode* node_ = nullptr;
};

// Holds a state where it is: one in a slot is not parked, and one in host memory does not go to the disk. Empty: of the
// initial state. It is made by the engine's thread, and let go of by any.
class StatePin {
 public:
  StatePin() = default;
  StatePin(StatePin&& other) noexcept : state_(std::move(other.state_)) {}
  StatePin& operator=(StatePin&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StatePin() { Unpin(); }

  bool empty() const { return state_.empty(); }
  const StateRef& state() const { return state_; }
  uint32_t slot() const { return state_.slot(); }  // not if empty

  // Lets go of the slot, and gives the state.
  StateRef Release() noexcept {
    Unpin();
    return std::move(state_);
  }

 private:
  friend class StatePool;
  explicit StatePin(StateRef state) noexcept;
  void Unpin() noexcept;

  StateRef state_;
};

// Threads: any, but for the functions of the engine's thread, which come one at a time. Allocates nothing once it is
// made, but for Park, BeginLeave and Add.
class StatePool : public std::enable_shared_from_this<StatePool> {
 public:
  // When a slot becomes free after Acquire found none, the thread that let go of it calls `on_free`, without a lock.
  // `on_free` may be empty, and must not throw.
  static std::shared_ptr<StatePool> Create(uint32_t num_slots, std::function<void()> on_free = {});
  ~StatePool();

  uint32_t num_slots() const { return num_slots_; }
  uint32_t num_free() const;
  uint64_t num_parked() const;   // states in host memory
  bool HasPinnedInHost() const;  // whether one of the states in host memory is pinned
  uint64_t num_on_disk() const;  // those that are on their way back included
  StateMoves moves() const;

  // `on_free` hears of the next state that goes, wherever it lies.
  void AnnounceNext() noexcept;

  // A new state in host memory. Throws std::bad_alloc.
  StateRef Add(std::shared_ptr<const HostState> values);
  // The values of a state in host memory; nullptr: it lies elsewhere. They stay valid while they are held.
  std::shared_ptr<const HostState> ValuesOf(const StateRef& state) const;

  // --- the engine's thread ---

  // A new state in a free slot, the one released last first (its memory is warm). Empty if every slot is held.
  StateRef Acquire();
  // Pins a state that lies in a slot. Empty: it does not, or `state` is empty.
  StatePin Pin(const StateRef& state);
  // Pins a state wherever it lies.
  StatePin Hold(const StateRef& state) { return StatePin(state); }

  // The state in a slot that was pinned longest ago and is not pinned now; empty: there is none.
  StateRef LeastRecent();
  // How many there are.
  uint32_t num_movable() const;
  // The state of a slot, which is not pinned, lies in host memory from now on, and the slot is free. Throws
  // std::bad_alloc, with no effect.
  void Park(const StateRef& state, std::shared_ptr<const HostState> values);
  // A state in host memory lies in a slot from now on: that of `place`, which has no other reference and is gone.
  void Wake(const StateRef& state, StateRef place);

  // --- the way out of a slot beside steps ---

  // The state that LeastRecent gives; it is on its way to host memory. It lies in its slot until EndLeave, and may be
  // pinned there. Empty: there is none. Throws std::bad_alloc, with no effect.
  StateRef BeginLeave();
  // The state has arrived in `values`. It leaves its slot, if nobody has pinned it there meanwhile. nullptr: it stays.
  void EndLeave(const StateRef& state, std::shared_ptr<const HostState> values) noexcept;

  // --- the way into a slot beside steps ---

  // A state in host memory lies in a slot from now on, as by Wake, while its values are still to come. It is pinned
  // there until EndArrive.
  StatePin BeginArrive(const StateRef& state, StateRef place);
  // The state has arrived. Or it has not, and lies in host memory again, in `values`: then no step uses its slot.
  void EndArrive(StatePin pin) noexcept;
  void EndArrive(StatePin pin, std::shared_ptr<const HostState> values, absl::Status failure) noexcept;
  // Why a state that is wanted in a slot again has not arrived last time, which is told once.
  absl::Status TakeFailure(const StateRef& state) noexcept;
  // Whether the state is pinned by others too.
  bool HasOtherPins(const StatePin& pin) const;

  // --- the way to the disk and back: begun by the engine's thread, and ended by any ---

  // The state that was parked longest ago and is not pinned; it is on its way to the disk. Empty: there is none.
  StateRef BeginToDisk();
  // The state has arrived in `block`, and leaves host memory if nobody has pinned or woken it meanwhile. An empty
  // block: it stays.
  void EndToDisk(const StateRef& state, DiskBlock block) noexcept;

  enum class OnDisk {
    kNo,      // it lies elsewhere
    kYes,     // it may be asked for
    kMoving,  // it is on its way
    kFailed,  // its last way back failed; it may be asked for again
  };
  // `failure`: why it failed, which is told once.
  OnDisk IsOnDisk(const StateRef& state, absl::Status* failure);
  // A state on disk is on its way back. Its block stays until EndToHost.
  const DiskBlock& BeginToHost(const StateRef& state);
  // The state has arrived, or its way has failed.
  void EndToHost(const StateRef& state, std::shared_ptr<const HostState> values, absl::Status status) noexcept;

  // --- memory ---

  // The free slots that were held since this function gave them last. They are free until the next Acquire. `slots` has
  // room for all of the pool.
  void TakeUsedFree(std::vector<uint32_t>& slots);

 private:
  friend class StatePin;
  friend class StateRef;
  StatePool(uint32_t num_slots, std::function<void()> on_free);
  void AddReference(StateNode& node) noexcept;
  void RemoveReference(StateNode& node) noexcept;
  // A state in host memory lies in the slot of `holder` from now on, which has none then. Gives its values.
  std::shared_ptr<const HostState> MoveToSlot(StateNode& node, StateNode& holder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A state in a slot lies in host memory from now on, and the slot is free.
  void MoveToHost(StateNode& node, std::shared_ptr<const HostState> values) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FreeSlot(uint32_t slot) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has as many spare nodes as slots that are free or may become free, and one more. Throws std::bad_alloc.
  void MakeSpare();
  void AddSpare(StateNode& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  StateNode& TakeSpare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The oldest node that is not pinned and not moving, with one more reference; nullptr: there is none.
  static StateNode* Find(const StateOrder& order) noexcept;

  const uint32_t num_slots_;
  const std::function<void()> on_free_;
  mutable Mutex mutex_;
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);
  std::vector<bool> is_used_ ABSL_GUARDED_BY(mutex_);  // by slot: held since TakeUsedFree gave it
  // As many nodes as there are slots that are free or whose states are on their way, or more: Acquire allocates none.
  StateNode* spares_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint32_t num_spares_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t num_moving_ ABSL_GUARDED_BY(mutex_) = 0;  // states on their way out of slots or into them
  StateOrder in_slots_ ABSL_GUARDED_BY(mutex_);      // by their last pin
  StateOrder in_host_ ABSL_GUARDED_BY(mutex_);       // by the time when they came there
  uint64_t num_parked_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t num_on_disk_ ABSL_GUARDED_BY(mutex_) = 0;
  StateMoves moves_ ABSL_GUARDED_BY(mutex_);
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;      // Acquire found no slot since the last call of on_free_
  bool is_watched_ ABSL_GUARDED_BY(mutex_) = false;  // AnnounceNext was called since then
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_POOL_H_
