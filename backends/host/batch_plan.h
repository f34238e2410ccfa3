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
#include "host/state_slots.h"
#include "kit/step_plan.h"
#include "skein/backend.h"

namespace skein::kit {

class BatchPlan {
 public:
  // `desc` and `slots` outlive the plan. Carries [0, num_carries) cross the segment's cuts.
  BatchPlan(const skein_segment_desc& desc, StateSlots& slots, uint32_t num_carries);

  // As StepPlan::Read. Marks the slots that the entries write as written.
  void Read(const skein_step& step);

  // Until the next Read.
  const Batch& batch() const { return batch_; }
  uint32_t num_rows() const { return plan_.num_rows(); }

  // Copies the rows of the batch from, or to, a carry [num_tokens, width] of the step. Rows outside the batch become
  // zero.
  void GatherCarry(const float* carry, const Rows& rows) const;
  void ScatterCarry(const Rows& rows, float* carry) const;

  // Hands out the hidden rows and gives each entry its status: DATA_LOSS if an output or the last row of the residual
  // stream `x` is not finite. `hidden`: the rows of batch().output_rows after the output norm. Returns what there is to
  // say about the first entry that failed, or "".
  std::string Finish(const Rows& x, const Rows& hidden);

 private:
  bool HasFiniteOutputs(const PlannedEntry& planned) const;

  const skein_segment_desc& desc_;
  StepPlan plan_;
  StateSlots& slots_;
  std::vector<Sequence> sequences_;
  Batch batch_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_BATCH_PLAN_H_
