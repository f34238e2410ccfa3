#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "base/status.h"
#include "engine/calibration.h"
#include "engine/prefix_store.h"
#include "engine/state_mover.h"
#include "runtime/option_keys.h"
#include "runtime/worker.h"
#include "system/heap.h"

namespace skein {
namespace {

AdmissionLimits AdmissionLimitsOf(const EngineLimits& limits) {
  return {limits.max_queued_tokens, limits.step.age_limit_us};
}
// So long after its last work an engine gives back the memory that it does not need.
constexpr std::chrono::milliseconds kRestAfter{100};
// States on their way to the disk.
constexpr size_t kMaxParking = 16;
// A device that stalls must not keep a host that releases a model.
constexpr std::chrono::seconds kLongestCalibration{1};

std::vector<ModelLimit> NamedLimits(const EngineLimits& limits, const StateDisk* disk) {
  return {{"streams", model_options::kMaxStreams.name, limits.max_streams},
          {"step_entries", model_options::kMaxBatchStreams.name, limits.step.max_entries},
          {"slots", model_options::kStateMemory.name, limits.num_slots},
          {"host_states", model_options::kStateHostMemory.name, limits.max_host_states},
          {"disk_states", model_options::kStateDisk.name, disk == nullptr ? 0 : disk->budget_blocks()},
          {"prefix_states", model_options::kPrefixCache.name, limits.prefixes.max_bytes / limits.prefixes.state_bytes},
          {"checkpoints", model_options::kCheckpointMemory.name, limits.max_checkpoints},
          {"running", model_options::kMaxRunning.name, limits.step.max_running},
          {"step_tokens", model_options::kMaxBatchTokens.name, limits.step.max_tokens},
          {"step_time_ms", model_options::kStepTimeMs.name, static_cast<uint64_t>(limits.step.step_us) / 1000},
          {"queued_tokens", model_options::kMaxQueuedTokens.name, limits.max_queued_tokens},
          {"age_limit_ms", model_options::kAgeLimitMs.name, static_cast<uint64_t>(limits.step.age_limit_us) / 1000}};
}

QueueCounts CountsOf(const QueueLoad& load) { return {load.num_waiting, load.num_running, load.queued_tokens}; }

SlotCounts CountsOf(const StatePool& pool, uint64_t state_bytes) {
  const uint64_t num_free = pool.num_free();
  const StateMoves moves = pool.moves();
  return {.held = pool.num_slots() - num_free,
          .free = num_free,
          .in_host = pool.num_parked(),
          .on_disk = pool.num_on_disk(),
          .parked = moves.to_host,
          .woken = moves.to_slot,
          .to_disk = moves.to_disk,
          .from_disk = moves.from_disk,
          .state_bytes = state_bytes};
}

absl::Status Released() noexcept { return MakeStatus(absl::StatusCode::kCancelled, "the model is being released"); }

}  // namespace

Engine::Engine(std::shared_ptr<Runtime> runtime, std::unique_ptr<StepRunner> runner, const EngineLimits& limits,
               EngineClock clock)
    : runtime_(std::move(runtime)),
      runner_(std::move(runner)),
      limits_(limits),
      clock_(std::move(clock)),
      pace_(limits.step),
      admission_(Admission::Create(AdmissionLimitsOf(limits), tenants_, pace_)),
      checkpoints_(std::make_shared<CheckpointStore>(limits.max_checkpoints, limits.state_floats * sizeof(float))),
      is_calibrating_(limits.calibrates) {}

absl::StatusOr<std::shared_ptr<Engine>> Engine::Start(std::shared_ptr<Runtime> runtime,
                                                      std::unique_ptr<StepRunner> runner, const EngineLimits& limits,
                                                      std::string name, EngineClock clock,
                                                      std::shared_ptr<StateDisk> disk) {
  std::shared_ptr<Engine> engine(new Engine(std::move(runtime), std::move(runner), limits, std::move(clock)));
  const std::weak_ptr<Engine> weak(engine);
  engine->self_ = weak;
  const auto notify = [weak] {
    if (const std::shared_ptr<Engine> alive = weak.lock()) alive->NotifyOfSlot();
  };
  engine->pool_ = StatePool::Create(limits.num_slots, notify);
  engine->host_ = HostStates::Create(limits.state_floats, limits.max_host_states, notify);
  engine->prefixes_ = std::make_shared<PrefixCache>(limits.prefixes, [weak](std::shared_ptr<Job> job) {
    if (const std::shared_ptr<Engine> alive = weak.lock()) alive->Notify(std::move(job));
  });
  engine->AddOwner(engine->prefixes_);
  engine->AddOwner(engine->checkpoints_);
  ObservedModel observed = {std::move(name), NamedLimits(limits, disk.get()),
                            [pool = engine->pool_, state_bytes = limits.state_floats * sizeof(float)] {
                              return CountsOf(*pool, state_bytes);
                            }};
  observed.count_prefixes = [prefixes = engine->prefixes_] { return prefixes->counts(); };
  observed.count_checkpoints = [checkpoints = engine->checkpoints_] {
    return CheckpointCounts{checkpoints->num_states(), checkpoints->num_kept(), checkpoints->num_dropped()};
  };
  observed.count_queue = [admission = engine->admission_] { return CountsOf(admission->Load()); };
  observed.count_queue_of = [admission = engine->admission_, tenants = engine->tenants_](absl::string_view of) {
    const std::shared_ptr<const Tenant> tenant = tenants->Find(of);
    return tenant == nullptr ? QueueCounts() : CountsOf(admission->LoadOf(*tenant));
  };
  engine->observer_ = engine->runtime_->metrics().observed_models.Add(std::move(observed), engine->runtime_->trace());
  engine->runner_->Observe(*engine->observer_);
  engine->loop_ = std::make_unique<StepLoop>(
      *engine->runner_, engine->pool_, engine->host_, limits.step,
      StepObservers{engine->runtime_->metrics(), engine->runtime_->log(), *engine->observer_},
      [&services = engine->runtime_->services()](uint64_t num_items, const std::function<void(uint64_t)>& work) {
        services.ParallelFor(num_items, work);
      });
  if (disk != nullptr) {
    SKEIN_ASSIGN_OR_RETURN(
        std::unique_ptr<DiskTier> tier,
        DiskTier::Start(engine->pool_, engine->host_, disk, engine->runtime_->log(), engine->observer_, [weak] {
          if (const std::shared_ptr<Engine> alive = weak.lock()) alive->NotifyOfMove();
        }));
    engine->loop_->residency().set_disk(std::move(tier));
    engine->disk_ = std::move(disk);
  }
  engine->loop_->residency().set_ask_owners([address = engine.get()] { return address->AskOwners(); });
  const bool started = StartWorker([engine] { engine->Run(); },
                                   [weak] {
                                     if (const std::shared_ptr<Engine> alive = weak.lock()) alive->Stop();
                                   });
  if (!started) return absl::ResourceExhaustedError("model: no thread could be started for it");
  Engine* const address = engine.get();
  // Weak references keep the deleter, which must keep nothing by then: a queue has one to every engine that it knows.
  return std::shared_ptr<Engine>(address, [engine = std::move(engine)](Engine*) mutable {
    engine->Stop();
    engine.reset();
  });
}

void Engine::Add(JobList& jobs) noexcept {
  {
    const MutexLock lock(mutex_);
    if (!is_stopped_) {
      added_.splice(added_.end(), jobs);
      changed_.NotifyAll();
    }
  }
  for (const RunningJob& running : jobs) running.job->Fail(Released());
  jobs.clear();
}

void Engine::Notify(std::shared_ptr<Job> job) noexcept {
  const MutexLock lock(mutex_);
  // A job refers to its engine, so nothing may stay in the list of an engine whose thread has ended.
  if (is_stopped_) return;
  noticed_.Add(std::move(job));
  changed_.NotifyAll();
}

void Engine::LookAtNoticed() noexcept {
  while (true) {
    std::shared_ptr<Job> job;
    {
      const MutexLock lock(mutex_);
      job = noticed_.Take();
    }
    if (job == nullptr) return;
    loop_->LookAt(*job);
  }
}

void Engine::NotifyAll() noexcept {
  const MutexLock lock(mutex_);
  is_notified_ = true;
  changed_.NotifyAll();
}

void Engine::NotifyOfMove() noexcept {
  const MutexLock lock(mutex_);
  has_moved_ = true;
  changed_.NotifyAll();
}

void Engine::NotifyOfSlot() noexcept {
  const MutexLock lock(mutex_);
  has_slot_ = true;
  changed_.NotifyAll();
}

void Engine::Stop() noexcept {
  const MutexLock lock(mutex_);
  is_stopped_ = true;
  changed_.NotifyAll();
  const auto end = std::chrono::steady_clock::now() + kLongestCalibration;
  while (is_calibrating_ && calibrated_.WaitUntil(mutex_, end)) {
  }
}

absl::Status Engine::CallBetweenSteps(absl::FunctionRef<std::optional<absl::Status>()> work) {
  Call call = {.work = work, .status = {}, .is_done = false};
  std::list<Call*> calls = {&call};
  const MutexLock lock(mutex_);
  if (is_stopped_) return Released();
  calls_.splice(calls_.end(), calls);
  changed_.NotifyAll();
  while (!call.is_done) call_done_.Wait(mutex_);
  return call.status;
}

absl::Status Engine::ExportState(const StateRef& state, absl::Span<float> values) {
  // A lost model answers nobody, wherever its states lie.
  const std::shared_ptr<const HostState> parked = loop_->is_lost() ? nullptr : pool_->ValuesOf(state);
  if (parked != nullptr) {
    std::copy(parked->values().begin(), parked->values().end(), values.begin());
    return absl::OkStatus();
  }
  StatePin held;  // once it has come from the disk
  return CallBetweenSteps([&] {
    const SlotOutcome outcome = loop_->residency().Export(state, values);
    if (outcome == SlotOutcome::kComing) held = pool_->Hold(state);
    return StatusOf(outcome);
  });
}

absl::Status Engine::CopyState(const StateRef& state, absl::Span<float> values) noexcept {
  const std::shared_ptr<const HostState> parked = pool_->ValuesOf(state);
  if (parked != nullptr) {
    std::copy(parked->values().begin(), parked->values().end(), values.begin());
    return absl::OkStatus();
  }
  const StatePin pin = pool_->Pin(state);
  if (pin.empty()) return MakeStatus(absl::StatusCode::kUnavailable, "the state is on disk");
  return Guarded([&] { return runner_->ExportState(pin.slot(), values); });
}

absl::StatusOr<uint64_t> Engine::KeepPrefixesOn(std::shared_ptr<StateDisk> disk) {
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<StateMover> mover, StateMover::Start(kMaxParking));
  auto store = PrefixStore::Create(std::move(disk), std::move(mover), prefixes_,
                                   [weak = self_](const StateRef& state, absl::Span<float> values) {
                                     const std::shared_ptr<Engine> alive = weak.lock();
                                     return alive == nullptr ? Released() : alive->ExportState(state, values);
                                   });
  const uint64_t num_restored = store->Restore([this](absl::Span<const float> values) { return ImportState(values); });
  prefixes_->SetKeeper(std::move(store));
  return num_restored;
}

