// Keeps the states that steps read in slots, and parks those that nobody needs now. A state that is pinned stays; of
// the others, the one that was in a step longest ago is parked first.
#ifndef SKEIN_ENGINE_RESIDENCY_H_
#define SKEIN_ENGINE_RESIDENCY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "engine/step_runner.h"
#include "state/host_states.h"
#include "state/state_pool.h"

namespace skein {

// What became of the wish for a slot.
enum class SlotOutcome {
  kDone,
  kNoSlot,   // all are pinned: some of them have to be let go of
  kInSteps,  // a state has to move, and none may while steps are in flight
  kFailed,   // status() says why
};

// Threads: one at a time. Allocates nothing while no state has to move.
class Residency {
 public:
  // Lets owners of states that they can do without let go of some. False: they have none.
  using AskOwners = std::function<bool()>;

  // `runner` outlives this object.
  Residency(StepRunner& runner, std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host);
  // `ask_owners` must not throw.
  void set_ask_owners(AskOwners ask_owners) { ask_owners_ = std::move(ask_owners); }

  StatePool& pool() const { return *pool_; }

  // Pins `state` to a slot. No effect if `pin` holds it already, or if it is the initial state. `may_move`: no step is
  // in flight.
  SlotOutcome PinState(const StateRef& state, bool may_move, StatePin& pin) noexcept;

  enum class Growth {
    kReplaces,  // the new state will take the place of one that the stream lets go of
    kAdds,      // there will be one state more; the last place is not given to it
  };
  // Pins a slot for a new state.
  SlotOutcome PinNew(Growth growth, bool may_move, StatePin& pin) noexcept;

  // Parks states while fewer than `num_free` slots are free, but for the `num_kept` that were pinned last. No step is
  // in flight.
  void KeepFree(uint32_t num_free, uint32_t num_kept) noexcept;

  // Why the last wish failed. RESOURCE_EXHAUSTED: there is no place for one more state. UNAVAILABLE: a device is lost.
  const absl::Status& status() const { return status_; }

  // Gives the memory of free slots back. No step is in flight.
  void DiscardFree() noexcept;

 private:
  SlotOutcome Wake(const StateRef& state, bool may_move, StatePin& pin);
  SlotOutcome TakeSlot(HostStates::Use use, bool may_move, StateRef& place);
  // Makes a slot free.
  SlotOutcome Park(HostStates::Use use);
  bool HasPlaces(uint64_t count) const;
  SlotOutcome Fail(absl::Status status) noexcept;
  SlotOutcome FailForPlaces();

  StepRunner& runner_;
  const std::shared_ptr<StatePool> pool_;
  const std::shared_ptr<HostStates> host_;
  AskOwners ask_owners_;
  absl::Status status_;
  std::vector<uint32_t> discarded_;  // room for all slots
};

}  // namespace skein

#endif  // SKEIN_ENGINE_RESIDENCY_H_
