// Where what a step tells of each of its rows lies, in one block that crosses in one copy: flags of the sequences and
// of the hidden rows, 1 where a number is not finite, and behind them the results of the rows of logits.
#ifndef SKEIN_BACKENDS_CUDA_OUTCOME_LAYOUT_H_
#define SKEIN_BACKENDS_CUDA_OUTCOME_LAYOUT_H_

#include <cstdint>

#include "cuda/batch_layout.h"
#include "cuda/kernels/sample.h"
#include "skein/backend.h"

namespace skein::cuda {

class OutcomeLayout {
 public:
  explicit OutcomeLayout(const StepCounts& counts)
      : OutcomeLayout(uint64_t{counts.num_sequences} + counts.num_outputs - counts.num_logit_rows(),
                      counts.num_logit_rows()) {}

  // Of the largest step.
  static uint64_t MostBytes(const skein_segment_desc& desc) {
    return OutcomeLayout(2 * uint64_t{desc.max_tokens}, desc.flags & SKEIN_SEGMENT_HEAD ? desc.max_tokens : 0).bytes();
  }

  uint64_t bytes() const { return results_ + num_results_ * sizeof(LogitResult); }
  uint32_t* Flags(unsigned char* block) const { return reinterpret_cast<uint32_t*>(block); }
  LogitResult* Results(unsigned char* block) const { return reinterpret_cast<LogitResult*>(block + results_); }

 private:
  OutcomeLayout(uint64_t num_flags, uint64_t num_results)
      : results_((num_flags * sizeof(uint32_t) + kAlignment - 1) / kAlignment * kAlignment),
        num_results_(num_results) {}

  static constexpr uint64_t kAlignment = 16;

  uint64_t results_;  // from the beginning, in bytes
  uint64_t num_results_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_OUTCOME_LAYOUT_H_
