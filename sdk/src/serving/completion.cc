#include "serving/completion.h"

#include <algorithm>
#include <limits>
#include <new>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/short_text.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/step_clock.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The tokens at which an answer ends.
std::vector<uint32_t> StopTokensOf(const Model& model, const RequestSpec& spec) {
  std::vector<uint32_t> tokens = model.metadata().stop_tokens;
  const bool stop_at_end = spec.options[request_options::kStopAtEnd] != 0;
  if (stop_at_end && model.end_token().has_value()) tokens.push_back(*model.end_token());
  tokens.insert(tokens.end(), spec.stop_tokens.begin(), spec.stop_tokens.end());
  return tokens;
}

// -1 means none. No more tokens are most probable than there are.
LogprobWish WishOf(int64_t num_top, const Model& model) {
  if (num_top < 0) return std::nullopt;
  return std::min(static_cast<uint32_t>(num_top), model.config().vocab_size);
}

// A ranking compares log-probabilities, also where the host asks for none.
int64_t WithRanking(int64_t num_top, const SampleCounts& counts) {
  return counts.is_ranked() ? std::max<int64_t>(num_top, 0) : num_top;
}

int64_t RowsOf(LogprobWish wish) { return wish.has_value() ? int64_t{*wish} : -1; }

// The mean log-probability of the tokens; below all others without a token.
double MeanLogprob(const SampleProgress& progress) {
  if (progress.num_tokens == 0) return -std::numeric_limits<double>::infinity();
  return progress.logprob_sum / static_cast<double>(progress.num_tokens);
}

}  // namespace

absl::StatusOr<SampleCounts> SampleCounts::Of(const Options& options) {
  const int64_t n = options[request_options::kN];
  const int64_t best_of = options[request_options::kBestOf];
  if (best_of != 0 && best_of < n) {
    return absl::InvalidArgumentError(
        absl::StrCat("request: best_of ", best_of, "; expected 0, or at least the option n, which is ", n));
  }
  return SampleCounts{static_cast<uint32_t>(std::max(n, best_of)), static_cast<uint32_t>(n)};
}

std::string EventMessage(const absl::Status& status) noexcept {
  try {
    return ShortText(status.message(), SKEIN_ERROR_MESSAGE_BYTES - 1);
  } catch (const std::bad_alloc&) {  // the code alone has to do
    return std::string();
  }
}

Completion::Completion(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue,
                       const RequestSpec& spec, SampleCounts counts, Ticket ticket)
    : request_(std::move(request)),
      ticket_(std::move(ticket)),
      queue_(std::move(queue)),
      tenant_(observer().tenants().Of(request_->stream()->tenant()->name())),
      user_data_(spec.user_data),
      counts_(counts),
      max_tokens_(static_cast<uint64_t>(spec.options[request_options::kMaxTokens])),
      logprobs_(WishOf(WithRanking(spec.options[request_options::kLogprobs], counts), model())),
      prompt_logprobs_(WishOf(spec.options[request_options::kPromptLogprobs], model())),
      stop_tokens_(StopTokensOf(model(), spec)),
      ends_(counts.num_written),
      order_(counts.num_written),
      kept_streams_(counts.num_written),
      terminal_(1) {
  std::iota(order_.begin(), order_.end(), 0u);
  const bool are_kept = spec.options[request_options::kLogprobs] >= 0;
  request_->logprobs().Begin(counts.num_written, are_kept ? RowsOf(logprobs_) : -1, RowsOf(prompt_logprobs_));
}

bool Completion::IsStopToken(uint32_t token) const {
  return std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
}

int64_t Completion::DeadlineUs(uint64_t num_tokens) const noexcept {
  const AdmittedJob& job = ticket_.job();
  return num_tokens == 0 ? std::min(job.urgency.first_token_deadline_us, job.deadline_us) : job.deadline_us;
}

bool Completion::IsLate(uint64_t num_tokens) const noexcept {
  const int64_t deadline_us = DeadlineUs(num_tokens);
  return deadline_us != kNoDeadline && deadline_us <= StepClockUs(model().engine()->Now());
}

absl::Status Completion::LateStatus(uint64_t num_tokens) const noexcept {
  const AdmittedJob& job = ticket_.job();
  const bool is_first = num_tokens == 0 && job.urgency.first_token_deadline_us <= job.deadline_us;
  return MakeStatus(absl::StatusCode::kDeadlineExceeded,
                    is_first ? "deadline: no token within first_token_ms of the submit"
                             : "deadline: the last token was not there within deadline_ms of the submit");
}

void Completion::OnPromptStarts(uint32_t outcome, uint64_t num_cached, uint64_t num_expected) noexcept {
  cache_outcome_ = outcome;
  num_prompt_tokens_ = num_cached_tokens_ = num_cached;
  if (num_cached > num_expected) ticket_.OnSkipped(num_cached - num_expected);
  model().engine()->prefixes()->Count(outcome, num_cached);
}

void Completion::BeginSamples() {
  times_.OnPromptRead(observer());
  has_begun_ = true;
  const MutexLock lock(mutex_);
  num_open_ = counts_.num_written;
}

