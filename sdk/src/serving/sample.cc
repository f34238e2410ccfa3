#include "serving/sample.h"

#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "sampling/log_probability.h"
#include "serving/output_rows.h"
#include "serving/request_sampler.h"

namespace skein {
namespace {

// OK if the model has room for so many samples at all.
absl::Status CheckSamples(const Model& model, uint32_t num_samples) {
  if (num_samples <= model.max_streams()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("request: ", num_samples, " samples count as ", num_samples,
                                                   " streams; the model's option max_streams is ",
                                                   model.max_streams()));
}

// The right to write to a new stream that stands where `stream` stands.
absl::StatusOr<WriteRight> ForkFor(const Stream& stream, uint32_t num_samples) {
  const absl::StatusOr<std::shared_ptr<Stream>> fork = stream.Fork();
  if (fork.ok()) return (*fork)->BeginWrite();
  return Annotate(fork.status(), absl::StrCat("request: ", num_samples, " samples count as ", num_samples, " streams"));
}

}  // namespace

absl::Status Sample::Create(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue,
                            const RequestSpec& spec, WriteRight right, Ticket ticket, CachedPrompt prompt,
                            JobList& jobs) {
  const std::shared_ptr<TenantQueues> tenant = ticket.tenant();
  const Urgency urgency = ticket.job().urgency;
  const std::shared_ptr<Stream> stream = right.stream();
  StreamState at = stream->Committed();
  SKEIN_ASSIGN_OR_RETURN(const SampleCounts counts, SampleCounts::Of(spec.options));
  SKEIN_RETURN_IF_ERROR(CheckSamples(*stream->model(), counts.num_written));
  SKEIN_ASSIGN_OR_RETURN(const Sampler sampler, MakeSampler(spec, stream->model()->metadata().sampling, at));
  SKEIN_ASSIGN_OR_RETURN(const StopMatcher stops, StopMatcher::Create(spec.stop_texts));
  at.history.Keep(at.state, CheckpointKind::kTurn, spec.prompt.size());
  at.sampler = std::make_shared<const SamplerState>(sampler.ExportState());
  Feed feed = Feed::Start(std::move(at), spec.prompt);
  if (feed.tokens.empty()) {
    return absl::FailedPreconditionError(
        "request: the prompt is empty and the stream has no sampled token to continue from; expected at least one "
        "token");
  }
  feed.AddStopsOfHistory();
  Request& of = *request;
  const auto completion =
      std::make_shared<Completion>(std::move(request), std::move(queue), spec, counts, std::move(ticket));
  const uint64_t num_before = feed.tokens.size() - spec.prompt.size();
  auto first = std::make_shared<Sample>(completion, 0, sampler, stops, std::move(right), std::move(feed));
  first->prompt_ = std::move(prompt);
  first->prompt_.SetJob(first);
  if (completion->prompt_logprobs().has_value() && !spec.prompt.empty()) first->RecordPromptBehind(num_before);
  std::vector<std::weak_ptr<Job>> handles = {first};
  for (uint32_t i = 1; i < counts.num_written; ++i) {
    SKEIN_ASSIGN_OR_RETURN(WriteRight fork, ForkFor(*stream, counts.num_written));
    Feed later;
    later.tokens.reserve(1);
    const Sampler own = SamplerOfSample(sampler, i);
    later.at.sampler = std::make_shared<const SamplerState>(own.ExportState());
    first->others_.emplace_back(std::make_shared<Sample>(completion, i, own, stops, std::move(fork), std::move(later)),
                                tenant, urgency);
    handles.push_back(first->others_.back().job);
  }
  of.SetJobs(std::move(handles));
  jobs.emplace_back(std::move(first), tenant, urgency);
  return absl::OkStatus();
}

Sample::Sample(std::shared_ptr<Completion> completion, uint32_t index, Sampler sampler, StopMatcher stops,
               WriteRight right, Feed feed)
    : completion_(std::move(completion)),
      index_(index),
      right_(std::move(right)),
      feed_(std::move(feed)),
      draw_(model(), std::move(sampler), completion_->logprobs()),
      tail_(std::move(stops)),
      last_event_(1) {
  if (draw_.sampler().has_penalties()) feed_.penalty_decay = draw_.sampler().params().penalty_decay;
}

Job::Readiness Sample::Poll() noexcept {
  if (!is_ended() && completion_->IsCancelled()) End(SKEIN_EVENT_CANCELLED, SKEIN_REASON_NONE, absl::OkStatus());
  if (!is_ended() && completion_->IsLate(num_tokens_)) Fail(completion_->LateStatus(num_tokens_));
  if (is_ended()) return Readiness::kEnded;
  if (index_ == 0 && !prompt_.has_started() && !StartPrompt()) return Readiness::kWaiting;
  if (!completion_->IsWindowFull()) return Readiness::kReady;
  gaps_.OnPause();
  return Readiness::kWaiting;
}

bool Sample::WantsMore() const noexcept {
  if (is_ended() || completion_->IsCancelled() || completion_->IsLate(num_tokens_)) return false;
  const uint64_t num_coming = feed_.num_in_draw();
  return num_coming == 0 ||
         (num_tokens_ + num_coming < completion_->max_tokens() && !completion_->IsWindowFull(num_coming));
}

bool Sample::GoesOnWithDrawn() const noexcept {
  return draw_.CanAskAhead() && feed_.num_in_draw() < DeviceSampling::kMostInFlight;
}

bool Sample::StartPrompt() noexcept {
  const PrefixReading::Found found = prompt_.Start(feed_, StepClockUs(model().engine()->Now()));
  if (found.waits) return false;
  completion_->OnPromptStarts(found.outcome, found.num_cached, prompt_.num_expected());
  if (found.num_cached > 0) right_.Commit(feed_.at);
  return true;
}

void Sample::RecordPromptBehind(uint64_t num_before) {
  records_prompt_ = true;
  num_before_ = num_before;
  feed_.max_issued = MaxOutputRows(model().config().vocab_size);
}

uint32_t Sample::NumPromptRows(uint32_t num_tokens, bool is_last) const {
  if (records_prompt_) return num_tokens;
  return is_last && !others_.empty() ? 1 : 0;
}

void Sample::WantOutputs(uint32_t num_tokens, skein_step_entry& entry) {
  if (!feed_.decodes) completion_->OnPromptStep();
  const bool is_last = num_tokens >= feed_.num_unissued();
  if (const uint32_t num_rows = NumPromptRows(num_tokens, is_last); num_rows > 0) {
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_start = num_tokens - num_rows;
    entry.output_rows = prompt_rows_.Add(feed_, uint64_t{num_rows} * model().config().vocab_size);
  } else if (is_last) {
    entry.output_start = num_tokens - 1;
    draw_.Ask(feed_.next_position() + num_tokens, entry);
  }
}

void Sample::Advance(uint32_t num_tokens, StateRef written) {
  if (is_ended()) return;  // by rows in front of these
  const bool is_last = num_tokens == feed_.num_unfed();
  const bool has_rows = NumPromptRows(num_tokens, is_last) > 0;
  const bool reads_prompt = !feed_.decodes;
  if (reads_prompt) completion_->OnPromptTokens(num_tokens);
  const absl::Status recorded = records_prompt_ ? RecordPrompt(prompt_rows_.front()) : absl::OkStatus();
  if (!recorded.ok()) return Fail(recorded);
  feed_.Advance(num_tokens, std::move(written));
  right_.Commit(feed_.at);
  if (reads_prompt) prompt_.OnFed(feed_.at);
  if (!is_last) {
    if (has_rows) prompt_rows_.Pop();
    return;
  }
  if (reads_prompt) completion_->BeginSamples();
  if (!has_rows) return GoOn(draw_.Draw(feed_.at.position));
  const uint32_t vocab_size = model().config().vocab_size;
  const absl::Span<const float> rows = prompt_rows_.front();
  EndPrompt(rows.subspan(rows.size() - vocab_size));
}

absl::Status Sample::RecordPrompt(absl::Span<const float> rows) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const uint32_t vocab_size = model().config().vocab_size;
  std::vector<TokenLogprob> top(*completion_->prompt_logprobs(), TokenLogprob{SKEIN_NO_TOKEN, kNaN});
  // Nothing predicts a first token without a token in front of it.
  if (feed_.num_fed == 0 && num_before_ == 0) completion_->Record(SKEIN_SAMPLE_PROMPT, {feed_.tokens[0], kNaN}, top);
  for (uint64_t i = 0; i * vocab_size < rows.size() && feed_.num_fed + i + 1 < feed_.tokens.size(); ++i) {
    const absl::Span<const float> row = rows.subspan(i * vocab_size, vocab_size);
    const uint32_t token = feed_.tokens[feed_.num_fed + i + 1];
    SKEIN_ASSIGN_OR_RETURN(const double log_sum_exp, LogSumExp(row));
    FindTopLogprobs(row, log_sum_exp, absl::MakeSpan(top));
    completion_->Record(SKEIN_SAMPLE_PROMPT, {token, static_cast<float>(row[token] - log_sum_exp)}, top);
  }
  return absl::OkStatus();
}

