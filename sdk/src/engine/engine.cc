#include "engine/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "runtime/worker.h"
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
    default:
      return absl::InternalError(absl::StrCat("the device failed this stream with code ", code));
  }
}

}  // namespace

Engine::Engine(std::shared_ptr<Runtime> runtime, std::shared_ptr<ModelFile> file, std::unique_ptr<Segments> segments,
               const SegmentLimits& limits)
    : runtime_(std::move(runtime)),
      file_(std::move(file)),
      segments_(std::move(segments)),
      pool_(StatePool::Create(limits.num_slots)),
      scheduler_({limits.max_tokens, limits.max_entries}),
      counted_(segments_->Work()) {}

absl::StatusOr<std::shared_ptr<Engine>> Engine::Start(std::shared_ptr<Runtime> runtime, std::shared_ptr<ModelFile> file,
                                                      std::unique_ptr<Segments> segments, const SegmentLimits& limits) {
  std::shared_ptr<Engine> engine(new Engine(std::move(runtime), std::move(file), std::move(segments), limits));
  const bool started = StartWorker([engine] { engine->Run(); },
                                   [weak = std::weak_ptr<Engine>(engine)] {
                                     if (const std::shared_ptr<Engine> alive = weak.lock()) alive->Stop();
                                   });
  if (!started) return absl::ResourceExhaustedError("model: no thread could be started for it");
  return engine;
}

void Engine::Add(std::vector<std::shared_ptr<Job>> jobs) {
  {
    const MutexLock lock(mutex_);
    if (!stopped_) {
      for (auto& job : jobs) added_.push_back(std::move(job));
      jobs.clear();
      notified_ = true;
      changed_.NotifyAll();
    }
  }
  for (const auto& job : jobs) job->Fail(absl::CancelledError("the model is being released"));
}

void Engine::Notify() {
  const MutexLock lock(mutex_);
  notified_ = true;
  changed_.NotifyAll();
}

void Engine::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

absl::Status Engine::CallBetweenSteps(std::function<absl::Status()> work) {
  const auto call = std::make_shared<Call>();
  call->work = std::move(work);
  const MutexLock lock(mutex_);
  if (stopped_) return absl::CancelledError("the model is being released");
  calls_.push_back(call);
  changed_.NotifyAll();
  while (!call->done) call_done_.Wait(mutex_);
  return call->status;
}

absl::Status Engine::ExportState(const StateRef& state, absl::Span<float> values) {
  return CallBetweenSteps([this, &state, values]() -> absl::Status {
    if (!state.empty()) return segments_->ExportState(state.slot(), values);
    // The initial state is in no slot until someone asks for its values.
    const StateRef initial = pool_->Acquire();
    if (initial.empty()) return absl::ResourceExhaustedError("state: no slot is free");
    SKEIN_RETURN_IF_ERROR(segments_->InitState(initial.slot()));
    return segments_->ExportState(initial.slot(), values);
  });
}

absl::StatusOr<StateRef> Engine::ImportState(absl::Span<const float> values) {
  StateRef state = pool_->Acquire();
  if (state.empty()) return absl::ResourceExhaustedError("state: no slot is free");
  SKEIN_RETURN_IF_ERROR(
      CallBetweenSteps([this, &state, values] { return segments_->ImportState(state.slot(), values); }));
  return state;
}

void Engine::Run() {
  std::vector<std::shared_ptr<Job>> jobs;
  std::vector<std::shared_ptr<Job>> ready;
  bool first_step = true;
  while (true) {
    std::vector<std::shared_ptr<Call>> calls;
    bool stopped;
    {
      const MutexLock lock(mutex_);
      while (ready.empty() && !notified_ && !stopped_ && calls_.empty()) changed_.Wait(mutex_);
      notified_ = false;
      stopped = stopped_;
      for (auto& job : added_) jobs.push_back(std::move(job));
      added_.clear();
      calls.swap(calls_);
    }
    for (const auto& call : calls) {
      call->status = call->work();
      const MutexLock lock(mutex_);
      call->done = true;
      call_done_.NotifyAll();
    }
    if (stopped) break;

    ready.clear();
    for (auto& job : jobs) {
      switch (job->Poll()) {
        case Job::Readiness::kReady:
          ready.push_back(job);
          break;
        case Job::Readiness::kWaiting:
          break;
        case Job::Readiness::kEnded:
          job.reset();
          break;
      }
    }
    jobs.erase(std::remove(jobs.begin(), jobs.end(), nullptr), jobs.end());
    if (ready.empty()) continue;
    RunStep(PlanStep(ready));
    if (first_step) RenewExitWait();
    first_step = false;
  }
  for (const auto& job : jobs) {
    if (job->Poll() != Job::Readiness::kEnded) job->Fail(absl::CancelledError("the model is being released"));
  }
}

