// The slots of a model's devices, each the place of one state: who holds which. Knows indices, not tensors; a slot
// index means the same stream in every segment of the model.
//
// A slot is held through references. A state that has been written is immutable while anyone refers to it: a step reads
// the slot of a stream and writes another one, which then takes its place. So a fork is one more reference and copies
// nothing, a stream whose step fails stands where it was, and a snapshot may be taken while the stream runs on.
#ifndef SKEIN_STATE_STATE_POOL_H_
#define SKEIN_STATE_STATE_POOL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/mutex.h"

namespace skein {

class StatePool;

// A reference to a slot; copying it shares the slot. Empty: the initial state of the architecture, which needs none.
class StateRef {
 public:
  StateRef() = default;
  bool empty() const { return held_ == nullptr; }
  uint32_t slot() const { return held_->slot; }  // not if empty

 private:
  friend class StatePool;
  struct Held {
    ~Held();
    std::shared_ptr<StatePool> pool;
    uint32_t slot;
  };
  explicit StateRef(std::shared_ptr<const Held> held) : held_(std::move(held)) {}
  std::shared_ptr<const Held> held_;
};

// Threads: any.
class StatePool : public std::enable_shared_from_this<StatePool> {
 public:
  static std::shared_ptr<StatePool> Create(uint32_t num_slots);

  // A free slot, the one released last first (its memory is warm). Empty if every slot is held.
  StateRef Acquire();

  uint32_t num_slots() const { return num_slots_; }
  uint32_t num_free() const;

 private:
  friend struct StateRef::Held;
  explicit StatePool(uint32_t num_slots);
  void Release(uint32_t slot);

  const uint32_t num_slots_;
  mutable Mutex mutex_;
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_POOL_H_