void Sample::EndPrompt(absl::Span<const float> logits) {
  records_prompt_ = false;
  feed_.max_issued = Feed::kNoLimit;
  if (!others_.empty()) BeginOthers(logits);
  const absl::StatusOr<DrawnToken> drawn = draw_.DrawFrom(logits, feed_.at.position);
  prompt_rows_.Clear();
  GoOn(drawn);
}

void Sample::BeginOthers(absl::Span<const float> logits) {
  for (const RunningJob& other : others_) {
    auto& sample = static_cast<Sample&>(*other.job);  // Create has put nothing else there
    const absl::Status status = Guarded([&] {
      sample.Begin(feed_.at, logits);
      return absl::OkStatus();
    });
    if (!status.ok()) sample.Fail(status);
  }
  // They take part from the next step on. The engine drops those that have ended.
  model().engine()->Add(others_);
}

void Sample::Begin(const StreamState& at, absl::Span<const float> logits) {
  std::shared_ptr<const SamplerState> own_sampler = std::move(feed_.at.sampler);
  feed_.at = at;
  feed_.at.sampler = std::move(own_sampler);
  right_.Commit(feed_.at);
  GoOn(draw_.DrawFrom(logits, feed_.at.position));
}

void Sample::GoOn(const absl::StatusOr<DrawnToken>& drawn) {
  // The step may have begun in time and ended too late.
  const bool is_late = completion_->IsLate(num_tokens_);
  const absl::Status late = is_late ? completion_->LateStatus(num_tokens_) : absl::OkStatus();
  if (!drawn.ok()) return Fail(drawn.status());
  const bool is_stop_token = completion_->IsStopToken(drawn->token);
  if (!is_stop_token) Accept(*drawn);
  if (is_late) {
    Fail(late);
  } else if (is_stop_token) {
    EndDone(SKEIN_REASON_STOP_TOKEN);
  } else if (tail_.is_stopped()) {
    EndDone(SKEIN_REASON_STOP_TEXT);
  } else if (num_tokens_ == completion_->max_tokens()) {
    EndDone(SKEIN_REASON_LENGTH);
  }
}

