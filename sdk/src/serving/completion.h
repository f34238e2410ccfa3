// A request that runs: reads its prompt, then samples token after token until something stops it.
#ifndef SKEIN_SERVING_COMPLETION_H_
#define SKEIN_SERVING_COMPLETION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/job.h"
#include "sampling/sampler.h"
#include "serving/completion_queue.h"
#include "serving/request.h"
#include "tokenizer/stop_matcher.h"
#include "tokenizer/utf8_stream.h"

namespace skein {

class Generation : public Job {
 public:
  // INVALID_ARGUMENT: the options do not make sampling parameters. FAILED_PRECONDITION: no token to start from. `at` is
  // where the stream stands; the caller has the right to write to it, and keeps it if this fails.
  static absl::StatusOr<std::shared_ptr<Generation>> Create(std::shared_ptr<Request> request,
                                                            std::shared_ptr<CompletionQueue> queue,
                                                            const RequestSpec& spec, StreamState at);

  Readiness Poll() override;
  void Fail(const absl::Status& status) override;
  void RequestOutput(uint32_t num_tokens, skein_step_entry& entry) override;
  void Advance(uint32_t num_tokens, StateRef written) override;
  void AfterStep() override;

 private:
  Generation(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue, const RequestSpec& spec,
             SamplingParams params, StopMatcher stops, StreamState at);

  bool IsStopToken(uint32_t token) const;
  // What can be shown now that `token` was sampled.
  std::string TextOf(uint32_t token);
  QueuedEvent NewEvent(uint32_t kind) const;
  // Ends with a terminal event whose text is `text`.
  void End(QueuedEvent terminal, std::string text, std::vector<QueuedEvent> before = {});

  std::shared_ptr<Request> request_;  // empty once it has ended
  const std::shared_ptr<CompletionQueue> queue_;
  const uint64_t user_data_;
  const uint64_t max_tokens_;
  std::vector<uint32_t> stop_tokens_;
  Sampler sampler_;
  SamplingScratch scratch_;
  StopMatcher stops_;
  Utf8Stream utf8_;
  std::vector<float> logits_;
  uint64_t num_prompt_tokens_ = 0;  // fed so far
  uint64_t num_generated_ = 0;
  bool ended_ = false;
};

}  // namespace skein

#endif  // SKEIN_SERVING_COMPLETION_H_
