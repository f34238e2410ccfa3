#include "host/batch_plan.h"

#include <algorithm>
#include <cstddef>
#include <limits>

#include "kit/checked_product.h"
#include "numbers/finite.h"

namespace skein::kit {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The floats of logits that a step may leave to be reduced.
uint64_t ReducedFloats(const skein_segment_desc& desc, uint32_t features) {
  const bool has_logits = (desc.flags & SKEIN_SEGMENT_HEAD) != 0;
  const bool reduces = (features & (SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_SAMPLE)) != 0;
  return has_logits && reduces ? CheckedProduct(desc.max_tokens, desc.model.vocab_size) : 0;
}

// Of an output that is no drawn token.
constexpr uint32_t kNoToken = 0xFFFFFFFFu;

const char* Explain(int32_t status) {
  return status == SKEIN_DATA_LOSS ? "the result is not finite: the weights or the state are damaged"
                                   : "mask and bias leave no token";
}

}  // namespace

BatchPlan::BatchPlan(const skein_host& host, const skein_segment_desc& desc, StateSlots& slots, uint32_t num_carries,
                     uint32_t features)
    : desc_(desc),
      plan_(desc, num_carries, features),
      slots_(slots),
      reduced_logits_(host, ReducedFloats(desc, features), "logits", Content::kUnset) {}

uint64_t BatchPlan::ScratchBytes(const skein_segment_desc& desc, uint32_t features) {
  return CheckedProduct(ReducedFloats(desc, features), sizeof(float));
}

void BatchPlan::Read(const skein_step& step) {
  draws_before_.assign(plan_.draws().begin(), plan_.draws().end());
  drawn_before_.swap(drawn_);
  drawn_.clear();
  plan_.Read(step, draws_before_);
  drawn_.assign(plan_.output_rows().size(), kNoToken);
  TakeTokens();
  sequences_.clear();
  for (const PlannedEntry& planned : plan_.entries()) {
    sequences_.push_back({.first_row = planned.first_row,
                          .num_rows = planned.num_rows,
                          .read_state = slots_.Read(planned.entry->read_slot),
                          .write_state = slots_.Write(planned.entry->write_slot)});
  }
  logits_.assign(plan_.logits().begin(), plan_.logits().end());
  for (uint32_t i = 0; i < plan_.num_reduced(); ++i) {
    logits_.push_back(reduced_logits_.data() + size_t{i} * desc_.model.vocab_size);
  }
  batch_ = {.tokens = tokens_, .sequences = sequences_, .output_rows = plan_.output_rows(), .logits = logits_};
}

void BatchPlan::TakeTokens() {
  tokens_.assign(plan_.tokens().begin(), plan_.tokens().end());
  for (uint32_t row = 0; row < tokens_.size(); ++row) {
    const uint32_t from = plan_.drawn_from()[row];
    if (from != 0 && drawn_before_[from - 1] != kNoToken) tokens_[row] = drawn_before_[from - 1];
  }
}

bool BatchPlan::HasItsToken(const PlannedEntry& planned) const {
  const uint32_t from = plan_.drawn_from()[planned.first_row];
  return from == 0 || drawn_before_[from - 1] != kNoToken;
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
    int32_t status = planned.entry->output == SKEIN_STEP_HIDDEN ? FinishHidden(planned, hidden) : FinishLogits(planned);
    const uint32_t last_row = planned.first_row + planned.num_rows - 1;
    if (!AllFinite({x[last_row], x.width})) status = SKEIN_DATA_LOSS;
    if (!HasItsToken(planned)) {
      plan_.Fail(planned, SKEIN_FAILED_PRECONDITION, "the entry that was to draw its token failed");
    } else if (status == SKEIN_OK) {
      plan_.Succeed(planned);
    } else {
      plan_.Fail(planned, status, Explain(status));
    }
  }
  return plan_.first_failure();
}

int32_t BatchPlan::FinishHidden(const PlannedEntry& planned, const Rows& hidden) const {
  if (planned.num_outputs == 0) return SKEIN_OK;
  const size_t num_floats = size_t{planned.num_outputs} * hidden.width;
  std::copy_n(hidden[planned.first_output], num_floats, planned.entry->output_rows);
  return AllFinite({planned.entry->output_rows, num_floats}) ? SKEIN_OK : SKEIN_DATA_LOSS;
}

int32_t BatchPlan::FinishLogits(const PlannedEntry& planned) {
  for (uint32_t row = 0; row < planned.num_outputs; ++row) {
    const int32_t status = FinishRow(planned, row);
    if (status != SKEIN_OK) return status;
  }
  return SKEIN_OK;
}

int32_t BatchPlan::FinishRow(const PlannedEntry& planned, uint32_t row) {
  const skein_step_entry& entry = *planned.entry;
  const std::span<float> logits(logits_[planned.first_output + row], desc_.model.vocab_size);
  if (!AllFinite(logits)) return SKEIN_DATA_LOSS;
  ApplyBiasAndMask(entry, logits);
  const float max = *std::max_element(logits.begin(), logits.end());
  if (max == kInfinity) return SKEIN_DATA_LOSS;
  if (entry.output == SKEIN_STEP_LOGITS) return SKEIN_OK;
  if (max == -kInfinity) return SKEIN_FAILED_PRECONDITION;
  if (entry.output == SKEIN_STEP_TOP_K) {
    reduction_.TopK(logits, entry.top_k, entry.output_rows + size_t{row} * (entry.top_k + 1),
                    entry.output_tokens + size_t{row} * entry.top_k);
  } else {
    reduction_.Sample(logits, planned.sampling, planned.sampling.uniforms[row], entry.output_rows + size_t{row} * 2,
                      entry.output_tokens + row);
    drawn_[planned.first_output + row] = entry.output_tokens[row];
  }
  return SKEIN_OK;
}

}  // namespace skein::kit
