#include "engine/steps_in_flight.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

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

StepsInFlight::StepsInFlight(StepRunner& runner, uint32_t max_parts, uint32_t max_tokens)
    : runner_(runner), steps_(runner.pipeline().depth) {
  for (StepInFlight& step : steps_) {
    step.parts.reserve(max_parts);
    step.tokens.reserve(max_tokens);
    step.entries.reserve(max_parts);
  }
}

void StepsInFlight::Begin() noexcept {
  StepInFlight& step = next();
  ++num_steps_;
  for (const StepPart& part : step.parts) num_jobs_ += part.running->num_in_flight++ == 0 ? 1 : 0;
  step.begin = std::chrono::steady_clock::now();
  step.whole = Start(step, absl::MakeSpan(step.parts));
  ++num_begun_;
  for (uint32_t i = 0; i < step.parts.size(); ++i) {
    step.parts[i].running->last_step = num_begun_;
    step.parts[i].running->last_entry = i;
  }
  // The tokens that the parts have issued stay so until the step is finished: steps in front of it may still fail.
  if (!step.whole.ok()) is_drained_ = true;
}

void StepsInFlight::Describe(StepInFlight& step, absl::Span<StepPart> parts) {
  step.tokens.clear();
  step.entries.clear();
  for (StepPart& part : parts) {
    Feed& feed = part.job().feed();
    skein_step_entry entry = {};
    entry.read_slot = part.read.empty() ? SKEIN_SLOT_INITIAL : part.read.slot();
    entry.write_slot = part.written.slot();
    entry.first_token = static_cast<uint32_t>(step.tokens.size());
    entry.num_tokens = part.num_tokens;
    entry.drawn_by = part.drawn_by;
    part.job().WantOutputs(part.num_tokens, entry);
    if (entry.drawn_by == 0) {
      const absl::Span<const uint32_t> tokens = feed.Next(part.num_tokens);
      step.tokens.insert(step.tokens.end(), tokens.begin(), tokens.end());
    } else {
      step.tokens.push_back(0);
    }
    step.entries.push_back(entry);
    feed.Issue(part.num_tokens, part.written.state());
  }
}

absl::Status StepsInFlight::Start(StepInFlight& step, absl::Span<StepPart> parts) noexcept {
  for (StepPart& part : parts) {
    const Feed& feed = part.job().feed();
    part.num_take_backs = feed.num_take_backs;
    part.drawn_by = feed.num_unissued() == 0 ? 1 + part.running->last_entry : 0;
  }
  absl::Status begun = Guarded([&] {
    Describe(step, parts);
    return DeviceFailure(runner_.Begin(step.tokens, absl::MakeSpan(step.entries)));
  });
  step.is_begun = begun.ok();
  return begun;
}

void StepsInFlight::Wait(StepInFlight& step, absl::Span<StepPart> parts) noexcept {
  if (step.is_begun) {
    const absl::Status ended = runner_.Finish();
    step.whole = Guarded([&] { return DeviceFailure(ended); });
    step.is_begun = false;
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].status = step.whole.ok() ? Guarded([&] { return EntryStatus(step.entries[i].status); }) : step.whole;
  }
}

StepInFlight& StepsInFlight::Finish() noexcept {
  StepInFlight& step = steps_[first_];
  if (step.is_begun || !step.whole.ok()) Wait(step, absl::MakeSpan(step.parts));
  return step;
}

void StepsInFlight::Drain() noexcept {
  is_drained_ = true;
  for (size_t i = 0; i < num_steps_; ++i) {
    StepInFlight& step = steps_[(first_ + i) % steps_.size()];
    if (step.is_begun) Wait(step, absl::MakeSpan(step.parts));
  }
}

void StepsInFlight::Pop() noexcept {
  StepInFlight& step = steps_[first_];
  for (const StepPart& part : step.parts) num_jobs_ -= --part.running->num_in_flight == 0 ? 1 : 0;
  step.parts.clear();
  first_ = (first_ + 1) % steps_.size();
  if (--num_steps_ == 0) is_drained_ = false;
}

void StepsInFlight::RunAlone(StepInFlight& step, StepPart& part) noexcept {
  const absl::Span<StepPart> alone(&part, 1);
  step.whole = Start(step, alone);
  Wait(step, alone);
}

}  // namespace skein