absl::StatusOr<StateRef> Engine::MakeState(absl::FunctionRef<absl::Status(absl::Span<float> values)> fill) {
  if (const std::shared_ptr<HostState> place = TakeHostPlace()) {
    SKEIN_RETURN_IF_ERROR(fill(place->values()));
    return pool_->Add(place);
  }
  const StateScratch scratch(host_);
  SKEIN_RETURN_IF_ERROR(fill(scratch.values()));
  return ImportToSlot(scratch.values());
}

absl::StatusOr<StateRef> Engine::ImportState(absl::Span<const float> values) {
  if (const std::shared_ptr<HostState> place = TakeHostPlace()) {
    std::copy(values.begin(), values.end(), place->values().begin());
    return pool_->Add(place);
  }
  return ImportToSlot(values);
}

std::shared_ptr<HostState> Engine::TakeHostPlace() noexcept {
  return loop_->is_lost() ? nullptr : host_->Take(HostStates::Use::kStay);
}

absl::StatusOr<StateRef> Engine::ImportToSlot(absl::Span<const float> values) {
  StateRef state;
  const absl::Status called = CallBetweenSteps([&] {
    Residency& residency = loop_->residency();
    StatePin pin;
    std::optional<absl::Status> status = StatusOf(residency.PinNew(Residency::Growth::kAdds, /*may_move=*/true, pin));
    if (!status.has_value() || !status->ok()) return status;
    status = residency.Import(values, pin);
    if (status->ok()) state = pin.Release();
    return status;
  });
  if (!called.ok()) return called;
  return state;
}

