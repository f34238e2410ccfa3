#include "serving/request_times.h"

namespace skein {
namespace {

constexpr char kWhole[] = "request";
constexpr char kQueue[] = "queue";
constexpr char kPrefill[] = "prefill";
constexpr char kDecode[] = "decode";

uint64_t Microseconds(RequestTimes::Clock::duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

}  // namespace

void RequestTimes::OnStep(ModelObserver& observer, Clock::time_point now) noexcept {
  if (begun_.has_value()) return;
  begun_ = now;
  Trace* const trace = observer.trace();
  if (trace == nullptr) return;
  BeginTrace(observer);
  trace->EndAsync(observer.trace_process(), kQueue, trace_id_, now, {});
  trace->BeginAsync(observer.trace_process(), kPrefill, trace_id_, now);
}

void RequestTimes::OnPromptRead(ModelObserver& observer, Clock::time_point now) noexcept {
  if (prompt_read_.has_value()) return;
  prompt_read_ = now;
  Trace* const trace = observer.trace();
  if (trace == nullptr) return;
  trace->EndAsync(observer.trace_process(), kPrefill, trace_id_, now, {});
  trace->BeginAsync(observer.trace_process(), kDecode, trace_id_, now);
}

void RequestTimes::Fill(skein_event& event, Clock::time_point now) const noexcept {
  const Clock::time_point begun = begun_.value_or(now);
  const Clock::time_point prompt_read = prompt_read_.value_or(now);
  event.queue_us = Microseconds(begun - submitted_);
  event.prefill_us = Microseconds(prompt_read - begun);
  event.decode_us = Microseconds(now - prompt_read);
}

void RequestTimes::OnEnd(ModelObserver& observer, const skein_event& terminal, Clock::time_point now) noexcept {
  Trace* const trace = observer.trace();
  if (trace == nullptr) return;
  if (!begun_.has_value()) BeginTrace(observer);
  const char* const phase = prompt_read_.has_value() ? kDecode : begun_.has_value() ? kPrefill : kQueue;
  trace->EndAsync(observer.trace_process(), phase, trace_id_, now, {});
  const TraceArgument arguments[] = {{"kind", terminal.kind},
                                     {"reason", terminal.reason},
                                     {"prompt_tokens", terminal.num_prompt_tokens},
                                     {"tokens", terminal.num_tokens},
                                     {"user_data", terminal.user_data}};
  trace->EndAsync(observer.trace_process(), kWhole, trace_id_, now, arguments);
}

void RequestTimes::BeginTrace(ModelObserver& observer) noexcept {
  trace_id_ = observer.trace()->NewId();
  observer.trace()->BeginAsync(observer.trace_process(), kWhole, trace_id_, submitted_);
  observer.trace()->BeginAsync(observer.trace_process(), kQueue, trace_id_, submitted_);
}

}  // namespace skein
