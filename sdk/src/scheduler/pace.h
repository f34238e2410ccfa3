// How fast a model gets on with what it has to do: what its steps cost, and how large the scheduler makes them.
// Forecasts look at steps that are yet to come, so they ask with numbers of streams that do not run yet.
#ifndef SKEIN_SCHEDULER_PACE_H_
#define SKEIN_SCHEDULER_PACE_H_

#include <cstdint>

#include "scheduler/scheduler.h"
#include "scheduler/step_cost.h"

namespace skein {

// Threads: one at a time. Assignment between paces of one model allocates nothing.
struct Pace {
  explicit Pace(const SchedulerLimits& limits_of_model) : limits(limits_of_model), cost(limits_of_model.max_tokens) {}

  // False: no step was measured, and all times are 0.
  bool is_known() const { return cost.is_known(); }

  // The tokens of prompts in a step beside `num_decoding` streams; at least 1.
  uint64_t ChunkBeside(uint64_t num_decoding) const;

  // The mean time of steps with `num_prompt_tokens` beside `num_decoding` streams, those that take longer than usual
  // included.
  double StepUs(uint64_t num_decoding, uint64_t num_prompt_tokens) const;

  SchedulerLimits limits;
  StepCost cost;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_PACE_H_
