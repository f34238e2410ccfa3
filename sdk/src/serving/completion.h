// A request that runs: what its samples share, and how they end together. sample.h writes the samples.
#ifndef SKEIN_SERVING_COMPLETION_H_
#define SKEIN_SERVING_COMPLETION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "engine/model.h"
#include "engine/stream.h"
#include "scheduler/admission.h"
#include "serving/completion_queue.h"
#include "serving/request.h"
#include "serving/request_times.h"
#include "serving/token_draw.h"

namespace skein {

// How many samples a request writes, and how many of them it delivers.
struct SampleCounts {
  uint32_t num_written = 1;
  uint32_t num_delivered = 1;  // fewer than written: the best ones, at the end

  bool is_ranked() const { return num_delivered < num_written; }

  // From the options n and best_of. INVALID_ARGUMENT: best_of is below n.
  static absl::StatusOr<SampleCounts> Of(const Options& options);
};

// A message that fits an event; "" if there is no memory for it.
std::string EventMessage(const absl::Status& status) noexcept;

// How far a sample has come.
struct SampleProgress {
  uint32_t sample = 0;  // its index
  uint64_t num_tokens = 0;
  uint64_t position = 0;   // tokens in the state of its stream
  double logprob_sum = 0;  // over its tokens, if their log-probabilities are computed
};

// The end of a sample, or of the prompt before there are samples.
struct SampleEnd {
  uint32_t kind = SKEIN_EVENT_CANCELLED;  // or DONE or ERROR
  uint32_t reason = SKEIN_REASON_NONE;    // with DONE
  absl::Status status;                    // with ERROR
  SampleProgress progress;
  WriteRight right;  // to the sample's stream
  EventList events;  // the events that were held back, and the sample's last one
};

// Threads: samples call it in parallel.
class Completion {
 public:
  // Reserves all the memory that the end takes. `ticket`: the request's admission.
  Completion(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue, const RequestSpec& spec,
             SampleCounts counts, Ticket ticket);

  // Until the request has ended.
  const Model& model() const { return *request_->stream()->model(); }
  ModelObserver& observer() const { return model().engine()->observer(); }
  TenantObserver& tenant() const { return tenant_; }
  const SampleCounts& counts() const { return counts_; }
  uint64_t max_tokens() const { return max_tokens_; }
  LogprobWish logprobs() const { return logprobs_; }
  LogprobWish prompt_logprobs() const { return prompt_logprobs_; }
  // Keeps the log-probabilities of a token for the host; see LogprobRecord::Add.
  void Record(uint32_t sample, TokenLogprob token, absl::Span<const TokenLogprob> top) {
    request_->logprobs().Add(sample, token, top);
  }
  bool IsStopToken(uint32_t token) const;

  // The request was cancelled, or nobody can take its events.
  bool IsCancelled() const { return request_->is_cancelled() || queue_->is_closed(); }
  // The deadline of a sample that has `num_tokens`, and whether it has passed.
  int64_t DeadlineUs(uint64_t num_tokens) const noexcept;
  bool IsLate(uint64_t num_tokens) const noexcept;
  // That it has passed.
  absl::Status LateStatus(uint64_t num_tokens) const noexcept;
  // So many tokens wait for the reader that the samples have to wait too. `num_coming`: tokens that a sample has in
  // flight.
  bool IsWindowFull(uint64_t num_coming = 0) const { return request_->window().IsFull(num_coming); }

  // The phases of the prompt; called by its reader alone, before there are samples.
  // `outcome` (SKEIN_CACHE_*) is what the prefix cache had for it: the first `num_cached` tokens, where `num_expected`
  // were expected.
  void OnPromptStarts(uint32_t outcome, uint64_t num_cached, uint64_t num_expected) noexcept;
  void OnPromptStep() { times_.OnStep(observer()); }
  void OnPromptTokens(uint32_t num_tokens) {
    num_prompt_tokens_ += num_tokens;
    ticket_.OnFed(num_tokens);
    tenant_.OnFed(num_tokens);
  }
  // The prompt is read, and all samples begin. From here on each one ends by EndSample.
  void BeginSamples();

  // A sample has a token more.
  void OnToken() {
    ticket_.OnDrawn();
    tenant_.OnDrawn();
  }

  // The first token is there.
  void OnFirstToken() const { times_.OnFirstToken(observer(), tenant_); }

  skein_event NewEvent(uint32_t kind, const SampleProgress& progress) const;
  // Delivers events of tokens.
  void Push(EventList& events) noexcept;

  // Takes the end of a sample, or of the prompt. The last one ends the request: its streams become free, and then its
  // terminal event is there.
  void EndSample(SampleEnd end) noexcept;

 private:
  // Lets the request's window know of tokens that are about to be pushed.
  void CountTokens(EventList& events) noexcept;
  void EndRequest() noexcept;
  // Orders the samples: the best first, those that failed last.
  void Rank() noexcept;
  // Leaves the request's stream at the sample that it goes on from, and hands the streams of the others to the request.
  void KeepStreams(uint32_t own) noexcept;
  skein_event TerminalEvent(uint32_t own) const noexcept;

  std::shared_ptr<Request> request_;  // empty once the request has ended

  Ticket ticket_;

  // Constant.
  const std::shared_ptr<CompletionQueue> queue_;
  TenantObserver& tenant_;  // until the request has ended
  const uint64_t user_data_;
  const SampleCounts counts_;
  const uint64_t max_tokens_;
  const LogprobWish logprobs_;
  const LogprobWish prompt_logprobs_;
  std::vector<uint32_t> stop_tokens_;

  // Of the prompt, and constant from BeginSamples on.
  RequestTimes times_;
  uint64_t num_prompt_tokens_ = 0;  // read so far
  uint64_t num_cached_tokens_ = 0;
  uint32_t cache_outcome_ = SKEIN_CACHE_UNKNOWN;
  bool has_begun_ = false;  // there are samples

  Mutex mutex_;
  uint32_t num_open_ ABSL_GUARDED_BY(mutex_) = 1;  // of samples, or of the prompt's one reader

  // By sample; each is written once under mutex_, and all are read by the last sample to end.
  std::vector<SampleEnd> ends_;
  std::vector<uint32_t> order_;  // of samples, in which they are delivered
  std::vector<std::shared_ptr<Stream>> kept_streams_;
  EventList terminal_;
};

}  // namespace skein

#endif  // SKEIN_SERVING_COMPLETION_H_
