// A pace whose steps cost what a test says, for tests of what is made of it.
#ifndef SKEIN_TESTS_UNIT_SCHEDULER_STEADY_PACE_H_
#define SKEIN_TESTS_UNIT_SCHEDULER_STEADY_PACE_H_

#include "scheduler/pace.h"

namespace skein::test {

// A step takes `base_us`, and `row_us` for each row.
inline Pace SteadyPace(const SchedulerLimits& limits, double base_us, double row_us) {
  Pace pace(limits);
  for (int i = 0; i < 4; ++i) {
    for (uint64_t rows = 1; rows < 2 * limits.max_tokens; rows *= 2) {
      const uint64_t within = rows < limits.max_tokens ? rows : limits.max_tokens;
      pace.cost.Observe(within, 1, base_us + row_us * static_cast<double>(within));
    }
  }
  return pace;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_SCHEDULER_STEADY_PACE_H_
