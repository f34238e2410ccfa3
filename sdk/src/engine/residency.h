// Keeps the states that steps read in slots, and parks those that nobody needs now. A state that is pinned stays; of
// the others, the one that was in a step longest ago is parked first. Where the runner exports states beside steps,
// they leave while steps are in flight [leaving_states.h], and otherwise between steps. The same holds for imports, and
// states that come back [arriving_states.h].
#ifndef SKEIN_ENGINE_RESIDENCY_H_
#define SKEIN_ENGINE_RESIDENCY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/arriving_states.h"
#include "engine/disk_tier.h"
#include "engine/leaving_states.h"
#include "engine/step_runner.h"
#include "runtime/model_observer.h"
#include "state/host_states.h"
#include "state/state_pool.h"

namespace skein {

// The outcome of a wish for a slot.
enum class SlotOutcome {
  kDone,
  kNoSlot,   // all are pinned: some of them have to be let go of
  kInSteps,  // a state has to move, and none may while steps are in flight
  kLater,    // states are on their way between slots, host memory and disk, which will make room
  kOthers,   // states that have come from the disk have to be read by their steps first
  kComing,   // the state is on its way from the disk
  kFailed,   // status() says why
};

// Threads: one at a time. Allocates nothing while no state has to move.
class Residency {
 public:
  // Lets owners of states that they can do without let go of some. False: they have none.
  using AskOwners = std::function<bool()>;

  // `runner` and `observer` outlive this object.
  Residency(StepRunner& runner, std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host,
            ModelObserver& observer);
  // Has states go to the disk when host memory is full. Before the first step.
  void set_disk(std::unique_ptr<DiskTier> disk) { disk_ = std::move(disk); }
  // `ask_owners` must not throw.
  void set_ask_owners(AskOwners ask_owners) { ask_owners_ = std::move(ask_owners); }

  StatePool& pool() const { return *pool_; }

  // Pins `state` to a slot. No effect if `pin` holds it already, or if it is the initial state. `may_move`: no step is
  // in flight.
  SlotOutcome PinState(const StateRef& state, bool may_move, StatePin& pin) noexcept;
  // Whether a state that is pinned to a slot is still on its way there. A step may read it, but waits for it.
  bool IsArriving(const StateRef& state) const noexcept;

  enum class Growth {
    kReplaces,  // the new state will take the place of one that the stream lets go of
    kAdds,      // there will be one state more; the last place in memory is not given to it
  };
  // Pins a slot for a new state.
  SlotOutcome PinNew(Growth growth, bool may_move, StatePin& pin) noexcept;

  // Fills the slot of a new state.
  absl::Status Import(absl::Span<const float> values, const StatePin& pin) noexcept;

  // Has states leave while fewer than `num_free` slots are free or becoming free, but for the `num_kept` of those that
  // are not pinned which were pinned last. `may_move`: no step is in flight. If one is, it has no effect where the
  // runner exports states between steps.
  void KeepFree(uint32_t num_free, uint32_t num_kept, bool may_move) noexcept;
  // Takes note of the states that have come into their slots, and of imports that failed. `may_move`: no step is in
  // flight.
  void CollectArrived(bool may_move) noexcept;
  // The imports beside steps that have ended so far, as anyone has noted.
  uint64_t num_arrived() const { return arriving_.num_ended(); }
  // Waits for the slot that becomes free next, or else for a state on its way into a slot. False: none is on its way.
  // No step is in flight.
  bool WaitForMoves() noexcept;
  // OK if the state that a step has read was there. Else why it was not. The step has ended.
  absl::Status StatusOf(const StateRef& state) noexcept;

  // The values of a state, wherever it lies. kComing, kLater: it is to be tried again. No step is in flight.
  SlotOutcome Export(const StateRef& state, absl::Span<float> values) noexcept;

  // Why the last wish failed. RESOURCE_EXHAUSTED: there is no place for one more state. DATA_LOSS, UNAVAILABLE: it
  // could not be read from the disk.
  const absl::Status& status() const { return status_; }
  // OK until a device was lost.
  const absl::Status& lost() const { return lost_; }

  // Gives back what free slots and places hold, but for what is kept at hand. No step is in flight.
  void Rest() noexcept;

 private:
  SlotOutcome Wake(const StateRef& state, bool may_move, StatePin& pin);
  // Waits for the slot that becomes free next. False: none does.
  bool WaitForSlot() noexcept;
  // Has a state come from the disk. kDone: it is not there.
  SlotOutcome Bring(const StateRef& state);
  // Sends states to the disk if host memory is nearly full. Whether some are on their way, to the disk or from it: then
  // the engine's thread hears when one has arrived, and may find a place.
  bool PushOut();
  // Sees a lost device.
  absl::Status FromRunner(absl::Status status);
  SlotOutcome TakeSlot(HostStates::Use use, bool may_move, StateRef& place);
  // Makes a slot free. No state is leaving its slot.
  SlotOutcome Park(HostStates::Use use);
  // Has a state leave beside steps. False: none does.
  bool Send() noexcept;
  // Sees what became of those that have left.
  void Conclude(absl::Status status) noexcept;
  bool HasPlaces(uint64_t count) const;
  SlotOutcome Fail(absl::Status status) noexcept;
  // No place is left. States that have come from the disk leave theirs when their steps have read them.
  SlotOutcome LackOfPlaces();
  SlotOutcome FailForPlaces();

  StepRunner& runner_;
  const std::shared_ptr<StatePool> pool_;
  const std::shared_ptr<HostStates> host_;
  ModelObserver& observer_;
  std::unique_ptr<DiskTier> disk_;  // nullptr: there is none
  AskOwners ask_owners_;
  // Whether states are exported beside steps. Not behind a failure, until no step is in flight: an export between steps
  // has its own failure, which goes to the job that wants the slot.
  bool sends_ = false;
  absl::Status status_;
  absl::Status lost_;
  std::vector<uint32_t> discarded_;  // room for all slots
  LeavingStates leaving_;
  ArrivingStates arriving_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_RESIDENCY_H_
