#include "cuda/step_buffers.h"

#include <algorithm>
#include <cstddef>

#include "cuda/devices.h"
#include "skein/status.h"

namespace skein::cuda {
namespace {

// Makes room for `size` values, whose old ones nobody needs.
template <typename T>
void Grow(PinnedArray<T>& array, uint32_t device, uint64_t size, const char* purpose) {
  if (array.size() >= size) return;
  array = PinnedArray<T>();
  array = PinnedArray<T>(device, size, purpose);
}

const char* Explain(int32_t status) {
  return status == SKEIN_DATA_LOSS ? "the result is not finite: the weights or the state are damaged"
                                   : "mask and bias leave no token";
}

}  // namespace

StepBuffers::StepBuffers(uint32_t device, const skein_segment_desc& desc, uint32_t num_carries)
    : device_(device),
      desc_(desc),
      num_carries_(num_carries),
      carry_floats_(uint64_t{desc.max_tokens} * desc.model.d_model),
      plan_(desc, num_carries, kFeatures),
      wishes_(desc.model.vocab_size),
      batch_(device, BatchLayout::MostBytes(desc), "a step's rows"),
      carries_in_(device, desc.flags & SKEIN_SEGMENT_EMBEDDING ? 0 : num_carries * carry_floats_, "carries"),
      carries_out_(device, desc.flags & SKEIN_SEGMENT_HEAD ? 0 : num_carries * carry_floats_, "carries"),
      outcome_(device, OutcomeLayout::MostBytes(desc), "outcomes of rows") {}

void StepBuffers::FillBatch(const StepCounts& counts, StateSlots& slots, uint64_t number) {
  counts_ = counts;
  wishes_.Read(plan_);
  MakeRoom();
  std::copy(wishes_.biases().begin(), wishes_.biases().end(), biases_.data());
  std::copy(wishes_.masks().begin(), wishes_.masks().end(), masks_.data());
  slots_.clear();
  // No entry reads what another one writes, so that their order does not matter.
  for (const kit::PlannedEntry& planned : plan_.entries()) {
    const uint32_t read = slots.Read(planned.entry->read_slot, number);
    slots_.push_back({read, slots.Write(planned.entry->write_slot, number)});
  }
  const BatchLayout layout(counts);
  layout.Fill(plan_, slots_, slots.initial_slot(), batch_.data());
  layout.FillWishes(wishes_.rows(), batch_.data());
}

void StepBuffers::MakeRoom() {
  const uint64_t num_hidden = counts_.num_outputs - counts_.num_logit_rows();
  const uint64_t num_greatest = has_greatest() ? uint64_t{counts_.num_reduced} * SKEIN_MAX_TOP_K : 0;
  Grow(biases_, device_, num_biases(), "biases of logits");
  Grow(masks_, device_, num_mask_words(), "masks of logits");
  Grow(greatest_, device_, num_greatest, "greatest logits");
  Grow(logits_, device_, uint64_t{counts_.num_logits} * desc_.model.vocab_size, "logits");
  Grow(hidden_, device_, num_hidden * desc_.model.d_model, "hidden rows");
}

void StepBuffers::GatherCarries() {
  const size_t width = desc_.model.d_model;
  for (uint32_t carry = 0; carry < num_carries_; ++carry) {
    float* out = carry_in(carry);
    for (const uint32_t token : plan_.step_tokens()) {
      out = std::copy_n(plan_.step().carries_in[carry] + token * width, width, out);
    }
    std::fill(out, carry_in(carry) + counts_.num_rows * width, 0.0f);
  }
}

void StepBuffers::ScatterCarries() {
  const size_t width = desc_.model.d_model;
  const skein_step& step = plan_.step();
  for (uint32_t carry = 0; carry < num_carries_; ++carry) {
    float* const to = step.carries_out[carry];
    // Rows of entries that were left out become zero.
    if (plan_.num_rows() != step.num_tokens) std::fill_n(to, step.num_tokens * width, 0.0f);
    for (uint32_t row = 0; row < plan_.num_rows(); ++row) {
      std::copy_n(carry_out(carry) + row * width, width, to + plan_.step_tokens()[row] * width);
    }
  }
}

std::string StepBuffers::HandOut() {
  HandOutLogits();
  HandOutHidden();
  if (!(desc_.flags & SKEIN_SEGMENT_HEAD) && plan_.step().num_entries > 0) ScatterCarries();
  for (uint32_t i = 0; i < plan_.entries().size(); ++i) {
    const kit::PlannedEntry& planned = plan_.entries()[i];
    const int32_t status = StatusOf(i);
    if (status == SKEIN_OK) {
      plan_.Succeed(planned);
    } else {
      plan_.Fail(planned, status, Explain(status));
    }
  }
  return plan_.first_failure();
}

void StepBuffers::HandOutLogits() {
  const size_t vocab_size = desc_.model.vocab_size;
  const auto places = plan_.logits();
  for (size_t i = 0; i < places.size(); ++i) std::copy_n(logits() + i * vocab_size, vocab_size, places[i]);
  for (const kit::PlannedEntry& planned : plan_.entries()) {
    const uint32_t output = planned.entry->output;
    if (output != SKEIN_STEP_TOP_K && output != SKEIN_STEP_SAMPLE) continue;
    for (uint32_t row = 0; row < planned.num_outputs; ++row) {
      const size_t index = planned.first_output + row;
      if (results()[index].status != LogitStatus::kGood) continue;
      const size_t reduced = index - counts_.num_logits;
      cuda::HandOut(planned, row, results()[index],
                    output == SKEIN_STEP_TOP_K ? greatest() + reduced * SKEIN_MAX_TOP_K : nullptr);
    }
  }
}

void StepBuffers::HandOutHidden() {
  const size_t width = desc_.model.d_model;
  for (const kit::PlannedEntry& planned : plan_.entries()) {
    if (planned.entry->output != SKEIN_STEP_HIDDEN || planned.num_outputs == 0) continue;
    const size_t first = planned.first_output - counts_.num_logit_rows();
    std::copy_n(hidden() + first * width, planned.num_outputs * width, planned.entry->output_rows);
  }
}

int32_t StepBuffers::StatusOf(uint32_t entry) const {
  const kit::PlannedEntry& planned = plan_.entries()[entry];
  if (flags()[entry] != 0) return SKEIN_DATA_LOSS;
  for (uint32_t output = planned.first_output; output < planned.first_output + planned.num_outputs; ++output) {
    if (planned.entry->output == SKEIN_STEP_HIDDEN) {
      if (flags()[counts_.num_sequences + output - counts_.num_logit_rows()] != 0) return SKEIN_DATA_LOSS;
    } else if (const int32_t status = CodeOf(results()[output].status); status != SKEIN_OK) {
      return status;
    }
  }
  return SKEIN_OK;
}

}  // namespace skein::cuda
