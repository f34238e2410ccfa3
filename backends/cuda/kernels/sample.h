// The reduction of rows of logits where they are: the check for numbers that are not finite, bias and mask, the
// greatest logits, a token that is drawn. So a row, 256 KB at 65,536 tokens, crosses only where all of it is asked for.
// Results are those of skein/backend.h, and draws those of libskein's sampler. Which rows there are is the step's
// affair.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_SAMPLE_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_SAMPLE_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/kernels/launch.h"
#include "equations/operands.h"
#include "skein/backend.h"

namespace skein::cuda {

enum class LogitOutput : uint32_t {
  kLogits,    // the row itself, with its bias and mask
  kGreatest,  // SKEIN_STEP_TOP_K
  kToken,     // SKEIN_STEP_SAMPLE
};

inline constexpr uint32_t kNoMask = 0xFFFFFFFFu;

// The results that are wanted of a row. Numbers are in the ranges of backend.h.
struct LogitWish {
  LogitOutput output;
  uint32_t top_k;       // with kGreatest how many; with kToken the filter, 0: off
  uint32_t first_bias;  // its biases: [first_bias, first_bias + num_biases) of all
  uint32_t num_biases;
  uint32_t mask;     // its mask's index, or kNoMask
  float scale;       // 1 / temperature, at most the greatest float; 0: greedy
  double top_p;      // 1: off
  double log_min_p;  // minus infinity: off
  double uniform;
};

enum class LogitStatus : uint32_t {
  kGood,
  kNotFinite,  // a logit was not finite before bias and mask, or bias took one to plus infinity
  kNoToken,    // bias and mask leave none
};

struct LogitResult {
  LogitStatus status;
  uint32_t token;  // with kToken, as the next
  float logit;
  float log_sum_exp;  // with kGreatest too
};

// A logit and its token.
struct RankedLogit {
  float logit;
  uint32_t token;
};

// Addresses are the device's.
struct LogitWishArrays {
  const LogitWish* rows;     // [count of the logits]
  const skein_bias* biases;  // of a row in ascending order of token
  const uint32_t* masks;     // [masks][(V + 31) / 32], as in backend.h
};

// Changes `logits` by bias and mask, and gives a result for each row. `greatest`, [count][SKEIN_MAX_TOP_K]: in rows
// with kGreatest, the top_k greatest logits. NULL if there are none such.
cudaError_t FinishLogits(const Queue& queue, kit::Rows logits, const LogitWishArrays& wishes, LogitResult* results,
                         RankedLogit* greatest);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_SAMPLE_H_
