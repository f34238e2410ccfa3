// A request as its host sees it: the specification of a text, and the ways to steer the request while it runs. submit.h
// hands it to the engine; completion.h runs it.
#ifndef SKEIN_SERVING_REQUEST_H_
#define SKEIN_SERVING_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "engine/stream.h"
#include "engine/writer.h"
#include "runtime/options.h"
#include "sampling/sampler.h"
#include "serving/delivery.h"
#include "serving/logprob_record.h"
#include "serving/token_window.h"
#include "skein/request.h"

namespace skein {

// The specification of a request.
struct RequestSpec {
  std::vector<uint32_t> prompt;
  Options options{SKEIN_OPTIONS_REQUEST};
  std::vector<std::string> stop_texts;
  std::vector<uint32_t> stop_tokens;
  std::vector<LogitBias> biases;
  uint64_t user_data = 0;
};

// Threads: any. Once the request was submitted, its setters return FAILED_PRECONDITION.
class Request final : public Writer, public Delivery {
 public:
  explicit Request(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  const std::shared_ptr<Stream>& stream() const { return stream_; }

  // The handle that events name. Set once, before the request is submitted.
  void set_handle(skein_request handle) { handle_ = handle; }
  skein_request handle() const { return handle_; }

  absl::Status SetPrompt(absl::string_view text);
  absl::Status SetPromptTokens(absl::Span<const uint32_t> tokens);
  absl::Status SetOptions(const Options& options);
  absl::Status AddStop(absl::string_view text);
  absl::Status AddStopToken(uint32_t token);
  absl::Status SetLogitBias(uint32_t token, float bias);
  absl::Status SetUserData(uint64_t user_data);

  // Marks the request as submitted and gives its specification. FAILED_PRECONDITION: it was submitted before.
  absl::StatusOr<RequestSpec> BeginSubmit();
  // Takes the mark back, for a submission that failed.
  void AbandonSubmit() noexcept;

  void Cancel() override;
  bool is_cancelled() const { return is_cancelled_.load(std::memory_order_acquire); }

  // The log-probabilities of the tokens so far.
  LogprobRecord& logprobs() { return logprobs_; }

  // Flow control: tokens that were pushed to the queue and not acknowledged.
  TokenWindow& window() { return window_; }
  void OnDelivered() noexcept override;
  // Keeps the streams of the samples, by their index; nullptr: the request's own stream goes on from it. Called before
  // the terminal event can be seen.
  void KeepSamples(std::vector<std::shared_ptr<Stream>> streams) noexcept;
  // The kept stream of a sample. INVALID_ARGUMENT: there is no such sample. FAILED_PRECONDITION: the request has not
  // ended, its own stream goes on from the sample, or the stream was handed over.
  absl::StatusOr<std::shared_ptr<Stream>> SampleStream(uint32_t sample) const;
  // The kept stream of a sample belongs to the host from here on.
  void HandOverSample(uint32_t sample) noexcept;

  // The codes of TokenWindow::Acknowledge.
  absl::Status Acknowledge(uint64_t num_tokens);

 private:
  // Changes the spec. FAILED_PRECONDITION: it was submitted.
  absl::Status Change(absl::FunctionRef<void(RequestSpec&)> change);
  absl::Status CheckToken(uint32_t token) const;
  void NotifyEngine() noexcept;

  const std::shared_ptr<Stream> stream_;
  skein_request handle_ = nullptr;
  mutable Mutex mutex_;
  RequestSpec spec_ ABSL_GUARDED_BY(mutex_);
  bool is_submitted_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Stream>> sample_streams_ ABSL_GUARDED_BY(mutex_);

  std::atomic<bool> is_cancelled_{false};
  LogprobRecord logprobs_;
  TokenWindow window_;
};

}  // namespace skein

#endif  // SKEIN_SERVING_REQUEST_H_
