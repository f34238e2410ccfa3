// The host's side of one step in flight: its plan, and the page-locked memory through which inputs go to the device and
// results come back. A segment has two, so that a step is enqueued behind an unfinished one.
//
// Order: plan().Read; FillBatch; GatherCarries; enqueue the step, which reads and writes the memory here; HandOut when
// the device is done.
#ifndef SKEIN_BACKENDS_CUDA_STEP_BUFFERS_H_
#define SKEIN_BACKENDS_CUDA_STEP_BUFFERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cuda/batch_layout.h"
#include "cuda/device_memory.h"
#include "cuda/logit_wishes.h"
#include "cuda/outcome_layout.h"
#include "cuda/state_slots.h"
#include "kit/step_plan.h"
#include "skein/backend.h"

namespace skein::cuda {

// Threads: one at a time.
class StepBuffers {
 public:
  // `desc` outlives the buffers. Carries [0, num_carries) cross the segment's cuts.
  StepBuffers(uint32_t device, const skein_segment_desc& desc, uint32_t num_carries);

  kit::StepPlan& plan() { return plan_; }

  // Takes the sizes of the step as it is enqueued, fills its batch, and makes room for its results. Marks the slots
  // that its entries write as written by step `number`.
  void FillBatch(const StepCounts& counts, StateSlots& slots, uint64_t number);
  const StepCounts& counts() const { return counts_; }
  const unsigned char* batch() const { return batch_.data(); }
  // Beside the batch, what its wishes refer to.
  const skein_bias* biases() const { return biases_.data(); }
  size_t num_biases() const { return wishes_.biases().size(); }
  const uint32_t* masks() const { return masks_.data(); }
  size_t num_mask_words() const { return wishes_.masks().size(); }

  // Copies the rows of each carry into its block, [counts().num_rows][C]. Rows beyond the plan's become zero.
  void GatherCarries();
  float* carry_in(uint32_t carry) const { return carries_in_.data() + carry * carry_floats_; }

  // For results: the outcome of rows (outcome_layout.h); if wanted, the greatest logits [num_reduced][SKEIN_MAX_TOP_K];
  // logits [num_logits][V]; the hidden rows [num_outputs - num_logit_rows][C]; carries [num_rows][C].
  unsigned char* outcome() const { return outcome_.data(); }
  bool has_greatest() const { return wishes_.has_greatest(); }
  RankedLogit* greatest() const { return greatest_.data(); }
  float* logits() const { return logits_.data(); }
  float* hidden() const { return hidden_.data(); }
  float* carry_out(uint32_t carry) const { return carries_out_.data() + carry * carry_floats_; }

  // Copies the results to the caller's memory and gives each entry its status: DATA_LOSS if an output or the last row
  // of the residual stream is not finite, FAILED_PRECONDITION if mask and bias leave no token. Returns what there is to
  // say about the first entry that failed, or "".
  std::string HandOut();

 private:
  const uint32_t* flags() const { return OutcomeLayout(counts_).Flags(outcome()); }
  const LogitResult* results() const { return OutcomeLayout(counts_).Results(outcome()); }
  void MakeRoom();
  void ScatterCarries();
  void HandOutLogits();
  void HandOutHidden();
  // Of an entry of the plan, by its flags and results.
  int32_t StatusOf(uint32_t entry) const;

  const uint32_t device_;
  const skein_segment_desc& desc_;
  const uint32_t num_carries_;
  const uint64_t carry_floats_;  // of the longest step
  kit::StepPlan plan_;
  LogitWishes wishes_;
  std::vector<SlotPair> slots_;
  StepCounts counts_ = {};
  PinnedArray<unsigned char> batch_;
  PinnedArray<float> carries_in_;
  PinnedArray<float> carries_out_;
  PinnedArray<unsigned char> outcome_;
  // As large as a step needed them so far.
  PinnedArray<skein_bias> biases_;
  PinnedArray<uint32_t> masks_;
  PinnedArray<RankedLogit> greatest_;
  PinnedArray<float> logits_;
  PinnedArray<float> hidden_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_STEP_BUFFERS_H_
