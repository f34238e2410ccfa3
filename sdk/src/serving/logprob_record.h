// The log-probabilities of a request's tokens, which its host may read while the request lives.
#ifndef SKEIN_SERVING_LOGPROB_RECORD_H_
#define SKEIN_SERVING_LOGPROB_RECORD_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "sampling/log_probability.h"

namespace skein {

// One text for each sample, and one for the prompt. A token has a row: the token itself, then the most probable tokens
// in its place. Threads: any.
class LogprobRecord {
 public:
  // Of a sample's tokens so many are kept, the last ones. A prompt is kept whole.
  static constexpr uint64_t kMaxKept = 4096;

  // Begins the texts anew: those of samples with `sample_top` most probable tokens to a row, the prompt's with
  // `prompt_top`; -1: there are no rows.
  void Begin(uint32_t num_samples, int64_t sample_top, int64_t prompt_top);

  // Adds a token to a text that has rows; for others there is no effect. `sample`: its index, or SKEIN_SAMPLE_PROMPT.
  void Add(uint32_t sample, TokenLogprob token, absl::Span<const TokenLogprob> top);

  // The rows of `num_tokens` tokens from the text's `first`-th on. INVALID_ARGUMENT: there is no such sample.
  // FAILED_PRECONDITION: its text has no rows. NOT_FOUND: a token that is not there yet, or is not kept any more.
  absl::StatusOr<std::vector<TokenLogprob>> Read(uint32_t sample, uint64_t first, uint64_t num_tokens) const;

 private:
  struct Text {
    uint64_t row_size = 0;  // 0: there are no rows
    uint64_t num_tokens = 0;
    uint64_t max_kept = kMaxKept;
    std::vector<TokenLogprob> rows;  // that of token i is row i % max_kept

    uint64_t num_kept() const { return num_tokens < max_kept ? num_tokens : max_kept; }
  };

  const Text* Find(uint32_t sample) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  Text prompt_ ABSL_GUARDED_BY(mutex_);
  std::vector<Text> samples_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_SERVING_LOGPROB_RECORD_H_
