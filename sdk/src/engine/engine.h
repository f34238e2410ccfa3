// The engine of one model: the thread on which its steps run, and the requests that other threads may make of it.
#ifndef SKEIN_ENGINE_ENGINE_H_
#define SKEIN_ENGINE_ENGINE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "engine/heap_trim.h"
#include "engine/noticed_jobs.h"
#include "engine/prefix_cache.h"
#include "engine/step_clock.h"
#include "engine/step_loop.h"
#include "engine/step_runner.h"
#include "runtime/model_observer.h"
#include "runtime/runtime.h"
#include "scheduler/admission.h"
#include "scheduler/pace.h"
#include "scheduler/scheduler.h"
#include "scheduler/tenant.h"
#include "state/checkpoint_store.h"
#include "state/host_states.h"
#include "state/state_disk.h"
#include "state/state_owner.h"
#include "state/state_pool.h"

namespace skein {

// The limits of a model's engine.
struct EngineLimits {
  SchedulerLimits step;
  uint32_t num_slots = 0;          // at least 2
  uint64_t state_floats = 0;       // of one state
  uint64_t max_host_states = 0;    // that lie in host memory; see HostStates
  uint64_t max_streams = 0;        // for the metrics alone
  uint64_t max_checkpoints = 0;    // of all streams
  bool calibrates = false;         // the thread begins with a calibration [calibration.h]
  uint64_t max_queued_tokens = 0;  // 0: by the pace, as admission.h has it
  PrefixCacheLimits prefixes = {};
};

// The time, as the engine sees it.
using EngineClock = std::function<StepClock::time_point()>;

// Threads: any. The functions that wait may not be called on the engine's own thread. The thread keeps the engine alive
// until the engine was stopped and its last step is done.
class Engine {
 public:
  // Starts an engine. It stops when the last copy of the result is gone. `name` is that of the model in metrics and
  // trace. `clock` is called by any thread; whoever turns it forward calls NotifyAll. States go to `disk`, if it is
  // given, when host memory is full. RESOURCE_EXHAUSTED: no thread could be started.
  static absl::StatusOr<std::shared_ptr<Engine>> Start(std::shared_ptr<Runtime> runtime,
                                                       std::unique_ptr<StepRunner> runner, const EngineLimits& limits,
                                                       std::string name = "", EngineClock clock = StepClock::now,
                                                       std::shared_ptr<StateDisk> disk = nullptr);

  const EngineLimits& limits() const { return limits_; }
  StepClock::time_point Now() const { return clock_(); }

  // The tenants of the model, and the admission of the jobs that come to Add.
  TenantTable& tenants() const { return *tenants_; }
  Admission& admission() const { return *admission_; }

  // The states of prompts that were read. Never nullptr.
  const std::shared_ptr<PrefixCache>& prefixes() const { return prefixes_; }

  // The states that streams can go back to. Never nullptr.
  const std::shared_ptr<CheckpointStore>& checkpoints() const { return checkpoints_; }

  // The measurements of the model. They live as long as the engine.
  ModelObserver& observer() const { return *observer_; }

  // Hands over all of `jobs` together. They take part from the next step on. A stopped engine fails them.
  void Add(JobList& jobs) noexcept;

  // Tells the engine that a job may have become ready, or was asked to end. No effect on a job that left the engine.
  void Notify(std::shared_ptr<Job> job) noexcept;
  // The same of all jobs.
  void NotifyAll() noexcept;

  // Asks the thread to end after the current step. The jobs that are left fail with CANCELLED. Does not wait, but for a
  // calibrating step: a host that has used nothing of a model may change its mapped file as soon as it is released.
  void Stop() noexcept;

  // The canonical values of a state, not of the initial one. Waits for the current step if it lies in a slot.
  // UNAVAILABLE: a device of the model is lost; so it is for ImportState, and for all jobs.
  absl::Status ExportState(const StateRef& state, absl::Span<float> values);
  // A new state with the values that `fill` writes, in host memory. Only if there is no place left, it waits for the
  // current step and takes a slot. RESOURCE_EXHAUSTED: none is left either. An error of `fill` is the result.
  absl::StatusOr<StateRef> MakeState(absl::FunctionRef<absl::Status(absl::Span<float> values)> fill);
  // The same with these values.
  absl::StatusOr<StateRef> ImportState(absl::Span<const float> values);
  // Memory for the values of one state, for a copy. Throws std::bad_alloc.
  StateScratch Scratch() const { return StateScratch(host_); }

  // Keeps the states of the prefix cache on `disk` for later processes, and gives it those that earlier ones left.
  // Once, before the first job. Gives their number. RESOURCE_EXHAUSTED: no thread could be started.
  absl::StatusOr<uint64_t> KeepPrefixesOn(std::shared_ptr<StateDisk> disk);