void Sample::Accept(const DrawnToken& drawn) {
  // The work that may run out of memory comes first. If it does, the stream stands in front of this token, which nobody
  // has seen.
  Sampler& sampler = draw_.sampler();
  sampler.Accept(drawn.token);
  EventList events(1);
  events.front().text = TextOf(drawn.token);
  if (sampler.has_penalties()) feed_.at.sampler = std::make_shared<const SamplerState>(sampler.ExportState());
  completion_->Record(index_, {drawn.token, drawn.logprob}, draw_.top());
  prompt_.Append(drawn.token);
  StreamState committed = feed_.at;
  committed.pending = drawn.token;

  ++num_tokens_;
  completion_->OnToken();
  logprob_sum_ += drawn.logprob;
  feed_.GoOnWith(drawn.token);
  right_.Commit(std::move(committed));
  events.front().event = completion_->NewEvent(SKEIN_EVENT_TOKEN, Progress());
  events.front().event.token = drawn.token;
  events.front().event.logprob = drawn.logprob;
  if (num_tokens_ == 1 && index_ == 0) completion_->OnFirstToken();
  gaps_.OnToken(completion_->observer(), completion_->tenant());
  if (completion_->counts().is_ranked()) {
    held_back_.splice(held_back_.end(), events);
  } else {
    completion_->Push(events);
  }
}

std::string Sample::TextOf(uint32_t token) {
  const std::shared_ptr<const Tokenizer>& tokenizer = model().tokenizer();
  // A model may have more rows of logits than its vocabulary has tokens.
  if (tokenizer == nullptr || token >= tokenizer->vocab_size()) return "";
  const absl::StatusOr<std::string> bytes = tokenizer->Decode({&token, 1});
  return bytes.ok() ? tail_.Push(*bytes) : "";
}

SampleProgress Sample::Progress() const {
  return {.sample = index_, .num_tokens = num_tokens_, .position = feed_.at.position, .logprob_sum = logprob_sum_};
}

void Sample::EndDone(uint32_t reason) {
  last_event_.front().text = tail_.Flush();
  End(SKEIN_EVENT_DONE, reason, absl::OkStatus());
}

void Sample::Fail(const absl::Status& status) noexcept {
  if (is_ended()) return;
  if (absl::IsCancelled(status)) {
    End(SKEIN_EVENT_CANCELLED, SKEIN_REASON_NONE, absl::OkStatus());
    return;
  }
  last_event_.front().text = EventMessage(status);
  End(SKEIN_EVENT_ERROR, SKEIN_REASON_NONE, status);
}

void Sample::End(uint32_t kind, uint32_t reason, const absl::Status& status) noexcept {
  feed_.TakeBack();  // what is in flight behind the last token
  if (kind == SKEIN_EVENT_DONE) prompt_.Keep(feed_.at);
  prompt_.End();
  SampleEnd end;
  end.kind = kind;
  end.reason = reason;
  end.status = status;
  end.progress = Progress();
  end.right = std::move(right_);
  last_event_.front().event = completion_->NewEvent(SKEIN_EVENT_SAMPLE_DONE, end.progress);
  last_event_.front().event.reason = reason;
  last_event_.front().event.status = status.raw_code();
  end.events.splice(end.events.end(), held_back_);
  if (kind != SKEIN_EVENT_CANCELLED) {
    end.events.splice(end.events.end(), last_event_);
  } else {
    last_event_.clear();
  }
  others_.clear();  // the prompt was not read
  completion_->EndSample(std::move(end));
}

}  // namespace skein
