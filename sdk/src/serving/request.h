// A request as its host sees it: what is to be generated, and the ways to steer it while it runs. What runs is in
// generation.h.
#ifndef SKEIN_SERVING_REQUEST_H_
#define SKEIN_SERVING_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "engine/stream.h"
#include "runtime/options.h"
#include "sampling/sampler.h"
#include "serving/completion_queue.h"
#include "skein/request.h"

namespace skein {

// What is asked for.
struct RequestSpec {
  std::vector<uint32_t> prompt;
  Options options{SKEIN_OPTIONS_REQUEST};
  std::vector<std::string> stop_texts;
  std::vector<uint32_t> stop_tokens;
  std::vector<LogitBias> biases;
  uint64_t user_data = 0;
};

// Threads: any. The setters are refused with FAILED_PRECONDITION once it was submitted.
class Request : public std::enable_shared_from_this<Request> {
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

  // Submits all or none; see skein_queue_submit.
  static absl::Status Submit(absl::Span<const std::shared_ptr<Request>> requests,
                             const std::shared_ptr<CompletionQueue>& queue);

  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

  // --- flow control: tokens pushed to the queue and not acknowledged ---

  // INVALID_ARGUMENT: more than were delivered.
  absl::Status Acknowledge(uint64_t num_tokens);
  void OnPushed() { num_pushed_.fetch_add(1, std::memory_order_acq_rel); }
  void OnDelivered();
  // True if the reader is so far behind that the request waits for it.
  bool AtWindow() const;

 private:
  absl::Status CheckNotSubmitted() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckToken(uint32_t token) const;
  // Takes the spec and the right to write to the stream. FAILED_PRECONDITION: submitted before, or the stream is busy.
  absl::Status BeginSubmit(RequestSpec* spec, StreamState* at);
  void AbandonSubmit();
  void NotifyEngine();

  const std::shared_ptr<Stream> stream_;
  skein_request handle_ = nullptr;
  mutable Mutex mutex_;
  RequestSpec spec_ ABSL_GUARDED_BY(mutex_);
  bool submitted_ ABSL_GUARDED_BY(mutex_) = false;

  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> window_{0};
  std::atomic<uint64_t> num_pushed_{0};
  std::atomic<uint64_t> num_delivered_{0};
  std::atomic<uint64_t> num_acknowledged_{0};
};

}  // namespace skein

#endif  // SKEIN_SERVING_REQUEST_H_
