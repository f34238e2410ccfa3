// A job in the step loop.
#ifndef SKEIN_ENGINE_RUNNING_JOB_H_
#define SKEIN_ENGINE_RUNNING_JOB_H_

#include <cstdint>
#include <list>
#include <memory>

#include "engine/job.h"

namespace skein {

// Lists of them are handed on without allocating.
struct RunningJob {
  std::shared_ptr<Job> job;
  uint64_t id = 0;             // given when it enters the loop
  uint64_t last_turn = 0;      // the number of its last share of a step; 0: it had none
  uint32_t num_in_flight = 0;  // its parts of steps that are in flight
};
using JobList = std::list<RunningJob>;

}  // namespace skein

#endif  // SKEIN_ENGINE_RUNNING_JOB_H_
