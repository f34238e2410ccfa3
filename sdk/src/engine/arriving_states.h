// The states that come from host memory into slots while steps run. A state lies in its slot from the beginning, so
// that steps may read it there: one that does ends behind the import. The values stay in host memory until then. A
// state whose import fails lies there again when no step uses its slot any more, and whoever wants it next hears why.
#ifndef SKEIN_ENGINE_ARRIVING_STATES_H_
#define SKEIN_ENGINE_ARRIVING_STATES_H_

#include <cstdint>
#include <list>
#include <memory>

#include "absl/status/status.h"
#include "engine/step_clock.h"
#include "engine/step_runner.h"
#include "runtime/model_observer.h"
#include "state/host_states.h"
#include "state/state_pool.h"

namespace skein {

// Threads: one at a time, the engine's.
class ArrivingStates {
 public:
  // `runner` and `observer` outlive this object.
  ArrivingStates(StepRunner& runner, std::shared_ptr<StatePool> pool, ModelObserver& observer)
      : runner_(runner), pool_(std::move(pool)), observer_(observer) {}
  // Waits for all. No step is in flight.
  ~ArrivingStates();
  ArrivingStates(const ArrivingStates&) = delete;
  ArrivingStates& operator=(const ArrivingStates&) = delete;

  // Those that failed and are not given back count too.
  uint32_t size() const { return static_cast<uint32_t>(states_.size()); }
  bool empty() const { return states_.empty(); }
  // Those of which somebody has noted so far that they arrived or failed.
  uint64_t num_ended() const { return num_ended_; }

  // Begins to bring a state in host memory to the slot of `place`, where it lies from now on. An error of the runner,
  // or std::bad_alloc: it stays in host memory.
  absl::Status Begin(const StateRef& state, StateRef place);

  enum class Arrival {
    kThere,   // or not on its way
    kComing,  // a step that reads it waits for it
    kFailed,  // it will be given back
  };
  Arrival Look(const StateRef& state) const;

  // Waits for a state that a step has read, if it is on its way, and gives the status of its import, which is told
  // then.
  absl::Status WaitFor(const StateRef& state) noexcept;

  // Takes note of those that have arrived. The status of the first that failed.
  absl::Status Collect() noexcept;

  // Waits for the one that began first of those on their way, if there are any, as Collect.
  absl::Status WaitForOne() noexcept;

  // Waits for all, as Collect.
  absl::Status WaitForAll() noexcept;

  enum class Steps { kNone, kPerhaps };  // in flight
  // Has those that failed lie in host memory again whose slots no step uses.
  void GiveBackFailed(Steps steps) noexcept;

 private:
  struct Arriving {
    StatePin pin;
    std::shared_ptr<const HostState> values;
    std::unique_ptr<StateMove> on_its_way;  // nullptr: the import has failed, with `status`
    StepClock::time_point begin;
    absl::Status status;
    bool is_told = false;
  };
  using Place = std::list<Arriving>::iterator;

  // Waits for one that is on its way. It leaves the list, if it has not failed. Gives its status, and the next place.
  absl::Status Wait(Place& place) noexcept;

  StepRunner& runner_;
  const std::shared_ptr<StatePool> pool_;
  ModelObserver& observer_;
  std::list<Arriving> states_;
  uint64_t num_ended_ = 0;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_ARRIVING_STATES_H_
