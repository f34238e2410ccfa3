// From a planned step (step_plan.h) to the batch that ops in host memory see, and from their results to the status of
// each entry.
//
// Order: Read; GatherCarry for each carry; run the ops over batch(); ScatterCarry; Finish.
#ifndef SKEIN_BACKENDS_HOST_BATCH_PLAN_H_
#define SKEIN_BACKENDS_HOST_BATCH_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "equations/operands.h"
#include "host/batch.h"
#include "host/host_memory.h"
#include "host/logit_reduction.h"
#include "host/state_slots.h"
#include "kit/step_plan.h"
#include "skein/backend.h"

namespace skein::kit {

class BatchPlan {
 public:
  // `host`, `desc` and `slots` outlive the plan. Carries [0, num_carries) cross the segment's cuts. `features`: those
  // that the device offers.
  BatchPlan(const skein_host& host, const skein_segment_desc& desc, StateSlots& slots, uint32_t num_carries,
            uint32_t features);

  // The memory that a plan allocates from the host.
  static uint64_t ScratchBytes(const skein_segment_desc& desc, uint32_t features);

  // As StepPlan::Read. Marks the slots that the entries write as written.
  void Read(const skein_step& step);

  // Until the next Read.
  const Batch& batch() const { return batch_; }
  uint32_t num_rows() const { return plan_.num_rows(); }

  // Copies the rows of the batch from, or to, a carry [num_tokens, width] of the step. Rows outside the batch become
  // zero.
  void GatherCarry(const float* carry, const Rows& rows) const;
  void ScatterCarry(const Rows& rows, float* carry) const;

  // Hands out the hidden rows, reduces logits, and gives each entry its status: DATA_LOSS if an output or the last row
  // of the residual stream `x` is not finite. `hidden`: the rows of batch().output_rows after the output norm. Returns
  // what there is to say about the first entry that failed, or "".
  std::string Finish(const Rows& x, const Rows& hidden);

 private:
  // Give an entry's outputs and its status.
  int32_t FinishHidden(const PlannedEntry& planned, const Rows& hidden) const;
  int32_t FinishLogits(const PlannedEntry& planned);
  int32_t FinishRow(const PlannedEntry& planned, uint32_t row);
  // Fills tokens_, where the step before has drawn some.
  void TakeTokens();
  bool HasItsToken(const PlannedEntry& planned) const;

  const skein_segment_desc& desc_;
  StepPlan plan_;
  StateSlots& slots_;
  std::vector<Sequence> sequences_;
  std::vector<uint32_t> tokens_;  // per row
  // By output: the token that was drawn; kNoToken if none was. Of this step, and of the one before.
  std::vector<uint32_t> drawn_;
  std::vector<uint32_t> drawn_before_;
  std::vector<uint32_t> draws_before_;  // as the plan of the step before had them
  std::vector<float*> logits_;          // per output whose logits are computed: their place
  HostArray<float> reduced_logits_;     // of the outputs whose logits are reduced
  LogitReduction reduction_;
  Batch batch_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_BATCH_PLAN_H_
