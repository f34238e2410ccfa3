// A job in the step loop.
#ifndef SKEIN_ENGINE_RUNNING_JOB_H_
#define SKEIN_ENGINE_RUNNING_JOB_H_

#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "engine/job.h"
#include "engine/step_clock.h"
#include "scheduler/sequence.h"

namespace skein {

struct RunningJob;
// Lists of them are handed on without allocating.
using JobList = std::list<RunningJob>;

// The scheduler knows its base alone.
struct RunningJob final : Sequence {
  // A job that has just arrived. `tenant` nullptr: the common one.
  explicit RunningJob(std::shared_ptr<Job> new_job, std::shared_ptr<TenantQueues> tenant = nullptr,
                      const Urgency& urgency = {.arrival_us = StepClockUs(StepClock::now())})
      : Sequence(std::move(tenant), urgency), job(std::move(new_job)) {}

  const std::shared_ptr<Job> job;
  uint32_t num_in_flight = 0;  // its parts of steps that are in flight
  uint64_t last_step = 0;      // the number of the step of its last part, and the index of its entry there
  uint32_t last_entry = 0;
  JobList::iterator place;  // in the list of the step loop
};

}  // namespace skein

#endif  // SKEIN_ENGINE_RUNNING_JOB_H_
