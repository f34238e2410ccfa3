// The least time of a step by the limits of a card, and the project's aims.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_LIMITS_H_
#define SKEIN_BACKENDS_CUDA_CHECK_LIMITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cuda/check/real_model.h"

namespace skein::check {

// As measured in the same run: bytes read and written a second, multiplications and additions a second.
struct CardLimits {
  double bandwidth;
  double matrix_rate;
};

enum class StepKind { kDecode, kPrompt };

// A step of so many tokens of one stream each, or of one prompt.
struct StepShape {
  StepKind kind;
  uint32_t num_tokens;
  double state_bytes;  // of one stream, as the device keeps it
};

// t = max(W / BW, 2 * tokens * parameters / P) + streams * 2 * S / BW. Up to four rows the zeros of the channel-mix
// save the value matrix's columns that no row needs.
double LeastSeconds(const ModelCost& cost, double zeros, const StepShape& step, const CardLimits& limits);

// Tokens a second that the project aims at on a card, which `description` names. Nothing where there is no aim.
struct AimKey {
  std::string model;
  uint32_t weight_type;
  bool has_planted_zeros;
  bool has_f16_state;
  uint32_t num_rows;  // of a decoding step; 0: the best number
};
std::optional<double> AimFor(const std::string& description, const AimKey& key);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_LIMITS_H_
