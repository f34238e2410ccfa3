#include "serving/completion.h"

#include <algorithm>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/short_text.h"
#include "base/status.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

// The value of `key` that the request set, else the one in the model's manifest, else the key's default.
// INVALID_ARGUMENT: the manifest's value is out of the key's range. The request's value was checked when it was set.
absl::StatusOr<double> Resolve(const Options& options, const RealOption& key, std::optional<double> of_manifest) {
  if (const std::optional<double> found = options.Find(key)) return *found;
  if (!of_manifest.has_value()) return *key.value;
  SKEIN_RETURN_IF_ERROR(Annotate(key.Check(*of_manifest), "default_sampling of the model"));
  return *of_manifest;
}

// The manifest's top_p, where any number from 1 on means "off".
std::optional<double> TopPOfManifest(const SamplingDefaults& defaults) {
  if (!defaults.top_p.has_value()) return std::nullopt;
  return std::min(*defaults.top_p, request_options::kTopP.high);
}

// `last` is the memory of the sampler of the stream's last request; nullptr: there was none.
absl::StatusOr<SamplingParams> ResolveSampling(const RequestSpec& spec, const SamplingDefaults& defaults,
                                               const SamplerState* last) {
  namespace keys = request_options;
  const Options& options = spec.options;
  const int64_t top_k = defaults.top_k.has_value() ? int64_t{*defaults.top_k} : *keys::kTopK.value;
  SamplingParams params;
  SKEIN_ASSIGN_OR_RETURN(params.temperature, Resolve(options, keys::kTemperature, defaults.temperature));
  params.top_k = static_cast<uint64_t>(options.Find(keys::kTopK).value_or(top_k));
  SKEIN_ASSIGN_OR_RETURN(params.top_p, Resolve(options, keys::kTopP, TopPOfManifest(defaults)));
  SKEIN_ASSIGN_OR_RETURN(params.min_p, Resolve(options, keys::kMinP, defaults.min_p));
  SKEIN_ASSIGN_OR_RETURN(params.presence_penalty, Resolve(options, keys::kPresencePenalty, defaults.presence_penalty));
  SKEIN_ASSIGN_OR_RETURN(params.frequency_penalty,
                         Resolve(options, keys::kFrequencyPenalty, defaults.frequency_penalty));
  SKEIN_ASSIGN_OR_RETURN(params.penalty_decay, Resolve(options, keys::kPenaltyDecay, defaults.penalty_decay));
  const bool goes_on = last != nullptr && options[keys::kContinueSampling] != 0;
  const int64_t default_seed = goes_on ? static_cast<int64_t>(last->seed) : *keys::kSeed.value;
  params.seed = static_cast<uint64_t>(options.Find(keys::kSeed).value_or(default_seed));
  // The stream keeps the sample index of its last request.
  const uint64_t sample_index = last != nullptr ? last->sample_index : 0;
  params.sample_index =
      static_cast<uint64_t>(options.Find(keys::kSampleIndex).value_or(static_cast<int64_t>(sample_index)));
  params.biases = spec.biases;
  return params;
}

// The sampler of a request on a stream that stands at `at`. FAILED_PRECONDITION: the option continue_sampling is set,
// and there is a prompt.
absl::StatusOr<Sampler> MakeSampler(const RequestSpec& spec, const SamplingDefaults& defaults, const StreamState& at) {
  SKEIN_ASSIGN_OR_RETURN(SamplingParams params, ResolveSampling(spec, defaults, at.sampler.get()));
  Sampler sampler(std::move(params));
  if (spec.options[request_options::kContinueSampling] == 0) return sampler;
  if (!spec.prompt.empty()) {
    return absl::FailedPreconditionError(absl::StrCat("request: continue_sampling with a prompt of ",
                                                      spec.prompt.size(), " tokens; expected an empty prompt"));
  }
  if (at.sampler != nullptr) {
    SamplerState state = sampler.ExportState();
    state.occurrences = at.sampler->occurrences;
    sampler.ImportState(std::move(state));
  }
  return sampler;
}

