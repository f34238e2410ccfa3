// A job in the step loop.
#ifndef SKEIN_ENGINE_RUNNING_JOB_H_
#define SKEIN_ENGINE_RUNNING_JOB_H_

#include <cstdint>
#include <list>
#include <memory>
#include <utility>

#include "engine/job.h"
#include "engine/step_clock.h"
#include "scheduler/ordered_queue.h"
#include "scheduler/sequence.h"
#include "state/state_pool.h"

namespace skein {

struct RunningJob;
// Lists of them are handed on without allocating.
using JobList = std::list<RunningJob>;
// Jobs that are to be looked at from a time on.
using DeadlineQueue = OrderedQueue<RunningJob, int64_t>;
// Jobs whose states are on their way from the disk or into slots, by arrival.
using StateQueue = OrderedQueue<RunningJob, uint64_t>;

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
  uint64_t number = 0;      // in the order of arrival
  int64_t deadline_us = kNoDeadline;
  DeadlineQueue::Place deadline;  // until it has passed
  StatePin held;                  // the state that was asked from the disk for it, until a step reads it
  StateQueue::Place coming;       // while it waits for its state
};

}  // namespace skein

#endif  // SKEIN_ENGINE_RUNNING_JOB_H_
