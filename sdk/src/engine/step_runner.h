// The model as the step loop sees it: steps over slots. DeviceStepRunner implements it, and a fake in the tests.
#ifndef SKEIN_ENGINE_STEP_RUNNER_H_
#define SKEIN_ENGINE_STEP_RUNNER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "runtime/model_observer.h"
#include "skein/backend.h"

namespace skein {

// How many steps a model runs at a time.
struct StepPipeline {
  uint32_t depth = 1;       // steps that may have begun and not ended
  uint32_t num_stages = 1;  // devices that work at the same time, each on a step of its own
  // Whether an entry may have a token that the step before draws (skein_step_entry.drawn_by).
  bool feeds_drawn = false;
  // Whether states are exported, and imported, while steps are begun and not finished.
  bool exports_beside_steps = false;
  bool imports_beside_steps = false;
};

// A state on its way out of a slot or into it, until it was waited for. Threads: one at a time, with its runner, which
// outlives it.
class StateMove {
 public:
  // Waits, as Wait.
  virtual ~StateMove() = default;
  virtual bool is_done() const noexcept = 0;
  // Waits until no device touches the state's values, or its slot for the move. An error: where the state was to arrive
  // it is undefined, and so is what steps have read there.
  virtual absl::Status Wait() noexcept = 0;
};

// Order: Begin for each step; Finish as many times, which ends them in the order of their beginning. UNAVAILABLE of any
// function: a device is lost, and with it all slots. Threads: one at a time.
class StepRunner {
 public:
  virtual ~StepRunner() = default;

  // Constant.
  virtual StepPipeline pipeline() const = 0;

  // Has the runner tell of the parts of each step, if there are any and the observer has a trace. Before the first
  // step. `observer` outlives the runner's steps.
  virtual void Observe(ModelObserver& /*observer*/) {}

  // Begins a step over `tokens`, of which every entry has its range. A device that is done only later goes on with it
  // after the return. At most pipeline().depth steps are begun and not finished. An entry may read a slot that a step
  // begun before writes. `tokens`, `entries` and the outputs stay as they are until Finish. An error, or
  // std::bad_alloc, which it may throw: the step has failed as a whole and was not begun.
  virtual absl::Status Begin(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) = 0;

  // Waits for the end of the oldest step, after which no device touches its memory. Every entry has a status. An error:
  // the step failed as a whole, the slots that it was to write are undefined, and no other slot is touched.
  virtual absl::Status Finish() noexcept = 0;

  // The state of a slot in canonical layout (backend.h), all layers. `values` has exactly its size. Only while no step
  // has begun that is not finished.
  virtual absl::Status ExportState(uint32_t slot, absl::Span<float> values) = 0;
  virtual absl::Status ImportState(uint32_t slot, absl::Span<const float> values) = 0;

  // Begins to export the state of a slot that no step writes which is begun and not finished. Only if pipeline() says
  // that it may. Until the export was waited for, `values` stay as they are and no step is begun that writes the slot.
  virtual absl::StatusOr<std::unique_ptr<StateMove>> BeginExport(uint32_t /*slot*/, absl::Span<float> /*values*/) {
    return absl::UnimplementedError("states are exported between steps");
  }

  // The same of an import into a slot that no step uses which is begun and not finished. What is begun later finds the
  // state in the slot. A step that reads it ends behind the import.
  virtual absl::StatusOr<std::unique_ptr<StateMove>> BeginImport(uint32_t /*slot*/,
                                                                 absl::Span<const float> /*values*/) {
    return absl::UnimplementedError("states are imported between steps");
  }

  // The state of a slot is not needed any more: its memory may go back to the system until the slot is written again.
  // Also while no step has begun that is not finished.
  virtual void DiscardState(uint32_t /*slot*/) noexcept {}
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STEP_RUNNER_H_
