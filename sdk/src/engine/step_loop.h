// The steps of one model. The loop holds the jobs, plans and runs each step, and tells every job how its part ended. It
// has no thread of its own, and knows neither plugins nor texts.
//
// If memory runs out, the jobs concerned end, and no others. So the memory that every step needs is allocated
// beforehand, and functions that may throw are called only where the error can go to a job.
#ifndef SKEIN_ENGINE_STEP_LOOP_H_
#define SKEIN_ENGINE_STEP_LOOP_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/job.h"
#include "engine/step_runner.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/model_observer.h"
#include "scheduler/scheduler.h"
#include "state/state_pool.h"

namespace skein {

// A job in the loop. Lists of them are handed on without allocating.
struct RunningJob {
  std::shared_ptr<Job> job;
  uint64_t id = 0;         // given when it enters the loop
  uint64_t last_turn = 0;  // the number of its last share of a step; 0: it had none
};
using JobList = std::list<RunningJob>;

// Calls work(i) for every i below the number of items, perhaps in parallel.
using ParallelFor = std::function<void(uint64_t num_items, const std::function<void(uint64_t)>& work)>;

// What a loop tells of its work.
struct StepObservers {
  Metrics& metrics;
  Log& log;
  ModelObserver& model;
};

// Threads: one at a time.
class StepLoop {
 public:
  // `runner` and `observers` outlive the loop. `max_jobs`: as many as there are streams.
  StepLoop(StepRunner& runner, std::shared_ptr<StatePool> pool, StepLimits limits, uint32_t max_jobs,
           StepObservers observers, ParallelFor parallel_for);

  // Takes all of `jobs`. They take part from the next step on.
  void Add(JobList& jobs) noexcept;

  // Polls the jobs, and runs a step over the ready ones. False: no step was run, because no job is ready, no slot is
  // free to write to, or a device is lost.
  bool RunStep() noexcept;

  // Not OK once a device was lost: then every job ends with this status as soon as it is there, and no step is run.
  const absl::Status& lost() const { return lost_; }

  // Takes the UNAVAILABLE of the runner as the end of the model. It has no effect if there was one before.
  void Lose(const absl::Status& unavailable) noexcept;

  // Ends all jobs. A job that was asked to end does so in its own way; the others fail with `status`.
  void EndAll(const absl::Status& status) noexcept;

  bool empty() const { return jobs_.empty(); }
  uint64_t num_steps() const { return num_steps_; }

 private:
  // One part of a step.
  struct Part {
    RunningJob* running = nullptr;
    uint32_t num_tokens = 0;
    StateRef read;
    StateRef written;
    absl::Status status;
    bool is_concluded = false;

    Job& job() const { return *running->job; }
  };

  void Plan() noexcept;
  JobCounts PollJobs() noexcept;
  void PlanParts() noexcept;
  // Runs parts as one step, and gives each its status.
  absl::Status RunParts(absl::Span<Part> parts) noexcept;
  void DescribeStep(absl::Span<Part> parts);
  // Runs each part alone, after a step that failed as a whole. The failed step overwrote no state. Only a stream that
  // fails alone ends with an error. If a device is lost, the parts that are left have its status.
  void RunPartsAlone(const absl::Status& whole) noexcept;
  // Tells of the step that began at `begin` and has just ended.
  void ObserveStep(ModelObserver::Clock::time_point begin) noexcept;
  StepSize CountTokens() noexcept;
  // Tells every job how its part ended.
  void ConcludeAll() noexcept;
  static void Conclude(Part& part) noexcept;

  StepRunner& runner_;
  const std::shared_ptr<StatePool> pool_;
  const StepObservers observers_;
  const ParallelFor parallel_for_;
  const uint32_t max_parts_;
  Scheduler scheduler_;

  JobList jobs_;
  uint64_t num_jobs_added_ = 0;
  uint64_t num_steps_ = 0;
  uint64_t num_turns_ = 0;  // shares of steps given out
  absl::Status lost_;

  // Of the step that is being planned or run.
  std::vector<RunningJob*> ready_;
  std::vector<Candidate> candidates_;
  std::vector<StateRef> free_slots_;
  std::vector<Part> parts_;
  std::vector<uint32_t> tokens_;
  std::vector<skein_step_entry> entries_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STEP_LOOP_H_
