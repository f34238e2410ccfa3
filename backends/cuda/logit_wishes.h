// The results that the entries of a step want of their logits, as the kernel of kernels/sample.h takes it, and its
// results as the entries get them. Host code alone; calls no CUDA.
//
// Order: Read; copy rows(), biases() and masks() to the device; the kernel; HandOut for each output with logits.
#ifndef SKEIN_BACKENDS_CUDA_LOGIT_WISHES_H_
#define SKEIN_BACKENDS_CUDA_LOGIT_WISHES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/kernels/sample.h"
#include "kit/step_plan.h"
#include "skein/backend.h"

namespace skein::cuda {

// Of one mask.
constexpr uint32_t MaskWords(uint32_t vocab_size) { return vocab_size / 32 + (vocab_size % 32 != 0 ? 1 : 0); }

// Threads: one at a time.
class LogitWishes {
 public:
  explicit LogitWishes(uint32_t vocab_size) : num_mask_words_(MaskWords(vocab_size)) {}

  // Until the next Read, the wishes of a plan.
  void Read(const kit::StepPlan& plan);

  // Of the outputs with logits: the first of the plan's output_rows(), those of logits() and those that are reduced.
  std::span<const LogitWish> rows() const { return rows_; }
  std::span<const skein_bias> biases() const { return biases_; }
  std::span<const uint32_t> masks() const { return masks_; }
  // Whether a row wants its greatest logits.
  bool has_greatest() const { return has_greatest_; }

 private:
  void Add(const kit::PlannedEntry& planned);

  const uint32_t num_mask_words_;
  std::vector<LogitWish> rows_;
  std::vector<skein_bias> biases_;
  std::vector<uint32_t> masks_;
  bool has_greatest_ = false;
};

// The code of an entry by the result of one of its rows.
int32_t CodeOf(LogitStatus status);

// Writes what the kernel made of an entry's row to the caller's memory. The row is good. Not for an entry that wants
// all logits: those are copied. `greatest`: of the row, with SKEIN_STEP_TOP_K.
void HandOut(const kit::PlannedEntry& planned, uint32_t row, const LogitResult& result, const RankedLogit* greatest);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_LOGIT_WISHES_H_