  // A stream of the model was made, or has gone, and there are so many now. When many have gone, the memory of their
  // objects goes back to the system as soon as the engine has nothing to do.
  void OnStreamAdded(uint32_t num_streams) noexcept { heap_trim_.OnAdded(num_streams); }
  void OnStreamRemoved(uint32_t num_streams) noexcept;

  // `owner` is asked when there is no place for one more state.
  void AddOwner(std::weak_ptr<StateOwner> owner);

 private:
  Engine(std::shared_ptr<Runtime> runtime, std::unique_ptr<StepRunner> runner, const EngineLimits& limits,
         EngineClock clock);

  // Work between two steps, for a thread that waits for it.
  struct Call {
    absl::FunctionRef<std::optional<absl::Status>()> work;  // nullopt: it waits for a state or a place; tried again
    absl::Status status;
    bool is_done = false;
  };

  void Run() noexcept;
  // The values of a state, on the engine's thread between two steps.
  absl::Status CopyState(const StateRef& state, absl::Span<float> values) noexcept;
  // A place for a new state in host memory; nullptr: there is none, or a device is lost.
  std::shared_ptr<HostState> TakeHostPlace() noexcept;
  // A new state in a slot.
  absl::StatusOr<StateRef> ImportToSlot(absl::Span<const float> values);
  // Waits until there is something to do, or until `rest_at`, which gives false; not if `did_step`, because then there
  // may be another step.
  bool WaitForWork(bool did_step, StepClock::time_point rest_at) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Gives back the memory of the slots that nobody holds, and that of many streams that have gone.
  void Rest() noexcept;
  // Tells admission what steps cost.
  void PublishPace() noexcept;
  // Whether somebody waits for the thread.
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_notified_ || has_slot_ || has_moved_ || !noticed_.empty() || is_stopped_ || !calls_.empty() ||
           !added_.empty();
  }
  void Calibrate() noexcept;
  // Looks at the jobs that were noticed.
  void LookAtNoticed() noexcept;
  // Tells the thread that a state has come from the disk or gone there.
  void NotifyOfMove() noexcept;
  // Tells the thread that a slot is free, or that there is memory to give back: it rests again.
  void NotifyOfSlot() noexcept;
  // Runs `work` on the engine's thread between two steps and waits for it.
  absl::Status CallBetweenSteps(absl::FunctionRef<std::optional<absl::Status>()> work);
  // Does the work of `calls`. Calls that have to wait stay in the list.
  void Answer(std::list<Call*>& calls) noexcept;
  // nullopt: it is to be tried again.
  std::optional<absl::Status> StatusOf(SlotOutcome outcome);
  // Has owners of states let go of some. False: none had any.
  bool AskOwners() noexcept;
  void Finish(Call& call, absl::Status status) noexcept;

  const std::shared_ptr<Runtime> runtime_;
  const std::unique_ptr<StepRunner> runner_;
  const EngineLimits limits_;
  const EngineClock clock_;
  const std::shared_ptr<TenantTable> tenants_ = TenantTable::Create();
  Pace pace_;  // the engine's thread only
  const std::shared_ptr<Admission> admission_;
  std::shared_ptr<StateDisk> disk_;        // nullptr: there is none; constant once the thread runs
  std::shared_ptr<HostStates> host_;       // constant once the thread runs
  std::weak_ptr<Engine> self_;             // constant once the thread runs
  std::shared_ptr<StatePool> pool_;        // constant once the thread runs
  std::shared_ptr<PrefixCache> prefixes_;  // constant once the thread runs
  const std::shared_ptr<CheckpointStore> checkpoints_;
  std::shared_ptr<ModelObserver> observer_;  // constant once the thread runs
  std::unique_ptr<StepLoop> loop_;           // the engine's thread only
  HeapTrim heap_trim_;

  Mutex mutex_;
  CondVar changed_;
  JobList added_ ABSL_GUARDED_BY(mutex_);
  std::list<Call*> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<StateOwner>> owners_ ABSL_GUARDED_BY(mutex_);
  NoticedJobs noticed_ ABSL_GUARDED_BY(mutex_);
  bool is_notified_ ABSL_GUARDED_BY(mutex_) = false;  // all jobs are to be looked at
  bool has_slot_ ABSL_GUARDED_BY(mutex_) = false;     // one became free since the thread found none
  bool has_moved_ ABSL_GUARDED_BY(mutex_) = false;    // a state did, to the disk or from it
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_calibrating_ ABSL_GUARDED_BY(mutex_);
  CondVar calibrated_;
  CondVar call_done_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_ENGINE_H_
