// How fast a model gets on with what it has to do: what its steps cost, and how large the scheduler makes them.
// Forecasts look at steps that are yet to come, so they ask with numbers of streams that do not run yet.
#ifndef SKEIN_SCHEDULER_PACE_H_
#define SKEIN_SCHEDULER_PACE_H_

#include <cstdint>

#include "scheduler/step_cost.h"

namespace skein {

// The rules of the scheduler that bound a step.
struct PaceLimits {
  uint32_t max_rows = 1;     // of a step
  double target_us = 0;      // of a step with prompts beside streams that decode
  double max_stretch = 2;    // of such a step, as a multiple of one without prompts
  uint32_t min_chunk = 1;    // tokens of prompts that find room in any step
  uint32_t max_running = 0;  // jobs between their first share and their end; 0: any number
};

// Threads: one at a time. Assignment between paces of one model allocates nothing.
class Pace {
 public:
  explicit Pace(const PaceLimits& limits) : limits_(limits), cost_(limits.max_rows) {}

  const PaceLimits& limits() const { return limits_; }
  StepCost& cost() { return cost_; }
  // False: no step was measured, and all times are 0.
  bool is_known() const { return cost_.is_known(); }

  // The tokens of prompts in a step beside `num_decoding` streams; at least 1.
  uint64_t ChunkBeside(uint64_t num_decoding) const;

  // The time of a step with `num_prompt_tokens` beside `num_decoding` streams.
  double StepUs(uint64_t num_decoding, uint64_t num_prompt_tokens) const;

  // The rows of a step that takes the target's time; at least 1.
  uint64_t RowsInTime() const;

 private:
  PaceLimits limits_;
  StepCost cost_;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_PACE_H_
