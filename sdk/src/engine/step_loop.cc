#include "engine/step_loop.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "skein/runtime.h"

namespace skein {
namespace {

absl::Status EntryStatus(int32_t code) {
  switch (code) {
    case SKEIN_OK:
      return absl::OkStatus();
    case SKEIN_INVALID_ARGUMENT:
      return absl::InvalidArgumentError("the device refused a token id or an argument of this stream");
    case SKEIN_DATA_LOSS:
      return absl::DataLossError("the model's output for this stream is not finite; expected finite logits and state");
    case SKEIN_UNIMPLEMENTED:
      return absl::UnimplementedError("the device does not offer an output that this stream asks for");
    case SKEIN_FAILED_PRECONDITION:
      return absl::FailedPreconditionError("the logit biases of this stream leave no token to draw");
    case SKEIN_RESOURCE_EXHAUSTED:
      return absl::ResourceExhaustedError("the device had no memory for this stream");
    default:
      return absl::InternalError(absl::StrCat("the device failed this stream with code ", code));
  }
}

// CANCELLED means that the host cancelled. A device that gives this code has failed.
absl::Status DeviceFailure(const absl::Status& status) {
  if (!absl::IsCancelled(status)) return status;
  return absl::InternalError(absl::StrCat("the device cancelled a step: ", absl::string_view(status.message())));
}

}  // namespace

StepLoop::StepLoop(StepRunner& runner, std::shared_ptr<StatePool> pool, StepLimits limits, uint32_t max_jobs,
                   StepObservers observers, ParallelFor parallel_for)
    : runner_(runner),
      pool_(std::move(pool)),
      observers_(observers),
      parallel_for_(std::move(parallel_for)),
      max_parts_(std::min(limits.max_entries, max_jobs)),
      scheduler_(limits, max_jobs) {
  ready_.reserve(max_jobs);
  candidates_.reserve(max_jobs);
  free_slots_.reserve(max_parts_);
  parts_.reserve(max_parts_);
  entries_.reserve(max_parts_);
  tokens_.reserve(limits.max_tokens);
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
  Plan();
  if (parts_.empty()) return false;
  ++num_steps_;
  const auto begin = ModelObserver::Clock::now();
  const absl::Status whole = RunParts(absl::MakeSpan(parts_));
  if (absl::IsUnavailable(whole)) {
    Lose(whole);
  } else if (!whole.ok()) {
    RunPartsAlone(whole);
  }
  ObserveStep(begin);
  ConcludeAll();
  parts_.clear();
  if (!lost_.ok()) EndAll(lost_);
  return true;
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
  for (Part& part : parts_) {
    if (absl::IsUnavailable(part.status)) part.status = lost_;
  }
}

void StepLoop::Plan() noexcept {
  const auto begin = ModelObserver::Clock::now();
  const JobCounts jobs = PollJobs();
  PlanParts();
  observers_.model.OnPlanned({begin, ModelObserver::Clock::now()}, jobs);
}

JobCounts StepLoop::PollJobs() noexcept {
  JobCounts counts;
  ready_.clear();
  candidates_.clear();
  for (auto running = jobs_.begin(); running != jobs_.end();) {
    const Job::Readiness readiness = running->job->Poll();
    if (readiness == Job::Readiness::kEnded) {
      running = jobs_.erase(running);
      continue;
    }
    if (readiness == Job::Readiness::kReady) {
      ++(running->last_turn == 0 ? counts.queued : counts.running);
      const Feed& feed = running->job->feed();
      ready_.push_back(&*running);
      candidates_.push_back({running->id, running->last_turn, feed.num_waiting(), feed.decodes});
    } else {
      ++counts.paused;
    }
    ++running;
  }
  return counts;
}

void StepLoop::PlanParts() noexcept {
  // A stream that gets no slot waits. Slots become free as other streams leave their states, and the pool then says so.
  while (free_slots_.size() < std::min<size_t>(ready_.size(), max_parts_)) {
    StateRef slot = pool_->Acquire();
    if (slot.empty()) break;
    free_slots_.push_back(std::move(slot));
  }
  for (const Share& share : scheduler_.Plan(candidates_, static_cast<uint32_t>(free_slots_.size()))) {
    RunningJob& running = *ready_[share.candidate];
    running.last_turn = ++num_turns_;
    parts_.push_back({&running, share.num_tokens, running.job->feed().at.state, std::move(free_slots_.back()), {}});
    free_slots_.pop_back();
  }
  free_slots_.clear();
}

void StepLoop::DescribeStep(absl::Span<Part> parts) {
  tokens_.clear();
  entries_.clear();
  for (const Part& part : parts) {
    skein_step_entry entry = {};
    entry.read_slot = part.read.empty() ? SKEIN_SLOT_INITIAL : part.read.slot();
    entry.write_slot = part.written.slot();
    entry.first_token = static_cast<uint32_t>(tokens_.size());
    entry.num_tokens = part.num_tokens;
    part.job().WantOutputs(part.num_tokens, entry);
    const absl::Span<const uint32_t> next = part.job().feed().Next(part.num_tokens);
    tokens_.insert(tokens_.end(), next.begin(), next.end());
    entries_.push_back(entry);
  }
}

absl::Status StepLoop::RunParts(absl::Span<Part> parts) noexcept {
  ++observers_.metrics.steps;
  absl::Status whole = Guarded([&] {
    DescribeStep(parts);
    return DeviceFailure(runner_.Step(tokens_, absl::MakeSpan(entries_)));
  });
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].status = whole.ok() ? Guarded([&] { return EntryStatus(entries_[i].status); }) : whole;
  }
  return whole;
}

