// A step of the plugin boundary, checked and cut into rows: from a caller's entries to the work of a backend, wherever
// its memory is. No entry's failure touches another.
//
// Order: Read; run the step; Succeed or Fail for each of entries().
#ifndef SKEIN_BACKENDS_KIT_STEP_PLAN_H_
#define SKEIN_BACKENDS_KIT_STEP_PLAN_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skein/backend.h"

namespace skein::kit {

// An entry of the step that will be computed. Its tokens are rows [first_row, first_row + num_rows), at least one; the
// entries follow each other without gaps.
struct PlannedEntry {
  skein_step_entry* entry;  // the caller's
  uint32_t index;           // in the step, for messages
  uint32_t first_row;
  uint32_t num_rows;
  uint32_t first_output;  // its outputs, in output_rows()
  uint32_t num_outputs;
  skein_sampling sampling;  // with SKEIN_STEP_SAMPLE; its fields are in their ranges
};

class StepPlan {
 public:
  // `desc` was checked (segment_desc.h). Carries [0, num_carries) cross the segment's cuts. `features`: those that the
  // device offers, SKEIN_FEATURE_*.
  StepPlan(const skein_segment_desc& desc, uint32_t num_carries, uint32_t features);

  // Checks a step. Throws INVALID_ARGUMENT or OUT_OF_RANGE if it breaks a rule of the boundary, in a message that names
  // the entry; then the plan cannot be used, and no state has been touched. An entry with a bad token id, a bad number
  // in its biases or its sampling, or a feature that is not offered gets its own status, and is left out of the plan.
  // `draws_before`: draws() of the step before, which are not those of this plan.
  void Read(const skein_step& step, std::span<const uint32_t> draws_before = {});

  // Until the next Read:
  const skein_step& step() const { return step_; }
  std::span<const PlannedEntry> entries() const { return entries_; }
  uint32_t num_rows() const { return static_cast<uint32_t>(tokens_.size()); }
  // Per row; checked against the vocabulary. Where drawn_from() is not 0, any id.
  std::span<const uint32_t> tokens() const { return tokens_; }
  // Per row: 1 + the output of the step before that drew its token; 0 if the token is known.
  std::span<const uint32_t> drawn_from() const { return drawn_from_; }
  bool has_drawn() const { return has_drawn_; }
  // Per entry of the step: 1 + the output that is the last token that it draws; 0 if it draws none.
  std::span<const uint32_t> draws() const { return draws_; }
  std::span<const uint32_t> step_tokens() const { return step_tokens_; }  // per row: its index in the step's tokens
  // The row of each output that is wanted. First come the outputs whose logits are wanted, then those whose logits are
  // computed and reduced to a few numbers (SKEIN_STEP_TOP_K and SKEIN_STEP_SAMPLE), then the hidden rows.
  std::span<const uint32_t> output_rows() const { return output_rows_; }
  // The caller's addresses for the logits of the first outputs, [V] each, in the host's memory.
  std::span<float* const> logits() const { return logits_; }
  // The number of outputs behind those of logits() whose logits are reduced.
  uint32_t num_reduced() const { return num_reduced_; }

  // The status of an entry that was computed.
  void Succeed(const PlannedEntry& entry) { entry.entry->status = SKEIN_OK; }
  void Fail(const PlannedEntry& entry, int32_t status, const std::string& why) { Fail(entry.index, status, why); }
  // The message of the first entry that failed, or "".
  const std::string& first_failure() const { return first_failure_; }

 private:
  skein_step_entry& EntryAt(uint32_t index) const;
  void Clear();
  void CheckStep(const skein_step& step) const;
  void CheckCarries(const skein_step& step) const;
  void CheckEntry(uint32_t index);
  void CheckTokens(uint32_t index);
  void CheckOutput(uint32_t index) const;
  void CheckTopK(uint32_t index) const;
  void CheckSampling(uint32_t index) const;
  void CheckBias(uint32_t index) const;
  void CheckSlots();
  void CheckSlotRange(uint32_t index, uint32_t slot, uint32_t special) const;
  // Writes into `slot_writer_`, and gives a message about an entry that is in another's way, or "".
  std::string FindConflict();
  void Fail(uint32_t index, int32_t status, const std::string& why);
  uint32_t LackingFeatures(uint32_t index) const;
  void CheckDrawnBy(uint32_t index, std::span<const uint32_t> draws_before) const;
  bool IsOffered(uint32_t index);
  bool HasGoodTokens(uint32_t index, std::span<const uint32_t> draws_before);
  bool HasGoodBias(uint32_t index);
  bool HasGoodSampling(uint32_t index);
  void AddRows(uint32_t index, std::span<const uint32_t> draws_before);
  void AddOutputs(uint32_t output);

  const skein_segment_desc& desc_;
  const uint32_t num_carries_;
  const uint32_t features_;
  skein_step step_{};
  std::vector<PlannedEntry> entries_;
  std::vector<uint32_t> tokens_;
  std::vector<uint32_t> step_tokens_;
  std::vector<uint32_t> drawn_from_;
  bool has_drawn_ = false;
  std::vector<uint32_t> draws_;
  std::vector<uint32_t> output_rows_;
  std::vector<float*> logits_;
  uint32_t num_reduced_ = 0;
  std::string first_failure_;
  std::vector<uint8_t> is_token_taken_;  // per token of the step
  std::vector<uint32_t> slot_writer_;    // per slot: the entry that writes it, while FindConflict runs
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_STEP_PLAN_H_
