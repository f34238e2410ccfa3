// From a step of the plugin boundary to the batch that the ops see, and from their results to the status of each entry.
//
// Order: Read; GatherCarry for each carry; run the ops over batch(); ScatterCarry; Finish.
// An entry that fails Read is not part of the batch. No entry's failure touches another.
#ifndef SKEIN_BACKENDS_HOST_BATCH_PLAN_H_
#define SKEIN_BACKENDS_HOST_BATCH_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "host/batch.h"
#include "host/state_slots.h"
#include "skein/backend.h"

namespace skein::kit {

class BatchPlan {
 public:
  // `desc` and `slots` outlive the plan. Carries [0, num_carries) cross the segment's cuts.
  BatchPlan(const skein_segment_desc& desc, StateSlots& slots, uint32_t num_carries);

  // Checks a step. Throws INVALID_ARGUMENT or OUT_OF_RANGE if it breaks a rule of the boundary, in a message that names
  // the entry; no state has been touched then. An entry with a bad token id or a feature that is not offered only gets
  // its own status.
  void Read(const skein_step& step);

  // Until the next Read.
  const Batch& batch() const { return batch_; }
  uint32_t num_rows() const { return static_cast<uint32_t>(tokens_.size()); }

  // Copies the rows of the batch from, or to, a carry [num_tokens, width] of the step. Rows outside the batch become
  // zero.
  void GatherCarry(const float* carry, const Rows& rows) const;
  void ScatterCarry(const Rows& rows, float* carry) const;

  // Hands out the hidden rows and gives each entry its status: DATA_LOSS if an output or the last row of the residual
  // stream `x` is not finite. `hidden`: the rows of batch().output_rows after the output norm. Returns what there is to
  // say about the first entry that failed, or "".
  std::string Finish(const Rows& x, const Rows& hidden);

 private:
  // An entry of the step that is in the batch.
  struct LiveEntry {
    skein_step_entry* entry;
    uint32_t index;             // in the step
    uint32_t first_row;         // of the batch
    uint32_t first_output_row;  // in output_rows, then by token
    uint32_t num_output_rows;
  };

  skein_step_entry& EntryAt(uint32_t index) const;
  void CheckStep(const skein_step& step) const;
  void CheckEntry(uint32_t index);
  void CheckSlots();
  void Refuse(uint32_t index, int32_t status, const std::string& why);
  bool IsOffered(uint32_t index);
  void AddRows(uint32_t index);
  void AddOutputs(uint32_t output);

  const skein_segment_desc& desc_;
  StateSlots& slots_;
  const uint32_t num_carries_;
  skein_step step_{};
  Batch batch_;
  std::vector<LiveEntry> live_;
  std::vector<uint32_t> tokens_;         // per row
  std::vector<uint32_t> step_token_;     // per row: its index among the tokens of the step
  std::vector<uint8_t> is_token_taken_;  // per token of the step
  std::vector<uint32_t> slot_writer_;    // per slot: the entry that writes it, while Read checks
  std::vector<Sequence> sequences_;
  std::vector<uint32_t> output_rows_;
  std::vector<float*> logits_;
  std::string first_failure_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_BATCH_PLAN_H_
