// The steps of one model. The loop holds the jobs, plans and runs the steps, and tells every job how its part ended. It
// has no thread of its own, and knows neither plugins nor texts.
//
// As many steps are in flight as the runner takes. Steps end in the order in which they began. When one fails as a
// whole, the steps behind it are waited for, and its parts are run one by one; parts behind them of the same jobs do
// not count, and those of other jobs do.
//
// If memory runs out, the jobs concerned end, and no others. So the memory that every step needs is allocated
// beforehand, and functions that may throw are called only where the error can go to a job.
#ifndef SKEIN_ENGINE_STEP_LOOP_H_
#define SKEIN_ENGINE_STEP_LOOP_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "engine/residency.h"
#include "engine/running_job.h"
#include "engine/step_clock.h"
#include "engine/step_runner.h"
#include "engine/steps_in_flight.h"
#include "runtime/log.h"
#include "runtime/metrics.h"
#include "runtime/model_observer.h"
#include "scheduler/decode_groups.h"
#include "scheduler/scheduler.h"
#include "state/state_pool.h"

namespace skein {

// Calls work(i) for every i below the number of items, perhaps in parallel.
using ParallelFor = std::function<void(uint64_t num_items, const std::function<void(uint64_t)>& work)>;

// The receivers of what a loop tells of its work.
struct StepObservers {
  Metrics& metrics;
  Log& log;
  ModelObserver& model;
};

// Threads: one at a time.
class StepLoop {
 public:
  // `runner` and `observers` outlive the loop.
  StepLoop(StepRunner& runner, std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host,
           const SchedulerLimits& limits, StepObservers observers, ParallelFor parallel_for);

  // The jobs that are left go without a word. No step may be in flight.
  ~StepLoop();
  StepLoop(const StepLoop&) = delete;
  StepLoop& operator=(const StepLoop&) = delete;

  // Takes all of `jobs`. They take part from the next step on.
  void Add(JobList& jobs) noexcept;

  // Looks at a job that may have become ready, or may have been asked to end. No effect if it is not in the loop.
  void LookAt(const Job& job) noexcept;
  // The same for all jobs.
  void LookAtAll() noexcept;

  // Looks at the jobs that wait for states from the disk.
  void LookAtComing() noexcept;

  // Begins steps over the jobs that are ready, and concludes the oldest step that is in flight. False: there is none,
  // because no job is ready or a device is lost. A job for whose state there is no place ends.
  bool RunStep(StepClock::time_point now = StepClock::now()) noexcept;

  // Concludes all steps that are in flight, and begins none.
  void FinishAll() noexcept;

  // Not OK once a device was lost: then every job ends with this status as soon as it is there, and no step is run.
  const absl::Status& lost() const { return lost_; }
  // The same, for any thread. No job hears of the loss before.
  bool is_lost() const { return is_lost_.load(); }

  // Takes the UNAVAILABLE of the runner as the end of the model. It has no effect if there was one before.
  void Lose(const absl::Status& unavailable) noexcept;

  // Ends all jobs. No step may be in flight. A job that was asked to end does so in its own way; the others fail with
  // `status`.
  void EndAll(const absl::Status& status) noexcept;

  // The earliest deadline of the jobs, in microseconds of the clock of RunStep; kNoDeadline if there is none.
  int64_t next_deadline_us() const { return deadlines_.empty() ? kNoDeadline : deadlines_.front_key(); }

  // Where the states lie. Its calls that move states come between FinishAll and the next RunStep.
  Residency& residency() { return residency_; }

  // The time of steps, as measured.
  StepCost& cost() { return scheduler_.cost(); }

  bool empty() const { return jobs_.empty(); }
  size_t num_jobs() const { return jobs_.size(); }

 private:
  // Adds the time that it lives to looked_.
  class LookTimer;

