#include "cpp/delivery.h"

#include "cpp/transcript.h"

namespace scenario {
namespace {

std::string ReasonName(uint32_t reason) {
  switch (reason) {
    case SKEIN_REASON_STOP_TOKEN:
      return "stop_token";
    case SKEIN_REASON_STOP_TEXT:
      return "stop_text";
    case SKEIN_REASON_LENGTH:
      return "length";
    default:
      return "none";
  }
}

std::string KindName(uint32_t kind) {
  return kind == SKEIN_EVENT_DONE ? "done" : kind == SKEIN_EVENT_CANCELLED ? "cancelled" : "error";
}

}  // namespace

void Delivery::Take(const skein::Event& event) {
  if (event.is_terminal()) end_ = event;
  if (event.kind == SKEIN_EVENT_ERROR) {
    message_ = event.text();
    return;
  }
  if (event.is_terminal() && event.text().empty()) return;
  Sample& sample = samples_[event.sample];
  sample.text += event.text();
  if (!event.is_token()) return;
  ++num_tokens_;
  sample.tokens.push_back(event.token);
  sample.logprobs.push_back(event.logprob);
  sample.sum = event.logprob_sum;
}

std::vector<std::string> Delivery::Lines() const {
  const bool failed = end_->kind == SKEIN_EVENT_ERROR;
  const std::string reason = failed ? skein_status_name(end_->status) : ReasonName(end_->reason);
  std::vector<std::string> lines = {
      Join({name_, KindName(end_->kind), reason, "prompt", ShowNumber(end_->num_prompt_tokens), "cached",
            ShowNumber(end_->num_cached_tokens), "tokens", ShowNumber(end_->num_tokens), "position",
            ShowNumber(end_->position), "user", ShowNumber(end_->user_data)})};
  if (failed) lines.push_back("  message " + ShowText(message_));
  for (const auto& [index, sample] : samples_) {
    lines.push_back("  sample " + std::to_string(index) + " tokens " + Show(sample.tokens));
    lines.push_back("  text " + ShowText(sample.text));
    lines.push_back("  logprobs " + Show(sample.logprobs));
    lines.push_back("  sum " + Show(sample.sum));
  }
  return lines;
}

}  // namespace scenario
