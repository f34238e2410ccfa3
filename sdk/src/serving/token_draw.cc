#include "serving/token_draw.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace skein {

TokenDraw::TokenDraw(const Model& model, Sampler sampler, LogprobWish wish)
    : vocab_size_(model.config().vocab_size),
      wish_(wish),
      sampler_(std::move(sampler)),
      scratch_(model.sampling_scratch()),
      device_sampling_(model.head_features()),
      logits_(device_sampling_.is_offered() ? 0 : vocab_size_),
      top_(std::min(wish.value_or(0), vocab_size_)) {}

bool TokenDraw::IsDeviceExact() const {
  if (!wish_.has_value()) return true;
  return *wish_ == 0 && sampler_.params().biases.empty() && !sampler_.has_penalties();
}

void TokenDraw::Ask(uint64_t position, skein_step_entry& entry) {
  is_drawn_by_device_ = IsDeviceExact() && device_sampling_.Ask(sampler_, position, entry);
  if (is_drawn_by_device_) return;
  logits_.resize(vocab_size_);
  entry.output = SKEIN_STEP_LOGITS;
  entry.output_rows = logits_.data();
}

absl::StatusOr<DrawnToken> TokenDraw::Draw(uint64_t position) {
  if (!is_drawn_by_device_) return DrawFrom(logits_, position);
  DrawnToken drawn;
  SKEIN_ASSIGN_OR_RETURN(drawn.token, device_sampling_.Token(position, vocab_size_));
  if (wish_.has_value()) drawn.logprob = device_sampling_.logprob(position);
  return drawn;
}

absl::StatusOr<DrawnToken> TokenDraw::DrawFrom(absl::Span<const float> logits, uint64_t position) {
  DrawnToken drawn;
  SKEIN_ASSIGN_OR_RETURN(drawn.token, sampler_.Sample(logits, position, *scratch_.Take()));
  if (!wish_.has_value()) return drawn;
  SKEIN_ASSIGN_OR_RETURN(const double log_sum_exp, LogSumExp(logits));
  drawn.logprob = static_cast<float>(logits[drawn.token] - log_sum_exp);
  FindTopLogprobs(logits, log_sum_exp, absl::MakeSpan(top_));
  return drawn;
}

}  // namespace skein