std::optional<absl::Status> Engine::StatusOf(SlotOutcome outcome) {
  if (outcome == SlotOutcome::kDone) return absl::OkStatus();
  if (outcome == SlotOutcome::kFailed) return loop_->residency().status();
  return std::nullopt;
}

void Engine::AddOwner(std::weak_ptr<StateOwner> owner) {
  const MutexLock lock(mutex_);
  std::erase_if(owners_, [](const std::weak_ptr<StateOwner>& known) { return known.expired(); });
  owners_.push_back(std::move(owner));
}

bool Engine::AskOwners() noexcept {
  bool has_any = false;
  for (size_t i = 0;; ++i) {
    std::shared_ptr<StateOwner> owner;
    {
      const MutexLock lock(mutex_);
      if (i >= owners_.size()) return has_any;
      owner = owners_[i].lock();
    }
    if (owner != nullptr && owner->LetGo(1)) has_any = true;
  }
}

void Engine::Answer(std::list<Call*>& calls) noexcept {
  for (auto call = calls.begin(); call != calls.end();) {
    std::optional<absl::Status> status = loop_->lost();
    if (status->ok()) status = Guarded((*call)->work);
    if (!loop_->residency().lost().ok()) {
      loop_->Lose(loop_->residency().lost());
      status = loop_->lost();
    }
    if (!status.has_value()) {
      ++call;
      continue;
    }
    Finish(**call, *std::move(status));
    call = calls.erase(call);
  }
}

