#include "serving/logprob_record.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "skein/request.h"

namespace skein {

void LogprobRecord::Begin(uint32_t num_samples, int64_t sample_top, int64_t prompt_top) {
  const MutexLock lock(mutex_);
  samples_.assign(num_samples, Text{.row_size = static_cast<uint64_t>(sample_top + 1), .rows = {}});
  prompt_ = Text{
      .row_size = static_cast<uint64_t>(prompt_top + 1), .max_kept = std::numeric_limits<uint64_t>::max(), .rows = {}};
}

const LogprobRecord::Text* LogprobRecord::Find(uint32_t sample) const {
  if (sample == SKEIN_SAMPLE_PROMPT) return &prompt_;
  return sample < samples_.size() ? &samples_[sample] : nullptr;
}

void LogprobRecord::Add(uint32_t sample, TokenLogprob token, absl::Span<const TokenLogprob> top) {
  const MutexLock lock(mutex_);
  auto* const text = const_cast<Text*>(Find(sample));
  if (text == nullptr || text->row_size == 0) return;
  const uint64_t place = text->num_tokens % text->max_kept;
  if (text->num_tokens < text->max_kept) text->rows.resize((place + 1) * text->row_size);
  const auto row = text->rows.begin() + static_cast<ptrdiff_t>(place * text->row_size);
  *row = token;
  std::copy(top.begin(), top.end(), row + 1);
  ++text->num_tokens;
}

absl::StatusOr<std::vector<TokenLogprob>> LogprobRecord::Read(uint32_t sample, uint64_t first,
                                                              uint64_t num_tokens) const {
  const MutexLock lock(mutex_);
  if (samples_.empty()) return absl::FailedPreconditionError("logprobs: the request was not submitted");
  const Text* const text = Find(sample);
  if (text == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("logprobs: sample ", sample, "; the request has ", samples_.size()));
  }
  if (text->row_size == 0) {
    return absl::FailedPreconditionError(
        "logprobs: none are kept; expected a request with the option logprobs, or prompt_logprobs for the prompt");
  }
  const uint64_t first_kept = text->num_tokens - text->num_kept();
  if (first < first_kept || first > text->num_tokens || num_tokens > text->num_tokens - first) {
    return absl::NotFoundError(absl::StrCat("logprobs: ", num_tokens, " tokens from token ", first,
                                            "; there are those from ", first_kept, " to ", text->num_tokens));
  }
  std::vector<TokenLogprob> rows;
  rows.reserve(num_tokens * text->row_size);
  for (uint64_t i = first; i < first + num_tokens; ++i) {
    const auto row = text->rows.begin() + static_cast<ptrdiff_t>(i % text->max_kept * text->row_size);
    rows.insert(rows.end(), row, row + static_cast<ptrdiff_t>(text->row_size));
  }
  return rows;
}

}  // namespace skein
