// The clock of steps, and its times as the scheduler has them.
#ifndef SKEIN_ENGINE_STEP_CLOCK_H_
#define SKEIN_ENGINE_STEP_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace skein {

using StepClock = std::chrono::steady_clock;

inline int64_t StepClockUs(StepClock::time_point time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
}

}  // namespace skein

#endif  // SKEIN_ENGINE_STEP_CLOCK_H_