  void Erase(RunningJob& running) noexcept;
  void Clear() noexcept;
  // Polls a job, tells the scheduler what it has to feed, and lets go of it if it has ended.
  void Look(RunningJob& running) noexcept;
  void AddToScheduler(RunningJob& running) noexcept;
  void LookInFlight(RunningJob& running) noexcept;
  // Puts a job where its deadline calls for.
  void NoteDeadline(RunningJob& running) noexcept;
  // Looks at the jobs whose states have come into their slots, or will not come.
  void LookAtArrived() noexcept;
  // Looks at the jobs whose deadlines have passed. One with parts in flight ends behind them.
  void LookAtLate(int64_t now_us) noexcept;
  // Whether the next step may have the token that the last one draws for the job.
  bool IsFedByDevice(const RunningJob& running) const;
  // Whether the next step may begin although others are in flight.
  bool MayRunAhead() const;
  void BeginSteps(int64_t now_us) noexcept;
  // Plans the next step. False: there is none to begin now.
  bool Plan(int64_t now_us) noexcept;
  void PlanParts(int64_t now_us, std::vector<StepPart>& parts) noexcept;
  // Has states leave their slots for the next steps, in which `num_wanted` streams decode.
  void KeepSlotsFree(uint32_t num_wanted) noexcept;
  // Finds slots for what `parts` read and write. Leaves those that have both.
  void FindSlots(std::vector<StepPart>& parts) noexcept;
  SlotOutcome FindSlots(StepPart& part) noexcept;
  // Takes a part out of the plan. What comes of its job is the caller's.
  void LeaveOut(std::vector<StepPart>& parts, size_t index) noexcept;
  // Leaves out the parts whose states are on their way into slots, if there is anything else to do meanwhile. Their
  // jobs have nothing to feed until then.
  void LeaveOutArriving(std::vector<StepPart>& parts) noexcept;
  // A part that has no slots is to be planned again later.
  void PutBack(RunningJob& running) noexcept;
  // A job leaves the scheduler until its state has come from the disk. It has no part in flight.
  void WaitForState(RunningJob& running) noexcept;
  // After a plan that gave nothing because states that have come wait for their steps, or because those who were to
  // have the step have left: whether to plan again at once. If their jobs are never planned, they let go of the states.
  bool TriesAgain() noexcept;
  // Ends a job that cannot have slots. It has no part in flight.
  void FailForSlots(RunningJob& running) noexcept;
  // As that of the residency, with what follows from a lost device.
  bool WaitForMoves() noexcept;
  void FinishOldest() noexcept;
  // Runs each part of the oldest step alone, after the step failed as a whole. The failed step overwrote no state. Only
  // a stream that fails alone ends with an error. If a device is lost, the parts that are left have its status.
  void RunPartsAlone(StepInFlight& step) noexcept;
  // Fails the parts that have read states which did not arrive in their slots.
  void CheckReadStates(StepInFlight& step) noexcept;
  void CountStep(const StepInFlight& step) noexcept;
  // Takes note of the time between the devices' begin or last end and this end, where several devices work.
  void ObserveGroups(const StepInFlight& step, bool is_alone, StepClock::time_point last_end) noexcept;
  // Tells every job how its part ended.
  void ConcludeAll(StepInFlight& step) noexcept;
  static void Conclude(StepPart& part) noexcept;
  void FailParts(StepInFlight& step) noexcept;

  Residency residency_;
  const StepObservers observers_;
  const ParallelFor parallel_for_;
  const StepPipeline pipeline_;
  const uint32_t max_parts_;
  Scheduler scheduler_;
  DecodeGroups groups_;
  StepsInFlight steps_;
  bool waits_for_others_ = false;  // parts of the last plan were left out for those whose states have come
  bool has_left_ = false;          // a job of the last plan has left the scheduler
  uint64_t num_vain_plans_ = 0;    // in a row
  bool waits_for_moves_ = false;   // a state has to move, for which the steps in flight have to end

  DeadlineQueue deadlines_;
  StateQueue coming_;         // from the disk; they are not in the scheduler
  StateQueue arriving_;       // into slots; they keep their places in the scheduler
  uint64_t num_arrived_ = 0;  // when the jobs of arriving_ were looked at
  JobList jobs_;
  uint64_t num_jobs_added_ = 0;
  absl::Status lost_;
  std::atomic<bool> is_lost_{false};

  StepClock::time_point last_end_;     // of a step
  StepClock::time_point cycle_begin_;  // the end of the loop's work on the last step, or when there was work again
  bool is_idle_ = true;
  StepClock::duration looked_{0};       // the time for looking at jobs since the last plan
  std::vector<RunningJob*> concluded_;  // of the step that ends
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STEP_LOOP_H_