skein_event Completion::NewEvent(uint32_t kind, const SampleProgress& progress) const {
  skein_event event = {};
  event.kind = kind;
  event.request = request_->handle();
  event.user_data = user_data_;
  event.num_prompt_tokens = num_prompt_tokens_;
  event.num_cached_tokens = num_cached_tokens_;
  event.cache = cache_outcome_;
  event.num_tokens = progress.num_tokens;
  event.position = progress.position;
  event.logprob = std::numeric_limits<float>::quiet_NaN();
  event.sample = progress.sample;
  event.logprob_sum = logprobs_.has_value() ? progress.logprob_sum : kNaN;
  times_.Fill(event);
  return event;
}

void Completion::CountTokens(EventList& events) noexcept {
  for (QueuedEvent& queued : events) {
    if (queued.event.kind != SKEIN_EVENT_TOKEN) continue;
    queued.delivery = request_;
    request_->window().OnPushed();
  }
}

void Completion::Push(EventList& events) noexcept {
  CountTokens(events);
  queue_->Push(events);
}

void Completion::EndSample(SampleEnd end) noexcept {
  const bool is_told_now = has_begun_ && counts_.num_written > 1 && !counts_.is_ranked();
  if (is_told_now) Push(end.events);
  bool is_last = false;
  {
    const MutexLock lock(mutex_);
    const uint32_t sample = end.progress.sample;
    ends_[sample] = std::move(end);
    is_last = --num_open_ == 0;
  }
  if (is_last) EndRequest();
}

void Completion::EndRequest() noexcept {
  if (counts_.is_ranked() && has_begun_) Rank();
  const uint32_t own = order_[0];
  const skein_event terminal = TerminalEvent(own);
  EventList events;
  if (!has_begun_ || counts_.num_written == 1) {
    if (!ends_[0].events.empty()) terminal_.front().text.swap(ends_[0].events.back().text);
  } else if (terminal.kind == SKEIN_EVENT_ERROR) {
    terminal_.front().text = EventMessage(ends_[own].status);
  }
  if (counts_.is_ranked() && has_begun_ && terminal.kind != SKEIN_EVENT_CANCELLED) {
    for (uint32_t i = 0; i < counts_.num_delivered; ++i) events.splice(events.end(), ends_[order_[i]].events);
  }
  terminal_.front().event = terminal;
  events.splice(events.end(), terminal_);
  if (has_begun_ && counts_.num_written > 1) KeepStreams(own);
  CountTokens(events);
  times_.OnEnd(observer(), terminal);
  // The streams are free for their next writers, and the queue for the next job, before anyone can learn that the
  // request ended.
  for (SampleEnd& end : ends_) end.right.Release();
  ticket_.Release();
  request_.reset();
  queue_->Push(events);
}

void Completion::Rank() noexcept {
  std::sort(order_.begin(), order_.end(), [this](uint32_t a, uint32_t b) {
    const bool a_done = ends_[a].kind == SKEIN_EVENT_DONE;
    const bool b_done = ends_[b].kind == SKEIN_EVENT_DONE;
    if (a_done != b_done) return a_done;
    const double a_mean = MeanLogprob(ends_[a].progress);
    const double b_mean = MeanLogprob(ends_[b].progress);
    return a_mean != b_mean ? a_mean > b_mean : a < b;
  });
}

void Completion::KeepStreams(uint32_t own) noexcept {
  for (uint32_t i = 0; i < counts_.num_written; ++i) kept_streams_[i] = ends_[i].right.stream();
  if (own != 0) {
    // Sample 0 has written to the request's stream so far: it changes places with the sample that was chosen.
    StreamState of_first = kept_streams_[0]->Committed();
    ends_[0].right.Commit(kept_streams_[own]->Committed());
    ends_[own].right.Commit(std::move(of_first));
    kept_streams_[0] = std::move(kept_streams_[own]);
  }
  kept_streams_[own] = nullptr;
  request_->KeepSamples(std::move(kept_streams_));
}

skein_event Completion::TerminalEvent(uint32_t own) const noexcept {
  SampleProgress total = ends_[own].progress;
  uint32_t kind = SKEIN_EVENT_ERROR;
  const SampleEnd* done = nullptr;
  for (uint32_t i = 0; i < (has_begun_ ? counts_.num_written : 1); ++i) {
    const SampleEnd& end = ends_[order_[i]];
    if (done == nullptr && end.kind == SKEIN_EVENT_DONE) done = &end;
    if (end.kind == SKEIN_EVENT_CANCELLED) kind = SKEIN_EVENT_CANCELLED;
    if (i > 0) total.num_tokens += ends_[order_[i]].progress.num_tokens;
  }
  if (kind == SKEIN_EVENT_ERROR && done != nullptr) kind = SKEIN_EVENT_DONE;
  if (counts_.num_written > 1) total.logprob_sum = kNaN;

  Metrics& metrics = model().metrics();
  skein_event event = NewEvent(kind, total);
  switch (kind) {
    case SKEIN_EVENT_DONE:
      ++metrics.requests_done;
      event.reason = done->reason;
      break;
    case SKEIN_EVENT_ERROR:
      ++metrics.requests_failed;
      event.status = ends_[own].status.raw_code();
      break;
    default:
      ++metrics.requests_cancelled;
  }
  return event;
}

}  // namespace skein
