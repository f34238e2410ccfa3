#include "engine/step_loop.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "skein/runtime.h"

namespace skein {

class StepLoop::LookTimer {
 public:
  explicit LookTimer(StepLoop& loop) : loop_(loop) {}
  ~LookTimer() { loop_.looked_ += StepClock::now() - begin_; }
  LookTimer(const LookTimer&) = delete;
  LookTimer& operator=(const LookTimer&) = delete;

 private:
  StepLoop& loop_;
  const StepClock::time_point begin_ = StepClock::now();
};

StepLoop::StepLoop(StepRunner& runner, std::shared_ptr<StatePool> pool, std::shared_ptr<HostStates> host,
                   const SchedulerLimits& limits, StepObservers observers, ParallelFor parallel_for)
    : residency_(runner, std::move(pool), std::move(host), observers.model),
      observers_(observers),
      parallel_for_(std::move(parallel_for)),
      pipeline_(runner.pipeline()),
      max_parts_(limits.max_entries),
      scheduler_(limits),
      groups_(pipeline_.num_stages, limits.max_tokens),
      steps_(runner, max_parts_, limits.max_tokens) {
  concluded_.reserve(max_parts_);
}

StepLoop::~StepLoop() { Clear(); }

void StepLoop::Erase(RunningJob& running) noexcept {
  scheduler_.Remove(running);
  running.job->running_ = nullptr;
  jobs_.erase(running.place);
}

void StepLoop::Clear() noexcept {
  while (!jobs_.empty()) Erase(jobs_.front());
}

void StepLoop::Add(JobList& jobs) noexcept {
  const LookTimer timer(*this);
  while (!jobs.empty()) {
    jobs_.splice(jobs_.end(), jobs, jobs.begin());
    RunningJob& running = jobs_.back();
    running.place = std::prev(jobs_.end());
    running.number = ++num_jobs_added_;
    running.job->running_ = &running;
    Look(running);
  }
}

void StepLoop::LookAt(const Job& job) noexcept {
  if (job.running_ != nullptr) Look(*job.running_);
}

void StepLoop::LookAtAll() noexcept {
  const LookTimer timer(*this);
  for (auto next = jobs_.begin(); next != jobs_.end();) Look(*next++);
}

void StepLoop::LookAtComing() noexcept {
  const LookTimer timer(*this);
  // One whose state has not come yet will wait again when its turn comes.
  while (!coming_.empty()) Look(coming_.front());
}

void StepLoop::LookAtArrived() noexcept {
  if (pipeline_.imports_beside_steps) residency_.CollectArrived(steps_.empty());
  if (std::exchange(num_arrived_, residency_.num_arrived()) == residency_.num_arrived()) return;
  for (RunningJob* running = arriving_.first(); running != nullptr;) {
    RunningJob* const next = StateQueue::Next(running->coming);
    if (!residency_.IsArriving(running->job->feed().next_state())) Look(*running);
    running = next;
  }
}

void StepLoop::LookAtLate(int64_t now_us) noexcept {
  while (next_deadline_us() <= now_us) {
    RunningJob& running = deadlines_.front();
    running.deadline.Leave();
    Look(running);
  }
}

void StepLoop::NoteDeadline(RunningJob& running) noexcept {
  const int64_t us = running.job->next_deadline_us();
  if (us == running.deadline_us) return;  // it is in the queue, or was, and has passed
  running.deadline.Leave();
  running.deadline_us = us;
  if (us != kNoDeadline) deadlines_.Insert(running, us, running.number, running.deadline);
}

void StepLoop::Look(RunningJob& running) noexcept {
  running.coming.Leave();
  if (running.num_in_flight > 0) return LookInFlight(running);
  switch (running.job->Poll()) {
    case Job::Readiness::kReady:
      NoteDeadline(running);
      AddToScheduler(running);
      return;
    case Job::Readiness::kWaiting:
      NoteDeadline(running);
      running.held = StatePin();
      scheduler_.Remove(running);
      return;
    case Job::Readiness::kEnded:
      Erase(running);
      return;
  }
}

void StepLoop::AddToScheduler(RunningJob& running) noexcept {
  const Feed& feed = running.job->feed();
  scheduler_.Add(running, feed.num_ready(), feed.decodes, feed.num_unissued());
}

void StepLoop::LookInFlight(RunningJob& running) noexcept {
  const Feed& feed = running.job->feed();
  if (!running.job->WantsMore()) {
    scheduler_.Remove(running);  // it ends behind its last part, or waits for its reader
  } else if (feed.num_unissued() == 0 && IsFedByDevice(running)) {
    scheduler_.Continue(running, 1, true);
  } else {
    scheduler_.Continue(running, feed.num_ready(), feed.decodes);
  }
}

bool StepLoop::IsFedByDevice(const RunningJob& running) const {
  return pipeline_.feeds_drawn && steps_.IsInLast(running) && running.job->GoesOnWithDrawn();
}

void StepLoop::EndAll(const absl::Status& status) noexcept {
  while (residency_.WaitForMoves()) {
  }
  for (const RunningJob& running : jobs_) {
    if (running.job->Poll() != Job::Readiness::kEnded) running.job->Fail(status);
  }
  Clear();
}

bool StepLoop::RunStep(StepClock::time_point now) noexcept {
  if (!lost_.ok()) {
    EndAll(lost_);
    return false;
  }
  if (std::exchange(is_idle_, false)) cycle_begin_ = StepClock::now();
  LookAtLate(StepClockUs(now));
  BeginSteps(StepClockUs(now));
  if (steps_.empty()) {
    is_idle_ = true;
    if (lost_.ok() && WaitForMoves()) return true;
    if (!lost_.ok()) EndAll(lost_);
    return lost_.ok() && TriesAgain();
  }
  FinishOldest();
  if (!lost_.ok()) FinishAll();
  return true;
}

// With no step in flight there is nothing better to do: what could not begin may wait for the slot.
bool StepLoop::WaitForMoves() noexcept {
  const bool has_waited = residency_.WaitForMoves();
  if (!residency_.lost().ok()) Lose(residency_.lost());
  return has_waited;
}

void StepLoop::FinishAll() noexcept {
  while (!steps_.empty()) FinishOldest();
  if (!lost_.ok()) EndAll(lost_);
}

void StepLoop::BeginSteps(int64_t now_us) noexcept {
  while (steps_.CanBegin() && Plan(now_us)) {
    ++observers_.metrics.steps;
    StepInFlight& step = steps_.next();
    steps_.Begin();
    if (pipeline_.depth == 1) continue;
    const LookTimer timer(*this);
    for (const StepPart& part : step.parts) LookInFlight(*part.running);
  }
}

bool StepLoop::Plan(int64_t now_us) noexcept {
  if (!steps_.empty() && (waits_for_moves_ || !MayRunAhead())) return false;
  const auto begin = StepClock::now();
  const uint64_t num_running = scheduler_.num_running();
  const JobCounts jobs = {.queued = scheduler_.num_sequences() - num_running,
                          .running = num_running,
                          .paused = jobs_.size() - scheduler_.num_sequences()};
  PlanParts(now_us, steps_.next().parts);
  if (!lost_.ok()) steps_.next().parts.clear();
  observers_.model.OnPlanned({begin, StepClock::now()}, jobs, looked_);
  looked_ = {};
  return !steps_.next().parts.empty();
}

// A device reads its weights once a step. If a stream waits for the end of the step in flight, a step ahead would leave
// it out, and one step later would serve both. Several devices have nothing to read twice, and idle without steps.
bool StepLoop::MayRunAhead() const { return pipeline_.num_stages > 1 || scheduler_.num_awaited() == 0; }

void StepLoop::FinishOldest() noexcept {
  StepInFlight& step = steps_.Finish();
  const bool is_alone = steps_.size() == 1;
  const StepClock::time_point last_end = last_end_;
  if (absl::IsUnavailable(step.whole)) Lose(step.whole);
  const bool is_whole = step.whole.ok();
  if (!is_whole) RunPartsAlone(step);
  CheckReadStates(step);
  CountStep(step);
  if (is_whole && pipeline_.num_stages > 1) ObserveGroups(step, is_alone, last_end);
  ConcludeAll(step);
  const uint64_t num_tokens = step.tokens.size();
  concluded_.clear();
  for (const StepPart& part : step.parts) concluded_.push_back(part.running);
  steps_.Pop();
  {
    const LookTimer timer(*this);
    for (RunningJob* running : concluded_) Look(*running);
  }
  const StepClock::time_point begin = std::exchange(cycle_begin_, StepClock::now());
  if (!is_whole) return;  // its parts were run one by one
  const std::chrono::duration<double, std::micro> time = cycle_begin_ - begin;
  scheduler_.cost().Observe(num_tokens, concluded_.size(), time.count());
}

void StepLoop::Lose(const absl::Status& unavailable) noexcept {
  if (!lost_.ok()) return;
  ++observers_.metrics.step_errors;
  is_lost_ = true;
  lost_ = unavailable;
  Guarded([&] {
    lost_ = absl::UnavailableError(
        absl::StrCat(unavailable.message(), "; release the model, whose streams are lost too, and load it again"));
    observers_.log.Add(SKEIN_LOG_ERROR, absl::StrCat("a model with ", jobs_.size(),
                                                     " streams at work ends: ", absl::string_view(lost_.message())));
    return absl::OkStatus();
  }).IgnoreError();  // without memory the message is shorter
}

void StepLoop::PlanParts(int64_t now_us, std::vector<StepPart>& parts) noexcept {
  LookAtArrived();
  const auto num_decoding = static_cast<uint32_t>(scheduler_.num_decoding());
  const uint32_t num_wanted = std::min(num_decoding, max_parts_);
  uint32_t max_entries = max_parts_;
  KeepSlotsFree(num_wanted);
  if (!steps_.empty()) {
    max_entries = std::min(max_entries, residency_.pool().num_free());
    // One device is not sent ahead with a part of the streams only (MayRunAhead).
    if (pipeline_.num_stages == 1 && max_entries < num_wanted) return;
  } else {
    waits_for_moves_ = false;
  }
  if (max_entries == 0 || !lost_.ok()) return;
  for (const Share& share : scheduler_.Schedule(now_us, max_entries, groups_.DecodesOfStep(num_decoding))) {
    StepPart& part = parts.emplace_back();
    part.running = static_cast<RunningJob*>(share.sequence);
    part.num_tokens = share.num_tokens;
    // States that are there already stay, while the others are fetched.
    part.read = residency_.pool().Pin(part.job().feed().next_state());
  }
  waits_for_others_ = has_left_ = false;
  FindSlots(parts);
  if (!parts.empty()) num_vain_plans_ = 0;
}

void StepLoop::KeepSlotsFree(uint32_t num_wanted) noexcept {
  if (pipeline_.depth == 1) return;
  uint32_t num_free = num_wanted * static_cast<uint32_t>(pipeline_.depth - steps_.size());
  const auto num_running = static_cast<uint32_t>(scheduler_.num_running());
  if (pipeline_.exports_beside_steps) {
    // An export takes about as long as a step, in which those that read prompts take part too.
    num_free += std::max(num_wanted, std::min(num_running, max_parts_));
  }
  // The states of the others are pinned.
  const uint32_t num_pinned = steps_.num_jobs() + static_cast<uint32_t>(arriving_.size());
  const uint32_t num_kept = num_running - std::min(num_running, num_pinned);
  residency_.KeepFree(num_free, num_kept, steps_.empty());
  if (!residency_.lost().ok()) Lose(residency_.lost());
}

void StepLoop::FindSlots(std::vector<StepPart>& parts) noexcept {
  for (size_t i = 0; i < parts.size();) {
    const SlotOutcome outcome = FindSlots(parts[i]);
    if (outcome == SlotOutcome::kDone) {
      ++i;
      continue;
    }
    // The parts behind it may hold the slots that it needs.
    const size_t left_out = outcome == SlotOutcome::kNoSlot ? parts.size() - 1 : i;
    RunningJob& running = *parts[left_out].running;
    // Where others go on, a place may become free.
    const bool may_pass = absl::IsResourceExhausted(residency_.status()) && (i > 0 || !steps_.empty());
    const bool fails = outcome == SlotOutcome::kFailed && !may_pass;
    LeaveOut(parts, left_out);
    if (fails) {
      FailForSlots(running);
    } else if (outcome == SlotOutcome::kComing) {
      WaitForState(running);
    } else {
      PutBack(running);
    }
    waits_for_moves_ |= outcome == SlotOutcome::kInSteps;
    waits_for_others_ |= outcome == SlotOutcome::kOthers;
    has_left_ |= fails || outcome == SlotOutcome::kComing;
  }
  LeaveOutArriving(parts);
}

void StepLoop::LeaveOut(std::vector<StepPart>& parts, size_t index) noexcept {
  const StepPart& part = parts[index];
  scheduler_.TakeBack(*part.running, part.num_tokens, part.job().feed().decodes);
  parts.erase(parts.begin() + static_cast<ptrdiff_t>(index));
}

// A step ends behind the imports of the states that it reads, and others need not wait for that.
void StepLoop::LeaveOutArriving(std::vector<StepPart>& parts) noexcept {
  const auto is_arriving = [this](const StepPart& part) { return residency_.IsArriving(part.read.state()); };
  if (steps_.empty() && std::all_of(parts.begin(), parts.end(), is_arriving)) return;
  for (size_t i = 0; i < parts.size();) {
    if (!is_arriving(parts[i])) {
      ++i;
      continue;
    }
    RunningJob& running = *parts[i].running;
    LeaveOut(parts, i);
    scheduler_.Postpone(running);
    arriving_.Insert(running, running.number, running.number, running.coming);
  }
}

SlotOutcome StepLoop::FindSlots(StepPart& part) noexcept {
  const bool may_move = steps_.empty();
  const StateRef& state = part.job().feed().next_state();
  const SlotOutcome outcome = residency_.PinState(state, may_move, part.read);
  if (outcome != SlotOutcome::kDone) return outcome;
  part.running->held = StatePin();
  const auto growth = state.empty() ? Residency::Growth::kAdds : Residency::Growth::kReplaces;
  return residency_.PinNew(growth, may_move, part.written);
}

void StepLoop::PutBack(RunningJob& running) noexcept {
  if (running.num_in_flight > 0) return LookInFlight(running);
  scheduler_.Continue(running, running.job->feed().num_ready(), running.job->feed().decodes);
}

void StepLoop::WaitForState(RunningJob& running) noexcept {
  scheduler_.Remove(running);
  running.held = residency_.pool().Hold(running.job->feed().next_state());
  coming_.Insert(running, running.number, running.number, running.coming);
}

bool StepLoop::TriesAgain() noexcept {
  // It may have had all tokens of the step.
  if (std::exchange(has_left_, false) && scheduler_.num_sequences() > 0) return true;
  if (!std::exchange(waits_for_others_, false)) return false;
  // Those that were left out are behind all others in their turns.
  if (++num_vain_plans_ <= scheduler_.num_sequences()) return true;
  num_vain_plans_ = 0;
  for (RunningJob& running : jobs_) running.held = StatePin();
  return true;
}

void StepLoop::FailForSlots(RunningJob& running) noexcept {
  if (!residency_.lost().ok()) Lose(residency_.lost());
  running.job->Fail(lost_.ok() ? residency_.status() : lost_);
  Look(running);
}

void StepLoop::RunPartsAlone(StepInFlight& step) noexcept {
  steps_.Drain();
  if (lost_.ok()) {
    ++observers_.metrics.step_errors;
    Guarded([&] {
      observers_.log.Add(SKEIN_LOG_ERROR,
                         absl::StrCat("a step of ", step.parts.size(), " streams failed, trying them one by one: ",
                                      absl::string_view(step.whole.message())));
      return absl::OkStatus();
    }).IgnoreError();  // a line that cannot be kept is lost
  }
  for (StepPart& part : step.parts) {
    if (!part.counts()) continue;
    Feed& feed = part.job().feed();
    feed.TakeBack();
    part.num_take_backs = feed.num_take_backs;
    part.status = lost_;
    if (!lost_.ok()) continue;
    ++observers_.metrics.steps;
    steps_.RunAlone(step, part);
    if (!absl::IsUnavailable(step.whole)) continue;
    Lose(step.whole);
    part.status = lost_;
  }
}

void StepLoop::CheckReadStates(StepInFlight& step) noexcept {
  for (StepPart& part : step.parts) {
    absl::Status arrived = residency_.StatusOf(part.read.state());
    if (!arrived.ok()) part.status = std::move(arrived);
  }
  if (residency_.lost().ok()) return;
  Lose(residency_.lost());
  for (StepPart& part : step.parts) {
    if (!part.status.ok()) part.status = lost_;
  }
}

void StepLoop::CountStep(const StepInFlight& step) noexcept {
  Metrics& metrics = observers_.metrics;
  // A step behind another has the devices to itself from the end of that one.
  const auto begin = std::max(step.begin, last_end_);
  last_end_ = std::chrono::steady_clock::now();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(last_end_ - begin).count();
  metrics.step_microseconds += static_cast<uint64_t>(us);
  StepSize size;
  for (const StepPart& part : step.parts) {
    const bool decodes = part.job().feed().decodes;
    size.num_entries += 1;
    size.num_tokens += part.num_tokens;
    size.num_decodes += decodes ? 1 : 0;
    if (!part.status.ok() || !part.counts()) continue;
    (decodes ? metrics.decode_tokens : metrics.prefill_tokens) += part.num_tokens;
  }
  observers_.model.OnStep({begin, last_end_}, size);
}

void StepLoop::ObserveGroups(const StepInFlight& step, bool is_alone, StepClock::time_point last_end) noexcept {
  using Microseconds = std::chrono::duration<double, std::micro>;
  if (step.begin < last_end) {
    groups_.ObserveBehind(step.tokens.size(), step.parts.size(), Microseconds(last_end_ - last_end).count());
  } else if (is_alone) {
    groups_.ObserveAlone(step.tokens.size(), step.parts.size(), Microseconds(last_end_ - step.begin).count());
  }
}

void StepLoop::ConcludeAll(StepInFlight& step) noexcept {
  const auto begin = StepClock::now();
  // Sampling over a large vocabulary is worth a thread for each stream.
  Guarded([&] {
    parallel_for_(step.parts.size(), [&step](uint64_t i) { Conclude(step.parts[i]); });
    return absl::OkStatus();
  }).IgnoreError();
  // If there was no memory to ask other threads, this thread does the rest.
  for (StepPart& part : step.parts) {
    if (!part.is_concluded) Conclude(part);
  }
  FailParts(step);
  observers_.model.OnConcluded({begin, StepClock::now()});
}

void StepLoop::Conclude(StepPart& part) noexcept {
  part.is_concluded = true;
  part.read = StatePin();
  if (!part.status.ok() || !part.counts()) return;
  part.status = Guarded([&] {
    part.job().Advance(part.num_tokens, part.written.Release());
    return absl::OkStatus();
  });
}

void StepLoop::FailParts(StepInFlight& step) noexcept {
  for (StepPart& part : step.parts) {
    if (part.status.ok() || !part.counts()) continue;
    // A job that fails may leave its outputs to others, so no device may write to them any more.
    steps_.Drain();
    part.job().feed().TakeBack();
    part.job().Fail(part.status);
  }
}

}  // namespace skein