std::vector<Engine::Part> Engine::PlanStep(absl::Span<const std::shared_ptr<Job>> ready) {
  std::vector<Candidate> candidates;
  for (const auto& job : ready) candidates.push_back({job->num_waiting(), job->decodes()});
  std::vector<Part> parts;
  for (const Share& share : scheduler_.Plan(candidates)) {
    StateRef written = pool_->Acquire();
    if (written.empty()) break;  // those who got a slot run; the others' turn comes when slots are free
    const std::shared_ptr<Job>& job = ready[share.candidate];
    parts.push_back({job, share.num_tokens, job->state(), std::move(written)});
  }
  if (parts.empty()) ready[0]->Fail(absl::ResourceExhaustedError("stream: no slot is free for its state"));
  return parts;
}

absl::Status Engine::StepOnArena(absl::Span<Part> parts, std::vector<absl::Status>& statuses) {
  tokens_.clear();
  entries_.clear();
  for (const Part& part : parts) {
    skein_step_entry entry = {};
    entry.read_slot = part.read.empty() ? SKEIN_SLOT_INITIAL : part.read.slot();
    entry.write_slot = part.written.slot();
    entry.first_token = static_cast<uint32_t>(tokens_.size());
    entry.num_tokens = part.num_tokens;
    part.job->RequestOutput(part.num_tokens, entry);
    tokens_.insert(tokens_.end(), part.job->next_tokens(), part.job->next_tokens() + part.num_tokens);
    entries_.push_back(entry);
  }
  absl::Status status;
  runtime_->services().Execute([&] { status = segments_->Step(tokens_, absl::MakeSpan(entries_)); });
  statuses.clear();
  for (const skein_step_entry& entry : entries_) statuses.push_back(status.ok() ? EntryStatus(entry.status) : status);
  return status;
}

void Engine::CountWork() {
  Metrics& metrics = runtime_->metrics();
  std::vector<skein_segment_work> work = segments_->Work();
  for (size_t i = 0; i < work.size(); ++i) {
    metrics.multiplications += work[i].multiplications - counted_[i].multiplications;
    if (work[i].library[0] == '\0') continue;
    metrics.library_multiplications.Add(work[i].library,
                                        work[i].library_multiplications - counted_[i].library_multiplications);
  }
  counted_ = std::move(work);
}

void Engine::RunStep(std::vector<Part> parts) {
  if (parts.empty()) return;
  Metrics& metrics = runtime_->metrics();
  const auto start = std::chrono::steady_clock::now();
  std::vector<absl::Status> statuses;
  const absl::Status whole = StepOnArena(absl::MakeSpan(parts), statuses);
  ++metrics.steps;
  if (!whole.ok()) {
    // No state was overwritten, so each stream can be tried alone; only one that fails alone ends with an error.
    ++metrics.step_errors;
    runtime_->log().Add(SKEIN_LOG_ERROR,
                        absl::StrCat("a step of ", parts.size(),
                                     " streams failed, trying them one by one: ", absl::string_view(whole.message())));
    for (size_t i = 0; i < parts.size(); ++i) {
      std::vector<absl::Status> alone;
      StepOnArena(absl::MakeSpan(&parts[i], 1), alone).IgnoreError();  // it is in `alone`
      statuses[i] = alone[0];
      ++metrics.steps;
    }
  }
  metrics.step_microseconds += static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count());
  CountWork();

  std::vector<Job*> advanced;
  for (size_t i = 0; i < parts.size(); ++i) {
    Job& job = *parts[i].job;
    if (!statuses[i].ok()) {
      job.Fail(statuses[i]);
      continue;
    }
    (job.decodes() ? metrics.decode_tokens : metrics.prefill_tokens) += parts[i].num_tokens;
    job.Advance(parts[i].num_tokens, std::move(parts[i].written));
    advanced.push_back(&job);
  }
  // Sampling over a large vocabulary is worth a thread for each stream.
  runtime_->services().ParallelFor(advanced.size(), [&advanced](uint64_t i) { advanced[i]->AfterStep(); });
}

}  // namespace skein
