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

// What one of the blocks that share a row hands to the others. Keys and masses are those of logit_survey.h.
struct LogitSlice {
  static constexpr uint32_t kMostCandidates = 1024;

  unsigned long long best;  // NOLINT(google-runtime-int): as CUDA's atomics have it
  uint32_t min_key, num_tokens;
  int imbalance;
  uint32_t is_finite;
  uint32_t num_candidates;                   // more than there is room for: the others have no place
  unsigned long long total;                  // NOLINT(google-runtime-int)
  unsigned long long kept[32];               // NOLINT(google-runtime-int): of warps
  uint32_t group_keys[1024];                 // the greatest key of groups of threads; less in a smaller slice
  uint32_t candidates[kMostCandidates];      // ids of tokens that may be among the greatest
  uint32_t candidate_keys[kMostCandidates];  // theirs
};

// Where the blocks of rows hand on what they find, in the device's memory, for launches that follow each other in one
// queue.
struct LogitScratch {
  static constexpr uint32_t kMostSlices = 16;  // of a row
  static constexpr uint32_t kMostBlocks = 128;
  static constexpr uint32_t kMostRows = kMostBlocks / 2;

  LogitSlice* slices = nullptr;  // [kMostBlocks]; NULL: each row has one block
  uint32_t* counts = nullptr;    // [kMostRows], zeros before the first launch, which each launch leaves
  uint32_t least_tokens = 2048;  // of a slice
};

// The blocks that share a row.
uint32_t NumSlices(const kit::Rows& logits, const LogitScratch& scratch);

// Changes `logits` by bias and mask, and gives a result for each row. `greatest`, [count][SKEIN_MAX_TOP_K]: in rows
// with kGreatest, the top_k greatest logits. NULL if there are none such. Results do not depend on `scratch`, which
// lets several blocks share each of a few rows.
cudaError_t FinishLogits(const Queue& queue, kit::Rows logits, const LogitWishArrays& wishes, LogitResult* results,
                         RankedLogit* greatest, const LogitScratch& scratch = {});

// The same where NumSlices is more than one. `unit`: the mass of a row's greatest logit.
cudaError_t FinishSlicedLogits(const Queue& queue, kit::Rows logits, const LogitWishArrays& wishes, float unit,
                               LogitResult* results, RankedLogit* greatest, const LogitScratch& scratch);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_SAMPLE_H_
