// The results that an entry wants of a row of logits in place of all of it, and its wishes in front of them: bias and
// mask, the greatest logits, a token drawn (skein/backend.h). The loops are the plainest that give the result, for
// devices that define results and not for those that must be fast.
#ifndef SKEIN_BACKENDS_HOST_LOGIT_REDUCTION_H_
#define SKEIN_BACKENDS_HOST_LOGIT_REDUCTION_H_

#include <cstdint>
#include <span>
#include <vector>

#include "skein/backend.h"

namespace skein::kit {

// Adds the entry's biases to a row, then bans what its mask bans.
void ApplyBiasAndMask(const skein_step_entry& entry, std::span<float> logits);

// Reduces rows that have no NaN and no plus infinity, and at least one logit above minus infinity.
// Threads: one at a time.
class LogitReduction {
 public:
  // The `top_k` greatest logits, falling, then the log-sum-exp of all, to rows[top_k + 1]; their ids to tokens[top_k].
  void TopK(std::span<const float> logits, uint32_t top_k, float* rows, uint32_t* tokens);

  // Draws a token as skein_sampling says. Its logit and the log-sum-exp go to rows[2].
  void Sample(std::span<const float> logits, const skein_sampling& sampling, double uniform, float* rows,
              uint32_t* token);

 private:
  // Fills ranking_ with all ids: falling logits; of equals, ascending ids.
  void Rank(std::span<const float> logits);
  // How many ids of ranking_ the filters keep.
  size_t NumKept(std::span<const float> logits, const skein_sampling& sampling) const;
  uint32_t Draw(std::span<const float> logits, const skein_sampling& sampling, double uniform);

  std::vector<uint32_t> ranking_;
  std::vector<float> weights_;  // of the tokens that the filters keep
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_LOGIT_REDUCTION_H_
