// States in host memory, within a budget: where the states of streams lie that do not run. A state there is in
// canonical layout (skein/backend.h).
#ifndef SKEIN_STATE_HOST_STATES_H_
#define SKEIN_STATE_HOST_STATES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/types/span.h"
#include "state/state_memory.h"

namespace skein {

class HostStates;

// The memory of one state. It gives its place back when it goes, on whatever thread.
class HostState {
 public:
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  absl::Span<float> values() { return {data_, num_floats_}; }
  absl::Span<const float> values() const { return {data_, num_floats_}; }

 private:
  friend class HostStates;
  HostState(std::shared_ptr<HostStates> owner, uint64_t num_floats) noexcept;

  const std::shared_ptr<HostStates> owner_;
  const uint64_t num_floats_;
  float* data_ = nullptr;  // nullptr: there was no memory for it
};

// Memory for the values of one state that is no state: for a copy on its way. It does not count to the budget, but when
// it goes, it is kept for a state only where the budget has room.
class StateScratch {
 public:
  // Throws std::bad_alloc.
  explicit StateScratch(std::shared_ptr<HostStates> owner);
  ~StateScratch();
  StateScratch(const StateScratch&) = delete;
  StateScratch& operator=(const StateScratch&) = delete;

  absl::Span<float> values() const;  // unset at first

 private:
  const std::shared_ptr<HostStates> owner_;
  float* const data_;
};

// Threads: any.
class HostStates : public std::enable_shared_from_this<HostStates> {
 public:
  // When a place becomes free after Take found none, the thread that let go of it calls `on_free`, which must not
  // throw and may be empty.
  static std::shared_ptr<HostStates> Create(uint64_t state_floats, uint64_t max_states,
                                            std::function<void()> on_free = {});

  enum class Use {
    kStay,  // the state is to stay in host memory
    kPass,  // the state comes from the disk and goes on to a slot: one more may be held meanwhile
    kSwap,  // the state changes places with another one, which leaves: yet one more may be held meanwhile
  };
  // A place with unset values; nullptr if all are held, or if there is no memory.
  std::shared_ptr<HostState> Take(Use use) noexcept;

  // Keeps memory for one more state at hand, if the budget allows it, and gives back what else is free.
  void Rest() noexcept { memory_.Keep(num_left() > 0 ? 1 : 0); }

  uint64_t max_states() const { return max_states_; }
  uint64_t num_held() const { return num_held_.load(std::memory_order_relaxed); }
  uint64_t num_left() const;
  uint64_t num_kept() const { return memory_.num_kept(); }  // free, and at hand
  uint64_t state_bytes() const { return state_floats_ * sizeof(float); }

 private:
  friend class HostState;
  friend class StateScratch;
  HostStates(uint64_t state_floats, uint64_t max_states, std::function<void()> on_free);
  bool Count(uint64_t most) noexcept;
  void GiveBack() noexcept;

  const uint64_t state_floats_;
  const uint64_t max_states_;
  const std::function<void()> on_free_;
  StateMemory memory_;
  std::atomic<uint64_t> num_held_{0};
  std::atomic<bool> wanted_{false};  // Take found no place since the last call of on_free_
};

}  // namespace skein

#endif  // SKEIN_STATE_HOST_STATES_H_