void StepLoop::RunPartsAlone(const absl::Status& whole) noexcept {
  ++observers_.metrics.step_errors;
  Guarded([&] {
    observers_.log.Add(SKEIN_LOG_ERROR,
                       absl::StrCat("a step of ", parts_.size(),
                                    " streams failed, trying them one by one: ", absl::string_view(whole.message())));
    return absl::OkStatus();
  }).IgnoreError();  // a line that cannot be kept is lost
  for (Part& part : parts_) {
    part.status = lost_;
    if (!lost_.ok()) continue;
    const absl::Status alone = RunParts(absl::MakeSpan(&part, 1));  // the part has the status
    if (absl::IsUnavailable(alone)) Lose(alone);
  }
}

void StepLoop::ObserveStep(ModelObserver::Clock::time_point begin) noexcept {
  const auto end = ModelObserver::Clock::now();
  observers_.metrics.step_microseconds +=
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(end - begin).count());
  observers_.model.OnStep({begin, end}, CountTokens());
}

StepSize StepLoop::CountTokens() noexcept {
  Metrics& metrics = observers_.metrics;
  StepSize size;
  for (const Part& part : parts_) {
    const bool decodes = part.job().feed().decodes;
    size.num_entries += 1;
    size.num_tokens += part.num_tokens;
    size.num_decodes += decodes ? 1 : 0;
    if (part.status.ok()) (decodes ? metrics.decode_tokens : metrics.prefill_tokens) += part.num_tokens;
  }
  return size;
}

void StepLoop::ConcludeAll() noexcept {
  const auto begin = ModelObserver::Clock::now();
  // Sampling over a large vocabulary is worth a thread for each stream.
  Guarded([&] {
    parallel_for_(parts_.size(), [this](uint64_t i) { Conclude(parts_[i]); });
    return absl::OkStatus();
  }).IgnoreError();
  // If there was no memory to ask other threads, this thread does the rest.
  for (Part& part : parts_) {
    if (!part.is_concluded) Conclude(part);
  }
  observers_.model.OnConcluded({begin, ModelObserver::Clock::now()});
}

void StepLoop::Conclude(Part& part) noexcept {
  part.is_concluded = true;
  part.read = StateRef();
  if (part.status.ok()) {
    part.status = Guarded([&] {
      part.job().Advance(part.num_tokens, std::move(part.written));
      return absl::OkStatus();
    });
  }
  if (!part.status.ok()) part.job().Fail(part.status);
}

}  // namespace skein
