#include "serving/score.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "sampling/log_probability.h"
#include "serving/reading.h"

namespace skein {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Reads the probabilities of an item's tokens off the rows in front of them.
class TokenScorer final : public RowReader {
 public:
  // `first_scored`: the item's first token that has a row in front of it.
  TokenScorer(ScoreItem& item, uint64_t first_scored, uint32_t vocab_size)
      : item_(item), first_scored_(first_scored), vocab_size_(vocab_size), top_(item.num_top) {
    std::fill(item.logprobs.begin(), item.logprobs.end(), kNaN);
    std::fill(item.top.begin(), item.top.end(), skein_logprob{SKEIN_NO_TOKEN, kNaN});
    item.num_scored = 0;
    item.logprob = 0;
  }

  absl::Status OnRows(uint64_t first, absl::Span<const float> rows) override {
    for (uint64_t i = 0; i * vocab_size_ < rows.size(); ++i) {
      SKEIN_RETURN_IF_ERROR(ScoreToken(first_scored_ + first + i, rows.subspan(i * vocab_size_, vocab_size_)));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status ScoreToken(uint64_t index, absl::Span<const float> logits) {
    SKEIN_ASSIGN_OR_RETURN(const double log_sum_exp, LogSumExp(logits));
    const double logprob = logits[item_.tokens[index]] - log_sum_exp;
    item_.logprob += logprob;
    ++item_.num_scored;
    if (!item_.logprobs.empty()) item_.logprobs[index] = static_cast<float>(logprob);
    const uint64_t num_found = std::min<uint64_t>(top_.size(), vocab_size_);
    FindTopLogprobs(logits, log_sum_exp, absl::MakeSpan(top_.data(), num_found));
    for (uint64_t i = 0; i < num_found; ++i) {
      item_.top[index * item_.num_top + i] = {top_[i].token, top_[i].logprob};
    }
    return absl::OkStatus();
  }

  ScoreItem& item_;
  const uint64_t first_scored_;
  const uint32_t vocab_size_;
  std::vector<TokenLogprob> top_;
};

absl::Status CheckItem(const Model& model, const ScoreItem& item) {
  if (item.stream->model().get() != &model) {
    return absl::InvalidArgumentError("the stream is of another model than the one given");
  }
  if (item.tokens.empty()) return absl::InvalidArgumentError("num_tokens 0; expected at least 1");
  SKEIN_RETURN_IF_ERROR(CheckPriority(item.priority));
  if (item.num_top > SKEIN_MAX_TOP_LOGPROBS) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_top ", item.num_top, "; expected at most ", SKEIN_MAX_TOP_LOGPROBS));
  }
  return CheckTokens(model, item.tokens);
}

}  // namespace

std::vector<absl::Status> Score(const std::shared_ptr<Model>& model, absl::Span<absl::StatusOr<ScoreItem>> items) {
  std::vector<Reading> readings(items.size());
  std::vector<std::unique_ptr<TokenScorer>> scorers(items.size());
  std::vector<absl::Status> statuses(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    readings[i].status = items[i].ok() ? CheckItem(*model, *items[i]) : items[i].status();
    if (!readings[i].status.ok()) continue;
    ScoreItem& item = *items[i];
    readings[i].at = item.stream->Committed();
    const bool has_pending = readings[i].at.pending.has_value();
    scorers[i] = std::make_unique<TokenScorer>(item, has_pending ? 0 : 1, model->config().vocab_size);
    // The last token need not be fed.
    readings[i].tokens = item.tokens.subspan(0, item.tokens.size() - 1);
    readings[i].output = SKEIN_STEP_LOGITS;
    readings[i].reader = scorers[i].get();
    readings[i].tenant = item.stream->tenant();
    readings[i].priority = item.priority;
  }
  ReadAll(model, absl::MakeSpan(readings));
  for (size_t i = 0; i < items.size(); ++i) statuses[i] = readings[i].status;
  return statuses;
}

}  // namespace skein
