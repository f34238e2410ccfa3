// The states that leave their slots for host memory while steps run. A state lies in its slot until its values have
// arrived. Steps may read it there meanwhile, and if one of them has it then, it stays. So does one whose export fails.
#ifndef SKEIN_ENGINE_LEAVING_STATES_H_
#define SKEIN_ENGINE_LEAVING_STATES_H_

#include <cstdint>
#include <list>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/step_runner.h"
#include "state/host_states.h"
#include "state/state_pool.h"

namespace skein {

// Threads: one at a time, the engine's.
class LeavingStates {
 public:
  // `runner` outlives this object.
  LeavingStates(StepRunner& runner, std::shared_ptr<StatePool> pool) : runner_(runner), pool_(std::move(pool)) {}
  // Waits for all; they stay.
  ~LeavingStates();
  LeavingStates(const LeavingStates&) = delete;
  LeavingStates& operator=(const LeavingStates&) = delete;

  uint32_t size() const { return static_cast<uint32_t>(states_.size()); }
  bool empty() const { return states_.empty(); }

  // Sends the state that was pinned longest ago to `place`. False: all are pinned, or on their way. An error of the
  // runner, or std::bad_alloc: it stays, and `place` is free.
  absl::StatusOr<bool> Send(std::shared_ptr<HostState> place);

  // Lets those go that have arrived, in the order in which they were sent. The status of the first that failed.
  absl::Status Collect() noexcept;

  // Waits for the one that was sent first, which there is, and gives the status of its export.
  absl::Status WaitForOne() noexcept;

 private:
  struct Leaving {
    StateRef state;
    std::shared_ptr<HostState> place;
    std::unique_ptr<StateMove> on_its_way;
  };

  StepRunner& runner_;
  const std::shared_ptr<StatePool> pool_;
  std::list<Leaving> states_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_LEAVING_STATES_H_
