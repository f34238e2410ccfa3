#include "serving/request.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "serving/completion.h"

namespace skein {
namespace {

// Without a window of its own, a request that nobody polls waits after so many tokens.
constexpr uint64_t kDefaultWindow = 4096;

}  // namespace

absl::Status Request::CheckNotSubmitted() const {
  if (submitted_) return absl::FailedPreconditionError("request: it was submitted; expected one that was not");
  return absl::OkStatus();
}

absl::Status Request::CheckToken(uint32_t token) const {
  const uint32_t vocab_size = stream_->model()->config().vocab_size;
  if (token < vocab_size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("token ", token, "; expected an id below the vocabulary's size ", vocab_size));
}

absl::Status Request::SetPrompt(absl::string_view text) {
  const std::shared_ptr<const Tokenizer>& tokenizer = stream_->model()->tokenizer();
  if (tokenizer == nullptr) {
    return absl::FailedPreconditionError(
        "request: a text needs a tokenizer and the model has none; set the model's option tokenizer, or give tokens");
  }
  SKEIN_ASSIGN_OR_RETURN(const std::vector<uint32_t> tokens, tokenizer->Encode(text));
  return SetPromptTokens(tokens);
}

absl::Status Request::SetPromptTokens(absl::Span<const uint32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    SKEIN_RETURN_IF_ERROR(Annotate(CheckToken(tokens[i]), absl::StrCat("prompt: position ", i)));
  }
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  spec_.prompt.assign(tokens.begin(), tokens.end());
  return absl::OkStatus();
}

absl::Status Request::SetOptions(const Options& options) {
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  spec_.options.Assign(options);
  return absl::OkStatus();
}

absl::Status Request::AddStop(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("stop string: empty; expected at least one byte");
  if (stream_->model()->tokenizer() == nullptr) {
    return absl::FailedPreconditionError("stop string: it needs a tokenizer, and the model has none");
  }
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  spec_.stop_texts.emplace_back(text);
  return absl::OkStatus();
}

absl::Status Request::AddStopToken(uint32_t token) {
  SKEIN_RETURN_IF_ERROR(Annotate(CheckToken(token), "stop token"));
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  spec_.stop_tokens.push_back(token);
  return absl::OkStatus();
}

absl::Status Request::SetLogitBias(uint32_t token, float bias) {
  SKEIN_RETURN_IF_ERROR(Annotate(CheckToken(token), "logit bias"));
  if (std::isnan(bias) || (std::isinf(bias) && bias > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("logit bias: ", bias, " for token ", token, "; expected a finite number or minus infinity"));
  }
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  for (LogitBias& known : spec_.biases) {
    if (known.token == token) {
      known.bias = bias;
      return absl::OkStatus();
    }
  }
  spec_.biases.push_back({token, bias});
  return absl::OkStatus();
}

absl::Status Request::SetUserData(uint64_t user_data) {
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  spec_.user_data = user_data;
  return absl::OkStatus();
}

absl::Status Request::BeginSubmit(RequestSpec* spec, StreamState* at) {
  const MutexLock lock(mutex_);
  SKEIN_RETURN_IF_ERROR(CheckNotSubmitted());
  SKEIN_ASSIGN_OR_RETURN(*at, stream_->BeginWrite());
  submitted_ = true;
  *spec = spec_;
  window_ = static_cast<uint64_t>(spec_.options.Int("window").value_or(0));
  return absl::OkStatus();
}

void Request::AbandonSubmit() {
  const MutexLock lock(mutex_);
  submitted_ = false;
  stream_->EndWrite();
}

absl::Status Request::Submit(absl::Span<const std::shared_ptr<Request>> requests,
                             const std::shared_ptr<CompletionQueue>& queue) {
  std::vector<std::shared_ptr<Job>> jobs;
  absl::Status status;
  size_t num_begun = 0;
  for (size_t i = 0; i < requests.size() && status.ok(); ++i) {
    Request& request = *requests[i];
    RequestSpec spec;
    StreamState at;
    status = request.BeginSubmit(&spec, &at);
    if (status.ok()) {
      ++num_begun;
      absl::StatusOr<std::shared_ptr<Generation>> job = Generation::Create(requests[i], queue, spec, std::move(at));
      status = job.status();
      if (job.ok()) jobs.push_back(*std::move(job));
    }
    if (status.ok() && !queue->Attach(requests[i])) status = absl::CancelledError("queue: it is being released");
    if (!status.ok() && requests.size() > 1) status = Annotate(status, absl::StrCat("request ", i));
  }
  if (!status.ok()) {
    for (size_t i = 0; i < num_begun; ++i) requests[i]->AbandonSubmit();
    return status;
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    const std::shared_ptr<Stream>& stream = requests[i]->stream_;
    stream->SetRequest(requests[i]);
    ++stream->model()->metrics().requests_submitted;
  }
  // Requests of one model enter its engine together, so that they share their first step.
  for (size_t i = 0; i < requests.size(); ++i) {
    if (jobs[i] == nullptr) continue;
    const std::shared_ptr<Model>& model = requests[i]->stream_->model();
    std::vector<std::shared_ptr<Job>> together;
    for (size_t j = i; j < requests.size(); ++j) {
      if (jobs[j] != nullptr && requests[j]->stream_->model() == model) together.push_back(std::move(jobs[j]));
    }
    model->engine().Add(std::move(together));
  }
  return absl::OkStatus();
}

void Request::Cancel() {
  cancelled_.store(true, std::memory_order_release);
  NotifyEngine();
}

absl::Status Request::Acknowledge(uint64_t num_tokens) {
  uint64_t acknowledged = num_acknowledged_.load();
  do {
    const uint64_t delivered = num_delivered_.load();
    if (num_tokens > delivered - acknowledged) {
      return absl::InvalidArgumentError(absl::StrCat(
          "acknowledge: ", num_tokens, " tokens; delivered and not acknowledged are ", delivered - acknowledged));
    }
  } while (!num_acknowledged_.compare_exchange_weak(acknowledged, acknowledged + num_tokens));
  NotifyEngine();
  return absl::OkStatus();
}

void Request::OnDelivered() {
  const bool waited = AtWindow();
  ++num_delivered_;
  // Without a window, to be delivered is to be acknowledged.
  if (window_.load() == 0) {
    ++num_acknowledged_;
    if (waited) NotifyEngine();
  }
}

bool Request::AtWindow() const {
  const uint64_t window = window_.load();
  return num_pushed_.load() - num_acknowledged_.load() >= (window == 0 ? kDefaultWindow : window);
}

void Request::NotifyEngine() { stream_->model()->engine().Notify(); }

}  // namespace skein
