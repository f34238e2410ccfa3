#include "runtime/model_observer.h"

#include <array>
#include <cstdio>
#include <utility>

namespace skein {
namespace {

constexpr uint32_t kEngineTrack = 1;
constexpr uint32_t kStepTrack = 2;
constexpr uint32_t kFirstSegmentTrack = 3;

}  // namespace

ModelObserver::ModelObserver(ObservedModel model, Trace* trace)
    : model_(std::move(model)), trace_(trace), trace_process_(trace == nullptr ? 0 : trace->AddProcess(model_.name)) {
  if (trace_ == nullptr) return;
  trace_->NameTrack(trace_process_, kEngineTrack, "engine");
  trace_->NameTrack(trace_process_, kStepTrack, "steps on the devices");
}

void ModelObserver::OnPlanned(Span span, JobCounts jobs, Clock::duration looked) noexcept {
  num_queued_.store(jobs.queued, std::memory_order_relaxed);
  num_running_.store(jobs.running, std::memory_order_relaxed);
  num_paused_.store(jobs.paused, std::memory_order_relaxed);
  plan_time_.Observe(span.end - span.begin + looked);
  if (trace_ == nullptr) return;
  const TraceArgument arguments[] = {{"queued", jobs.queued}, {"running", jobs.running}, {"paused", jobs.paused}};
  trace_->Span(trace_process_, kEngineTrack, "plan", span.begin, span.end, arguments);
}

void ModelObserver::OnStep(Span span, StepSize size) noexcept {
  step_time_.Observe(span.end - span.begin);
  step_tokens_.Observe(size.num_tokens);
  step_entries_.Observe(size.num_entries);
  if (trace_ == nullptr) return;
  const TraceArgument arguments[] = {
      {"entries", size.num_entries}, {"tokens", size.num_tokens}, {"decodes", size.num_decodes}};
  trace_->Span(trace_process_, kStepTrack, "step", span.begin, span.end, arguments);
}

void ModelObserver::OnSegment(uint32_t segment, Span span) noexcept {
  if (trace_ == nullptr) return;
  trace_->Span(trace_process_, kFirstSegmentTrack + segment, "segment", span.begin, span.end, {});
}

void ModelObserver::NameSegment(uint32_t segment) noexcept {
  if (trace_ == nullptr) return;
  std::array<char, 32> name;
  std::snprintf(name.data(), name.size(), "segment %u", static_cast<unsigned>(segment));
  trace_->NameTrack(trace_process_, kFirstSegmentTrack + segment, name.data());
}

void ModelObserver::OnConcluded(Span span) noexcept {
  conclude_time_.Observe(span.end - span.begin);
  if (trace_ == nullptr) return;
  trace_->Span(trace_process_, kEngineTrack, "draw and text", span.begin, span.end, {});
  trace_->Flush();
}

JobCounts ModelObserver::jobs() const {
  return {num_queued_.load(std::memory_order_relaxed), num_running_.load(std::memory_order_relaxed),
          num_paused_.load(std::memory_order_relaxed)};
}

}  // namespace skein
