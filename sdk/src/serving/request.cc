#include "serving/request.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

absl::Status WasSubmitted() {
  return absl::FailedPreconditionError("request: it was submitted; expected one that was not");
}

}  // namespace

absl::Status Request::Change(absl::FunctionRef<void(RequestSpec&)> change) {
  const MutexLock lock(mutex_);
  if (is_submitted_) return WasSubmitted();
  change(spec_);
  return absl::OkStatus();
}

absl::Status Request::CheckToken(uint32_t token) const {
  const uint32_t vocab_size = stream_->model()->config().vocab_size;
  if (token < vocab_size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("token ", token, "; expected an id below the vocabulary's size ", vocab_size));
}

absl::Status Request::SetPrompt(absl::string_view text) {
  SKEIN_RETURN_IF_ERROR(stream_->model()->CheckTokenizer("request: a text"));
  SKEIN_ASSIGN_OR_RETURN(const std::vector<uint32_t> tokens, stream_->model()->tokenizer()->Encode(text));
  return SetPromptTokens(tokens);
}

absl::Status Request::SetPromptTokens(absl::Span<const uint32_t> tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    SKEIN_RETURN_IF_ERROR(Annotate(CheckToken(tokens[i]), absl::StrCat("prompt: position ", i)));
  }
  return Change([tokens](RequestSpec& spec) { spec.prompt.assign(tokens.begin(), tokens.end()); });
}

absl::Status Request::SetOptions(const Options& options) {
  return Change([&options](RequestSpec& spec) { spec.options.Assign(options); });
}

absl::Status Request::AddStop(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("stop string: empty; expected at least one byte");
  SKEIN_RETURN_IF_ERROR(stream_->model()->CheckTokenizer("stop string: a text"));
  return Change([text](RequestSpec& spec) { spec.stop_texts.emplace_back(text); });
}

absl::Status Request::AddStopToken(uint32_t token) {
  SKEIN_RETURN_IF_ERROR(Annotate(CheckToken(token), "stop token"));
  return Change([token](RequestSpec& spec) { spec.stop_tokens.push_back(token); });
}

absl::Status Request::SetLogitBias(uint32_t token, float bias) {
  SKEIN_RETURN_IF_ERROR(Annotate(CheckToken(token), "logit bias"));
  if (std::isnan(bias) || (std::isinf(bias) && bias > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("logit bias: ", bias, " for token ", token, "; expected a finite number or minus infinity"));
  }
  return Change([token, bias](RequestSpec& spec) {
    const auto known = std::find_if(spec.biases.begin(), spec.biases.end(),
                                    [token](const LogitBias& set) { return set.token == token; });
    if (known != spec.biases.end()) {
      known->bias = bias;
    } else {
      spec.biases.push_back({token, bias});
    }
  });
}

absl::Status Request::SetUserData(uint64_t user_data) {
  return Change([user_data](RequestSpec& spec) { spec.user_data = user_data; });
}

absl::StatusOr<RequestSpec> Request::BeginSubmit() {
  const MutexLock lock(mutex_);
  if (is_submitted_) return WasSubmitted();
  RequestSpec spec = spec_;
  window_.SetSize(static_cast<uint64_t>(spec.options[request_options::kWindow]));
  is_submitted_ = true;
  return spec;
}

void Request::AbandonSubmit() noexcept {
  const MutexLock lock(mutex_);
  is_submitted_ = false;
}

void Request::Cancel() {
  is_cancelled_.store(true, std::memory_order_release);
  NotifyEngine();
}

void Request::OnDelivered() noexcept {
  if (window_.OnDelivered()) NotifyEngine();
}

absl::Status Request::Acknowledge(uint64_t num_tokens) {
  SKEIN_RETURN_IF_ERROR(window_.Acknowledge(num_tokens));
  NotifyEngine();
  return absl::OkStatus();
}

void Request::KeepSamples(std::vector<std::shared_ptr<Stream>> streams) noexcept {
  const MutexLock lock(mutex_);
  sample_streams_.swap(streams);
}

absl::StatusOr<std::shared_ptr<Stream>> Request::SampleStream(uint32_t sample) const {
  const MutexLock lock(mutex_);
  if (sample_streams_.empty()) {
    return absl::FailedPreconditionError(
        "request: no samples are kept; expected a request with several samples that has ended");
  }
  if (sample >= sample_streams_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("request: sample ", sample, "; expected one below ", sample_streams_.size()));
  }
  if (sample_streams_[sample] != nullptr) return sample_streams_[sample];
  return absl::FailedPreconditionError(
      absl::StrCat("request: sample ", sample,
                   " is not kept; expected one that was not taken before, and that the request's own "
                   "stream does not go on from"));
}

void Request::HandOverSample(uint32_t sample) noexcept {
  std::shared_ptr<Stream> handed_over;  // released outside the lock
  const MutexLock lock(mutex_);
  sample_streams_[sample].swap(handed_over);
}

void Request::NotifyEngine() noexcept { stream_->model()->engine()->Notify(); }

}  // namespace skein
