// A request that runs: reads its prompt, then samples token after token until something stops it.
#ifndef SKEIN_SERVING_COMPLETION_H_
#define SKEIN_SERVING_COMPLETION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/feed.h"
#include "engine/job.h"
#include "engine/model.h"
#include "engine/stream.h"
#include "sampling/sampler.h"
#include "serving/completion_queue.h"
#include "serving/device_sampling.h"
#include "serving/request.h"
#include "serving/request_times.h"
#include "tokenizer/text_tail.h"

namespace skein {

class Completion final : public Job {
 public:
  // INVALID_ARGUMENT: a sampling default of the model's manifest is out of range. FAILED_PRECONDITION: no token to
  // start from. `right` is the right to write to the request's stream.
  static absl::StatusOr<std::shared_ptr<Completion>> Create(std::shared_ptr<Request> request,
                                                            std::shared_ptr<CompletionQueue> queue,
                                                            const RequestSpec& spec, WriteRight right);

  Readiness Poll() noexcept override;
  const Feed& feed() const override { return feed_; }
  void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) override;
  void Advance(uint32_t num_tokens, StateRef written) override;
  void Fail(const absl::Status& status) noexcept override;

 private:
  Completion(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue, const RequestSpec& spec,
             Sampler sampler, StopMatcher stops, WriteRight right, Feed feed);

  const Model& model() const { return *right_.stream()->model(); }
  ModelObserver& observer() const { return model().engine()->observer(); }
  // The token that the step has brought: drawn by the device, or from its logits.
  absl::StatusOr<uint32_t> Draw();
  bool IsStopToken(uint32_t token) const;
  // Makes `token` part of the output.
  void Accept(uint32_t token);
  // The text that can be shown now that `token` was sampled.
  std::string TextOf(uint32_t token);
  skein_event NewEvent(uint32_t kind) const;

  // Ends the completion, and delivers the text that was held back.
  void EndDone(uint32_t reason);
  void EndCancelled() noexcept;
  // Ends the completion with its terminal event. The event's memory was allocated at the start.
  void End(skein_event terminal) noexcept;

  std::shared_ptr<Request> request_;  // empty once the completion has ended
  const std::shared_ptr<CompletionQueue> queue_;
  WriteRight right_;
  Feed feed_;
  const uint64_t user_data_;
  const uint64_t max_tokens_;
  std::vector<uint32_t> stop_tokens_;
  Sampler sampler_;
  SamplingScratch scratch_;
  DeviceSampling device_sampling_;
  TextTail tail_;
  std::vector<float> logits_;  // empty until the device is asked for them
  RequestTimes times_;
  uint64_t num_prompt_tokens_ = 0;  // fed so far
  uint64_t num_generated_ = 0;
  EventList terminal_;  // the terminal event; empty once the completion has ended
};

}  // namespace skein

#endif  // SKEIN_SERVING_COMPLETION_H_
