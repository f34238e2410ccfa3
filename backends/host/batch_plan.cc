#include "host/batch_plan.h"

#include <algorithm>
#include <cstddef>

#include "numbers/finite.h"

namespace skein::kit {

BatchPlan::BatchPlan(const skein_segment_desc& desc, StateSlots& slots, uint32_t num_carries)
    : desc_(desc), plan_(desc, num_carries), slots_(slots) {}

void BatchPlan::Read(const skein_step& step) {
  plan_.Read(step);
  sequences_.clear();
  for (const PlannedEntry& planned : plan_.entries()) {
    sequences_.push_back({.first_row = planned.first_row,
                          .num_rows = planned.num_rows,
                          .read_state = slots_.Read(planned.entry->read_slot),
                          .write_state = slots_.Write(planned.entry->write_slot)});
  }
  batch_ = {
      .tokens = plan_.tokens(), .sequences = sequences_, .output_rows = plan_.output_rows(), .logits = plan_.logits()};
}

void BatchPlan::GatherCarry(const float* carry, const Rows& rows) const {
  for (uint32_t row = 0; row < num_rows(); ++row) {
    std::copy_n(carry + size_t{plan_.step_tokens()[row]} * rows.width, rows.width, rows[row]);
  }
}

void BatchPlan::ScatterCarry(const Rows& rows, float* carry) const {
  const uint32_t num_tokens = plan_.step().num_tokens;
  if (num_rows() != num_tokens) std::fill_n(carry, size_t{num_tokens} * rows.width, 0.0f);
  for (uint32_t row = 0; row < num_rows(); ++row) {
    std::copy_n(rows[row], rows.width, carry + size_t{plan_.step_tokens()[row]} * rows.width);
  }
}

std::string BatchPlan::Finish(const Rows& x, const Rows& hidden) {
  for (const PlannedEntry& planned : plan_.entries()) {
    if (planned.entry->output == SKEIN_STEP_HIDDEN && planned.num_outputs > 0) {
      std::copy_n(hidden[planned.first_output], size_t{planned.num_outputs} * hidden.width, planned.entry->output_rows);
    }
    const uint32_t last_row = planned.first_row + planned.num_rows - 1;
    if (AllFinite({x[last_row], x.width}) && HasFiniteOutputs(planned)) {
      plan_.Succeed(planned);
    } else {
      plan_.Fail(planned, SKEIN_DATA_LOSS, "the result is not finite: the weights or the state are damaged");
    }
  }
  return plan_.first_failure();
}

bool BatchPlan::HasFiniteOutputs(const PlannedEntry& planned) const {
  const uint64_t width = planned.entry->output == SKEIN_STEP_LOGITS ? desc_.model.vocab_size : desc_.model.d_model;
  return AllFinite({planned.entry->output_rows, planned.num_outputs * width});
}

}  // namespace skein::kit
