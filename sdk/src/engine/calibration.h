// The first word on what a model's steps take: single steps of growing size, right after the load.
#ifndef SKEIN_ENGINE_CALIBRATION_H_
#define SKEIN_ENGINE_CALIBRATION_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/step_runner.h"
#include "scheduler/step_cost.h"
#include "state/state_pool.h"

namespace skein {

// Runs steps from the initial state and tells `cost` their times. It ends before a step that would take more than
// 50 ms, after half a second, and before the next step once `must_stop` says so, so that it delays a job by one short
// step at most. No step is in flight. An error of the runner ends it and is the result; so is a lack of memory or
// slots.
absl::Status Calibrate(StepRunner& runner, StatePool& pool, uint32_t max_entries, StepCost& cost,
                       absl::FunctionRef<bool()> must_stop) noexcept;

}  // namespace skein

#endif  // SKEIN_ENGINE_CALIBRATION_H_