void Engine::Finish(Call& call, absl::Status status) noexcept {
  const MutexLock lock(mutex_);
  call.status = std::move(status);
  call.is_done = true;
  call_done_.NotifyAll();
}

bool Engine::WaitForWork(bool did_step, StepClock::time_point rest_at) {
  while (!did_step && !HasWork()) {
    StepClock::time_point until = rest_at;
    if (const int64_t deadline_us = loop_->next_deadline_us(); deadline_us != kNoDeadline) {
      const int64_t left_us = deadline_us - StepClockUs(clock_());
      if (left_us <= 0) return true;
      until = std::min(until, StepClock::now() + std::chrono::microseconds(left_us));
    }
    if (until == StepClock::time_point::max()) {
      changed_.Wait(mutex_);
    } else if (!changed_.WaitUntil(mutex_, until) && until == rest_at && !HasWork()) {
      return false;
    }
  }
  return true;
}

void Engine::OnStreamRemoved(uint32_t num_streams) noexcept {
  if (heap_trim_.OnRemoved(num_streams)) NotifyOfSlot();
}

void Engine::Rest() noexcept {
  pool_->AnnounceNext();  // of what becomes free from here on the thread hears, and rests again
  loop_->residency().Rest();
  if (heap_trim_.TakeDue()) TrimHeap();
}

void Engine::PublishPace() noexcept {
  pace_.cost = loop_->cost();
  admission_->SetPace(pace_);
}

void Engine::Calibrate() noexcept {
  const absl::Status status = skein::Calibrate(*runner_, *pool_, limits_.step.max_entries, loop_->cost(), [this] {
    const MutexLock lock(mutex_);
    return HasWork();
  });
  // Any other error comes back with the first job, if it stays.
  if (absl::IsUnavailable(status)) loop_->Lose(status);
  PublishPace();
  const MutexLock lock(mutex_);
  is_calibrating_ = false;
  calibrated_.NotifyAll();
}

void Engine::Run() noexcept {
  host_->Rest();
  if (limits_.calibrates) Calibrate();
  std::list<Call*> calls;  // those that have to wait stay here
  JobList added;
  bool did_step = false;
  bool has_stepped = false;
  bool is_notified = false;
  bool has_moved = false;
  bool is_stopped = false;
  bool has_rested = false;
  while (!is_stopped) {
    const auto rest_at = has_rested ? StepClock::time_point::max() : StepClock::now() + kRestAfter;
    {
      const MutexLock lock(mutex_);
      has_rested = !WaitForWork(did_step, rest_at);
      is_notified = std::exchange(is_notified_, false);
      has_slot_ = false;
      has_moved = std::exchange(has_moved_, false);
      is_stopped = is_stopped_;
      added.splice(added.end(), added_);
      calls.splice(calls.end(), calls_);
    }
    if (has_rested) {
      Rest();
      continue;
    }
    if (!calls.empty() || is_stopped) loop_->FinishAll();
    Answer(calls);
    loop_->Add(added);
    LookAtNoticed();
    if (is_stopped) break;
    if (has_moved) loop_->LookAtComing();
    if (is_notified) loop_->LookAtAll();
    did_step = loop_->RunStep(clock_());
    if (did_step) PublishPace();
    if (did_step && !std::exchange(has_stepped, true)) RenewExitWait();
  }
  loop_->EndAll(Released());
  for (Call* call : calls) Finish(*call, Released());
  if (const std::shared_ptr<PrefixKeeper> keeper = prefixes_->keeper(); keeper != nullptr && loop_->lost().ok()) {
    keeper->OnEnd([this](const StateRef& state, absl::Span<float> values) { return CopyState(state, values); });
  }
  if (disk_ != nullptr) disk_->LeaveFiles();
}

}  // namespace skein
