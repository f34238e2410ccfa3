// The tokens of one sample: drawn by the device, or by the sampler from logits that cross. Here it is decided which.
#ifndef SKEIN_SERVING_TOKEN_DRAW_H_
#define SKEIN_SERVING_TOKEN_DRAW_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "sampling/log_probability.h"
#include "sampling/sampler.h"
#include "sampling/scratch_pool.h"
#include "serving/device_sampling.h"
#include "skein/backend.h"

namespace skein {

// The log-probabilities that a draw also gives. nullopt: none. Else that of the token drawn, and as many of the most
// probable tokens.
using LogprobWish = std::optional<uint32_t>;

struct DrawnToken {
  uint32_t token = 0;
  float logprob = std::numeric_limits<float>::quiet_NaN();  // NaN if it was not wished for
};

// Order: Ask; if the outputs are written, Draw. Where CanAskAhead, the next Ask may come before the Draw. Threads: one
// at a time. The model outlives it.
class TokenDraw {
 public:
  TokenDraw(const Model& model, Sampler sampler, LogprobWish wish);

  // Sets in `entry`, but for output_start, the outputs that Draw needs of a row behind `position` tokens.
  void Ask(uint64_t position, skein_step_entry& entry);
  // Whether the device draws, and needs nothing of a token to draw the next one. Where penalties count, it does.
  bool CanAskAhead() const { return is_drawn_by_device_ && !sampler_.has_penalties(); }

  // The token that follows `position` tokens of the stream. INTERNAL, DATA_LOSS, FAILED_PRECONDITION: the device drew
  // no token, the logits are not finite, or the biases leave none.
  absl::StatusOr<DrawnToken> Draw(uint64_t position);
  // The same from a row of logits, without Ask.
  absl::StatusOr<DrawnToken> DrawFrom(absl::Span<const float> logits, uint64_t position);

  // The most probable tokens at the last draw: as many as were wished for, if the vocabulary has so many.
  absl::Span<const TokenLogprob> top() const { return top_; }

  Sampler& sampler() { return sampler_; }

 private:
  // Whether a device's draw gives all that is wished for. Its log-sum-exp is that of the changed logits.
  bool IsDeviceExact() const;

  const uint32_t vocab_size_;
  const LogprobWish wish_;
  Sampler sampler_;
  ScratchPool& scratch_;  // the model's
  DeviceSampling device_sampling_;
  bool is_drawn_by_device_ = false;
  std::vector<float> logits_;  // empty until the device is asked for them
  std::vector<TokenLogprob> top_;
};

}  // namespace skein

#endif  // SKEIN_SERVING_TOKEN_DRAW_H_
