// The slots of a model's devices, and the references that hold them. A slot is the place of one state. The pool knows
// indices, not tensors: a slot has the same index in every segment of the model.
//
// A slot is held through references. A written state is immutable while a reference to it exists: a step reads the slot
// of a stream and writes another slot, which then takes the place of the first. So a fork is one more reference and
// copies nothing, a stream whose step fails stands where it was, and a snapshot may be taken while the stream runs on.
#ifndef SKEIN_STATE_STATE_POOL_H_
#define SKEIN_STATE_STATE_POOL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace skein {

class StatePool;

// A reference to a slot; copying it shares the slot and allocates nothing. Empty: the initial state of the
// architecture, which needs no slot.
class StateRef {
 public:
  StateRef() = default;
  StateRef(const StateRef& other) noexcept;
  StateRef(StateRef&& other) noexcept : pool_(std::move(other.pool_)), slot_(other.slot_) {}
  StateRef& operator=(StateRef other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~StateRef();

  bool empty() const { return pool_ == nullptr; }
  uint32_t slot() const { return slot_; }  // not if empty

 private:
  friend class StatePool;
  // Takes over a reference that is counted already.
  StateRef(std::shared_ptr<StatePool> pool, uint32_t slot) : pool_(std::move(pool)), slot_(slot) {}

  std::shared_ptr<StatePool> pool_;
  uint32_t slot_ = 0;
};

// Threads: any. Allocates nothing once it is made.
class StatePool : public std::enable_shared_from_this<StatePool> {
 public:
  // When a slot becomes free after Acquire found none, the thread that let go of it calls `on_free`, without a lock.
  // `on_free` may be empty, and must not throw.
  static std::shared_ptr<StatePool> Create(uint32_t num_slots, std::function<void()> on_free = {});

  // A free slot, the one released last first (its memory is warm). Empty if every slot is held.
  StateRef Acquire();

  uint32_t num_slots() const { return num_slots_; }
  uint32_t num_free() const;

 private:
  friend class StateRef;
  StatePool(uint32_t num_slots, std::function<void()> on_free);
  void AddReference(uint32_t slot) noexcept;
  void RemoveReference(uint32_t slot) noexcept;

  const uint32_t num_slots_;
  const std::function<void()> on_free_;
  std::vector<std::atomic<uint32_t>> num_references_;  // by slot
  mutable Mutex mutex_;
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;  // Acquire found no slot since the last call of on_free_
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_POOL_H_
