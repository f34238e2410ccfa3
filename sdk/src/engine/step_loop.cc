#include "engine/step_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "scheduler/decode_groups.h"
#include "skein/runtime.h"

namespace skein {
StepLoop::StepLoop(StepRunner& runner, std::shared_ptr<StatePool> pool, StepLimits limits, uint32_t max_jobs,
                   StepObservers observers, ParallelFor parallel_for)
    : pool_(std::move(pool)),
      observers_(observers),
      parallel_for_(std::move(parallel_for)),
      pipeline_(runner.pipeline()),
      max_parts_(std::min(limits.max_entries, max_jobs)),
      scheduler_(limits, max_jobs),
      steps_(runner, max_parts_, limits.max_tokens) {
  ready_.reserve(max_jobs);
  candidates_.reserve(max_jobs);
  free_slots_.reserve(max_parts_);
}

void StepLoop::Add(JobList& jobs) noexcept {
  for (RunningJob& running : jobs) running.id = ++num_jobs_added_;
  jobs_.splice(jobs_.end(), jobs);
}

void StepLoop::EndAll(const absl::Status& status) noexcept {
  for (const RunningJob& running : jobs_) {
    if (running.job->Poll() != Job::Readiness::kEnded) running.job->Fail(status);
  }
  jobs_.clear();
}

bool StepLoop::RunStep() noexcept {
  if (!lost_.ok()) {
    EndAll(lost_);
    return false;
  }
  BeginSteps();
  if (steps_.empty()) return false;
  FinishOldest();
  if (!lost_.ok()) FinishAll();
  return true;
}

void StepLoop::FinishAll() noexcept {
  while (!steps_.empty()) FinishOldest();
  if (!lost_.ok()) EndAll(lost_);
}

void StepLoop::BeginSteps() noexcept {
  while (steps_.CanBegin() && Plan()) {
    ++num_steps_;
    ++observers_.metrics.steps;
    steps_.Begin();
  }
}

bool StepLoop::Plan() noexcept {
  const auto begin = ModelObserver::Clock::now();
  const JobCounts jobs = PollJobs();
  if (steps_.empty() || MayRunAhead()) PlanParts(steps_.next().parts);
  observers_.model.OnPlanned({begin, ModelObserver::Clock::now()}, jobs);
  return !steps_.next().parts.empty();
}

// A device reads its weights once a step. If a stream waits for the end of the step in flight, a step ahead would leave
// it out, and one step later would serve both. Several devices have nothing to read twice, and idle without steps.
bool StepLoop::MayRunAhead() const { return pipeline_.num_stages > 1 || num_waiting_ == 0; }

void StepLoop::FinishOldest() noexcept {
  StepInFlight& step = steps_.Finish();
  if (absl::IsUnavailable(step.whole)) Lose(step.whole);
  if (!step.whole.ok()) RunPartsAlone(step);
  CountStep(step);
  ConcludeAll(step);
  steps_.Pop();
}

void StepLoop::Lose(const absl::Status& unavailable) noexcept {
  if (!lost_.ok()) return;
  ++observers_.metrics.step_errors;
  lost_ = unavailable;
  Guarded([&] {
    lost_ = absl::UnavailableError(
        absl::StrCat(unavailable.message(), "; release the model, whose streams are lost too, and load it again"));
    observers_.log.Add(SKEIN_LOG_ERROR, absl::StrCat("a model with ", jobs_.size(),
                                                     " streams at work ends: ", absl::string_view(lost_.message())));
    return absl::OkStatus();
  }).IgnoreError();  // without memory the message is shorter
}

JobCounts StepLoop::PollJobs() noexcept {
  JobCounts counts;
  ready_.clear();
  candidates_.clear();
  num_decoding_ = 0;
  num_waiting_ = 0;
  for (auto running = jobs_.begin(); running != jobs_.end();) {
    const Job::Readiness readiness = running->num_in_flight > 0 ? Job::Readiness::kReady : running->job->Poll();
    if (readiness == Job::Readiness::kEnded) {
      running = jobs_.erase(running);
      continue;
    }
    if (readiness == Job::Readiness::kReady) {
      ++(running->last_turn == 0 ? counts.queued : counts.running);
      AddCandidate(*running);
    } else {
      ++counts.paused;
    }
    ++running;
  }
  return counts;
}

void StepLoop::AddCandidate(RunningJob& running) noexcept {
  const Feed& feed = running.job->feed();
  const bool waits = feed.num_unissued() == 0;
  num_waiting_ += waits ? 1 : 0;
  num_decoding_ += waits || feed.decodes ? 1 : 0;
  if (waits || (running.num_in_flight > 0 && !running.job->WantsMore())) return;
  ready_.push_back(&running);
  candidates_.push_back({running.id, running.last_turn, feed.num_unissued(), feed.decodes});
}

void StepLoop::PlanParts(std::vector<StepPart>& parts) noexcept {
  // A stream that gets no slot waits. Slots become free as other streams leave their states, and the pool then says so.
  while (free_slots_.size() < std::min<size_t>(ready_.size(), max_parts_)) {
    StateRef slot = pool_->Acquire();
    if (slot.empty()) break;
    free_slots_.push_back(std::move(slot));
  }
  const uint32_t max_decodes = DecodesOfStep(num_decoding_, pipeline_.num_stages);
  for (const Share& share : scheduler_.Plan(candidates_, static_cast<uint32_t>(free_slots_.size()), max_decodes)) {
    RunningJob& running = *ready_[share.candidate];
    running.last_turn = ++num_turns_;
    StepPart& part = parts.emplace_back();
    part.running = &running;
    part.num_tokens = share.num_tokens;
    part.written = std::move(free_slots_.back());
    free_slots_.pop_back();
  }
  free_slots_.clear();
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

void StepLoop::CountStep(const StepInFlight& step) noexcept {
  Metrics& metrics = observers_.metrics;
  // A step behind another has the devices to itself from the end of that one.
  const auto begin = std::max(step.begin, last_end_);
  last_end_ = std::chrono::steady_clock::now();
  metrics.step_microseconds +=
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(last_end_ - begin).count());
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

void StepLoop::ConcludeAll(StepInFlight& step) noexcept {
  const auto begin = ModelObserver::Clock::now();
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
  observers_.model.OnConcluded({begin, ModelObserver::Clock::now()});
}

void StepLoop::Conclude(StepPart& part) noexcept {
  part.is_concluded = true;
  part.read = StateRef();
  if (!part.status.ok() || !part.counts()) return;
  part.status = Guarded([&] {
    part.job().Advance(part.num_tokens, std::move(part.written));
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