// The tokens at which an answer ends, in addition to those that the request names.
std::vector<uint32_t> StopTokensOf(const Model& model, bool stop_at_end) {
  std::vector<uint32_t> tokens = model.metadata().stop_tokens;
  if (stop_at_end && model.end_token().has_value()) tokens.push_back(*model.end_token());
  return tokens;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Completion>> Completion::Create(std::shared_ptr<Request> request,
                                                               std::shared_ptr<CompletionQueue> queue,
                                                               const RequestSpec& spec, WriteRight right) {
  const Model& model = *request->stream()->model();
  StreamState at = right.stream()->Committed();
  SKEIN_ASSIGN_OR_RETURN(Sampler sampler, MakeSampler(spec, model.metadata().sampling, at));
  SKEIN_ASSIGN_OR_RETURN(StopMatcher stops, StopMatcher::Create(spec.stop_texts));
  at.sampler = std::make_shared<const SamplerState>(sampler.ExportState());
  Feed feed = Feed::Start(std::move(at), spec.prompt);
  if (feed.tokens.empty()) {
    return absl::FailedPreconditionError(
        "request: the prompt is empty and the stream has no sampled token to continue from; expected at least one "
        "token");
  }
  return std::shared_ptr<Completion>(new Completion(std::move(request), std::move(queue), spec, std::move(sampler),
                                                    std::move(stops), std::move(right), std::move(feed)));
}

Completion::Completion(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue,
                       const RequestSpec& spec, Sampler sampler, StopMatcher stops, WriteRight right, Feed feed)
    : request_(std::move(request)),
      queue_(std::move(queue)),
      right_(std::move(right)),
      feed_(std::move(feed)),
      user_data_(spec.user_data),
      max_tokens_(static_cast<uint64_t>(spec.options[request_options::kMaxTokens])),
      stop_tokens_(StopTokensOf(model(), spec.options[request_options::kStopAtEnd] != 0)),
      sampler_(std::move(sampler)),
      device_sampling_(model().head_features()),
      tail_(std::move(stops)),
      logits_(device_sampling_.is_offered() ? 0 : model().config().vocab_size),
      terminal_(1) {
  stop_tokens_.insert(stop_tokens_.end(), spec.stop_tokens.begin(), spec.stop_tokens.end());
}

Job::Readiness Completion::Poll() noexcept {
  if (terminal_.empty()) return Readiness::kEnded;
  if (request_->is_cancelled() || queue_->is_closed()) {
    EndCancelled();
    return Readiness::kEnded;
  }
  if (!request_->window().IsFull()) return Readiness::kReady;
  times_.OnPause();
  return Readiness::kWaiting;
}

void Completion::WantOutputs(uint32_t num_tokens, skein_step_entry& entry) {
  times_.OnStep(observer());
  if (num_tokens < feed_.num_waiting()) return;
  entry.output_start = num_tokens - 1;
  if (device_sampling_.Ask(sampler_, feed_.at.position + num_tokens, entry)) return;
  logits_.resize(model().config().vocab_size);
  entry.output = SKEIN_STEP_LOGITS;
  entry.output_rows = logits_.data();
}

void Completion::Advance(uint32_t num_tokens, StateRef written) {
  if (!feed_.decodes) num_prompt_tokens_ += num_tokens;
  feed_.Advance(num_tokens, std::move(written));
  right_.Commit(feed_.at);
  if (feed_.num_waiting() > 0) return;
  times_.OnPromptRead(observer());
  const absl::StatusOr<uint32_t> token = Draw();
  if (!token.ok()) {
    Fail(token.status());
  } else if (IsStopToken(*token)) {
    EndDone(SKEIN_REASON_STOP_TOKEN);
  } else {
    Accept(*token);
    if (tail_.is_stopped()) {
      EndDone(SKEIN_REASON_STOP_TEXT);
    } else if (num_generated_ == max_tokens_) {
      EndDone(SKEIN_REASON_LENGTH);
    }
  }
}

absl::StatusOr<uint32_t> Completion::Draw() {
  if (device_sampling_.was_asked()) return device_sampling_.Token(model().config().vocab_size);
  return sampler_.Sample(logits_, feed_.at.position, scratch_);
}

void Completion::Accept(uint32_t token) {
  // The work that may run out of memory comes first. If it does, the stream stands in front of this token, which nobody
  // has seen.
  sampler_.Accept(token);
  EventList events(1);
  events.front().text = TextOf(token);
  if (sampler_.has_penalties()) feed_.at.sampler = std::make_shared<const SamplerState>(sampler_.ExportState());
  StreamState committed = feed_.at;
  committed.pending = token;

  ++num_generated_;
  feed_.GoOnWith(token);
  right_.Commit(std::move(committed));
  events.front().event = NewEvent(SKEIN_EVENT_TOKEN);
  events.front().event.token = token;
  times_.OnToken(observer());
  events.front().delivery = request_;
  request_->window().OnPushed();
  queue_->Push(events);
}

bool Completion::IsStopToken(uint32_t token) const {
  return std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end();
}

std::string Completion::TextOf(uint32_t token) {
  const std::shared_ptr<const Tokenizer>& tokenizer = model().tokenizer();
  // A model may have more rows of logits than its vocabulary has tokens.
  if (tokenizer == nullptr || token >= tokenizer->vocab_size()) return "";
  const absl::StatusOr<std::string> bytes = tokenizer->Decode({&token, 1});
  return bytes.ok() ? tail_.Push(*bytes) : "";
}

skein_event Completion::NewEvent(uint32_t kind) const {
  skein_event event = {};
  event.kind = kind;
  event.request = request_->handle();
  event.user_data = user_data_;
  event.num_prompt_tokens = num_prompt_tokens_;
  event.num_tokens = num_generated_;
  event.position = feed_.at.position;
  event.logprob = std::numeric_limits<float>::quiet_NaN();
  times_.Fill(event);
  return event;
}

void Completion::Fail(const absl::Status& status) noexcept {
  if (terminal_.empty()) return;
  if (absl::IsCancelled(status)) {
    EndCancelled();
    return;
  }
  ++model().metrics().requests_failed;
  skein_event event = NewEvent(SKEIN_EVENT_ERROR);
  event.status = status.raw_code();
  try {
    terminal_.front().text = ShortText(status.message(), SKEIN_ERROR_MESSAGE_BYTES - 1);
  } catch (const std::bad_alloc&) {  // the code alone has to do
  }
  End(event);
}

void Completion::EndDone(uint32_t reason) {
  terminal_.front().text = tail_.Flush();
  ++model().metrics().requests_done;
  skein_event event = NewEvent(SKEIN_EVENT_DONE);
  event.reason = reason;
  End(event);
}

void Completion::EndCancelled() noexcept {
  ++model().metrics().requests_cancelled;
  End(NewEvent(SKEIN_EVENT_CANCELLED));
}

void Completion::End(skein_event terminal) noexcept {
  EventList events;
  events.swap(terminal_);
  events.front().event = terminal;
  times_.OnEnd(observer(), terminal);
  // The stream is free for its next writer before anyone can learn that this one ended.
  right_.Release();
  request_.reset();
  queue_->Push(events);
}

}  // namespace skein
