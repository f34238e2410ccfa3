// One sample of a request: draws token after token until something stops it. The first sample reads the prompt before.
#ifndef SKEIN_SERVING_SAMPLE_H_
#define SKEIN_SERVING_SAMPLE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "engine/feed.h"
#include "engine/job.h"
#include "engine/stream.h"
#include "serving/cached_prompt.h"
#include "serving/completion.h"
#include "serving/completion_queue.h"
#include "serving/request.h"
#include "serving/request_times.h"
#include "serving/row_queue.h"
#include "serving/token_draw.h"
#include "tokenizer/text_tail.h"

namespace skein {

// The samples of a request go on from one state, which the first one's prompt has reached: nothing is copied. Each has
// its own sampler, stops, text and stream, and takes its own part in the steps.
class Sample final : public Job {
 public:
  // Puts the job of a request into `jobs`: its first sample, which starts the others once the prompt is read. `right`
  // is the right to write to the request's stream, `ticket` its admission, and `prompt` what the prefix cache knows of
  // it. INVALID_ARGUMENT: a sampling default of the model's manifest is out of range, or best_of is below n.
  // FAILED_PRECONDITION: no token to start from. RESOURCE_EXHAUSTED: the model has not as many streams left as there
  // are samples.
  static absl::Status Create(std::shared_ptr<Request> request, std::shared_ptr<CompletionQueue> queue,
                             const RequestSpec& spec, WriteRight right, Ticket ticket, CachedPrompt prompt,
                             JobList& jobs);

  Sample(std::shared_ptr<Completion> completion, uint32_t index, Sampler sampler, StopMatcher stops, WriteRight right,
         Feed feed);

  Readiness Poll() noexcept override;
  bool WantsMore() const noexcept override;
  bool GoesOnWithDrawn() const noexcept override;
  int64_t next_deadline_us() const noexcept override {
    return std::min(completion_->DeadlineUs(num_tokens_), prompt_.wait_deadline_us());
  }
  Feed& feed() override { return feed_; }
  void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) override;
  void Advance(uint32_t num_tokens, StateRef written) override;
  void Fail(const absl::Status& status) noexcept override;

 private:
  bool is_ended() const { return last_event_.empty(); }
  const Model& model() const { return completion_->model(); }

  // Goes on from a cached state, if there is one. False: another prompt that begins alike is waited for.
  bool StartPrompt() noexcept;
  // From here on the log-probabilities of the prompt's tokens are kept. `num_before` tokens are in front of it.
  void RecordPromptBehind(uint64_t num_before);
  // How many rows of logits are wanted of a part of `num_tokens` tokens, beside what draw_ asks for: all of them, or
  // the one that the first tokens of all samples are drawn from. `is_last`: the part has the prompt's last token.
  uint32_t NumPromptRows(uint32_t num_tokens, bool is_last) const;
  // Keeps the log-probabilities of the prompt's tokens that the rows predict. DATA_LOSS: the logits are not finite.
  absl::Status RecordPrompt(absl::Span<const float> rows);
  // The prompt is read, and `logits` are behind it: all samples draw their first tokens.
  void EndPrompt(absl::Span<const float> logits);
  // Starts the other samples where this one stands, behind the prompt.
  void BeginOthers(absl::Span<const float> logits);
  // Begins behind a prompt that another sample has read, with the logits behind it.
  void Begin(const StreamState& at, absl::Span<const float> logits);
  // Goes on with what was drawn.
  void GoOn(const absl::StatusOr<DrawnToken>& drawn);
  // Makes a token part of the output.
  void Accept(const DrawnToken& drawn);
  // The text that can be shown now that `token` was sampled.
  std::string TextOf(uint32_t token);

  SampleProgress Progress() const;
  // Ends the sample, and delivers the text that was held back.
  void EndDone(uint32_t reason);
  void End(uint32_t kind, uint32_t reason, const absl::Status& status) noexcept;

  const std::shared_ptr<Completion> completion_;
  const uint32_t index_;
  WriteRight right_;
  Feed feed_;
  CachedPrompt prompt_;  // of the first sample
  TokenDraw draw_;
  TextTail tail_;
  RowQueue prompt_rows_;
  TokenGaps gaps_;
  JobList others_;  // samples that begin once the prompt is read
  uint64_t num_tokens_ = 0;
  double logprob_sum_ = 0;
  bool records_prompt_ = false;
  uint64_t num_before_ = 0;  // with records_prompt_: pending tokens in front of the prompt
  EventList held_back_;      // events that wait for the ranking
  EventList last_event_;     // its memory is there from the start; empty once the sample has ended
};

}  // namespace skein

#endif  // SKEIN_SERVING_SAMPLE_H_
