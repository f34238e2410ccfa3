#include "serving/completion.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/model.h"

namespace skein {
namespace {

// What the request's options say, else the model's manifest, else the documented defaults.
SamplingParams ResolveSampling(const RequestSpec& spec, const SamplingDefaults& defaults, uint64_t sample_index) {
  SamplingParams params;
  const Options& options = spec.options;
  params.temperature = options.Real("temperature").value_or(defaults.temperature.value_or(params.temperature));
  params.top_k = static_cast<uint64_t>(options.Int("top_k").value_or(
      static_cast<int64_t>(defaults.top_k.value_or(static_cast<uint32_t>(params.top_k)))));
  params.top_p = options.Real("top_p").value_or(defaults.top_p.value_or(params.top_p));
  params.min_p = options.Real("min_p").value_or(defaults.min_p.value_or(params.min_p));
  params.presence_penalty =
      options.Real("presence_penalty").value_or(defaults.presence_penalty.value_or(params.presence_penalty));
  params.frequency_penalty =
      options.Real("frequency_penalty").value_or(defaults.frequency_penalty.value_or(params.frequency_penalty));
  params.penalty_decay = options.Real("penalty_decay").value_or(defaults.penalty_decay.value_or(params.penalty_decay));
  params.seed = static_cast<uint64_t>(options.Int("seed").value_or(0));
  params.sample_index = static_cast<uint64_t>(options.Int("sample_index").value_or(static_cast<int64_t>(sample_index)));
  params.biases = spec.biases;
  return params;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Generation>> Generation::Create(std::shared_ptr<Request> request,
                                                               std::shared_ptr<CompletionQueue> queue,
                                                               const RequestSpec& spec, StreamState at) {
  const Model& model = *request->stream()->model();
  if (spec.prompt.empty() && at.pending.empty()) {
    return absl::FailedPreconditionError(
        "request: the prompt is empty and the stream has no sampled token to continue from; expected at least one "
        "token");
  }
  SamplingParams params = ResolveSampling(spec, model.metadata().sampling, at.sample_index);
  SKEIN_RETURN_IF_ERROR(ValidateSamplingParams(params, model.config().vocab_size));
  SKEIN_ASSIGN_OR_RETURN(StopMatcher stops, StopMatcher::Create(spec.stop_texts));
  at.sample_index = params.sample_index;
  return std::shared_ptr<Generation>(
      new Generation(std::move(request), std::move(queue), spec, std::move(params), std::move(stops), std::move(at)));
}

Generation::Generation(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue,
                       const RequestSpec& spec, SamplingParams params, StopMatcher stops, StreamState at)
    : Job(request->stream(), std::move(at)),
      request_(std::move(request)),
      queue_(std::move(queue)),
      user_data_(spec.user_data),
      max_tokens_(static_cast<uint64_t>(spec.options.Int("max_tokens").value_or(256))),
      stop_tokens_(spec.stop_tokens),
      sampler_(std::move(params)),
      stops_(std::move(stops)),
      logits_(stream_->model()->config().vocab_size) {
  const Model& model = *stream_->model();
  if (spec.options.Int("stop_at_end").value_or(1) != 0 && model.end_token().has_value()) {
    stop_tokens_.push_back(*model.end_token());
  }
  const std::vector<uint32_t>& more = model.metadata().stop_tokens;
  stop_tokens_.insert(stop_tokens_.end(), more.begin(), more.end());
  tokens_ = std::move(at_.pending);
  at_.pending.clear();
  tokens_.insert(tokens_.end(), spec.prompt.begin(), spec.prompt.end());
}

Job::Readiness Generation::Poll() {
  if (ended_) return Readiness::kEnded;
  if (request_->cancelled()) {
    ++stream_->model()->metrics().requests_cancelled;
    End(NewEvent(SKEIN_EVENT_CANCELLED), "");
    return Readiness::kEnded;
  }
  return request_->AtWindow() ? Readiness::kWaiting : Readiness::kReady;
}

void Generation::Fail(const absl::Status& status) {
  if (ended_) return;
  Metrics& metrics = stream_->model()->metrics();
  if (absl::IsCancelled(status)) {
    ++metrics.requests_cancelled;
    End(NewEvent(SKEIN_EVENT_CANCELLED), "");
    return;
  }
  ++metrics.requests_failed;
  QueuedEvent event = NewEvent(SKEIN_EVENT_ERROR);
  event.event.status = status.raw_code();
  End(std::move(event), std::string(status.message()));
}

void Generation::RequestOutput(uint32_t num_tokens, skein_step_entry& entry) {
  if (num_tokens < num_waiting()) return;
  entry.output = SKEIN_STEP_LOGITS;
  entry.output_start = num_tokens - 1;
  entry.output_rows = logits_.data();
}

void Generation::Advance(uint32_t num_tokens, StateRef written) {
  if (!decodes_) num_prompt_tokens_ += num_tokens;
  Job::Advance(num_tokens, std::move(written));
}

void Generation::AfterStep() {
  if (num_waiting() > 0) {
    stream_->Commit(at_);
    return;
  }
  const absl::StatusOr<uint32_t> sampled = sampler_.Sample(logits_, at_.position, scratch_);
  if (!sampled.ok()) {
    stream_->Commit(at_);
    Fail(sampled.status());
    return;
  }
  const uint32_t token = *sampled;
  if (IsStopToken(token)) {
    stream_->Commit(at_);
    ++stream_->model()->metrics().requests_done;
    QueuedEvent done = NewEvent(SKEIN_EVENT_DONE);
    done.event.reason = SKEIN_REASON_STOP_TOKEN;
    std::string rest = utf8_.Push(stops_.Flush());
    rest += utf8_.Flush();
    End(std::move(done), std::move(rest));
    return;
  }
  sampler_.Accept(token);
  ++num_generated_;
  tokens_.assign(1, token);
  num_fed_ = 0;
  decodes_ = true;
  StreamState committed = at_;
  committed.pending.assign(1, token);
  stream_->Commit(std::move(committed));

  std::vector<QueuedEvent> events(1, NewEvent(SKEIN_EVENT_TOKEN));
  events[0].event.token = token;
  events[0].text = TextOf(token);
  request_->OnPushed();
  if (stops_.matched() || num_generated_ == max_tokens_) {
    ++stream_->model()->metrics().requests_done;
    QueuedEvent done = NewEvent(SKEIN_EVENT_DONE);
    done.event.reason = stops_.matched() ? SKEIN_REASON_STOP_TEXT : SKEIN_REASON_LENGTH;
    std::string rest = utf8_.Push(stops_.Flush());
    rest += utf8_.Flush();
    End(std::move(done), std::move(rest), std::move(events));
    return;
  }
  queue_->Push(std::move(events));
}

bool Generation::IsStopToken(uint32_t token) const {
  return std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
}

std::string Generation::TextOf(uint32_t token) {
  const std::shared_ptr<const Tokenizer>& tokenizer = stream_->model()->tokenizer();
  // A model may have more rows than its vocabulary has words.
  if (tokenizer == nullptr || token >= tokenizer->vocab_size()) return "";
  const absl::StatusOr<std::string> bytes = tokenizer->Decode({&token, 1});
  return bytes.ok() ? utf8_.Push(stops_.Push(*bytes)) : "";
}

QueuedEvent Generation::NewEvent(uint32_t kind) const {
  QueuedEvent event = {{}, "", request_};
  event.event.kind = kind;
  event.event.request = request_->handle();
  event.event.user_data = user_data_;
  event.event.num_prompt_tokens = num_prompt_tokens_;
  event.event.num_tokens = num_generated_;
  event.event.position = at_.position;
  return event;
}

void Generation::End(QueuedEvent terminal, std::string text, std::vector<QueuedEvent> before) {
  ended_ = true;
  LeaveStream();
  request_.reset();
  terminal.text = std::move(text);
  before.push_back(std::move(terminal));
  queue_->Push(std::move(before));
}

}  // namespace skein
