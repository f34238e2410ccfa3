#include "cuda/step_buffers.h"

#include <algorithm>
#include <cstddef>

#include "skein/status.h"

namespace skein::cuda {
namespace {

// Makes room for `size` values, whose old ones nobody needs.
void Grow(PinnedArray<float>& array, uint32_t device, uint64_t size, const char* purpose) {
  if (array.size() >= size) return;
  array = PinnedArray<float>();
  array = PinnedArray<float>(device, size, purpose);
}

}  // namespace

StepBuffers::StepBuffers(uint32_t device, const skein_segment_desc& desc, uint32_t num_carries)
    : device_(device),
      desc_(desc),
      num_carries_(num_carries),
      carry_floats_(uint64_t{desc.max_tokens} * desc.model.d_model),
      plan_(desc, num_carries),
      batch_(device, BatchLayout::MostBytes(desc), "a step's rows"),
      carries_in_(device, desc.flags & SKEIN_SEGMENT_EMBEDDING ? 0 : num_carries * carry_floats_, "carries"),
      carries_out_(device, desc.flags & SKEIN_SEGMENT_HEAD ? 0 : num_carries * carry_floats_, "carries"),
      flags_(device, 2 * uint64_t{desc.max_tokens}, "flags") {}

void StepBuffers::FillBatch(const StepCounts& counts, StateSlots& slots, uint64_t number) {
  counts_ = counts;
  const uint64_t hidden_rows = counts.num_outputs - counts.num_logits;
  Grow(logits_, device_, uint64_t{counts.num_logits} * desc_.model.vocab_size, "logits");
  Grow(hidden_, device_, hidden_rows * desc_.model.d_model, "hidden rows");
  slots_.clear();
  // No entry reads what another one writes, so that their order does not matter.
  for (const kit::PlannedEntry& planned : plan_.entries()) {
    const uint32_t read = slots.Read(planned.entry->read_slot);
    slots_.push_back({read, slots.Write(planned.entry->write_slot, number)});
  }
  BatchLayout(counts).Fill(plan_, slots_, slots.initial_slot(), batch_.data());
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
  const size_t vocab_size = desc_.model.vocab_size, width = desc_.model.d_model;
  const auto logits_places = plan_.logits();
  for (size_t i = 0; i < logits_places.size(); ++i) {
    std::copy_n(logits() + i * vocab_size, vocab_size, logits_places[i]);
  }
  for (const kit::PlannedEntry& planned : plan_.entries()) {
    if (planned.entry->output != SKEIN_STEP_HIDDEN || planned.num_outputs == 0) continue;
    const size_t first = planned.first_output - counts_.num_logits;
    std::copy_n(hidden() + first * width, planned.num_outputs * width, planned.entry->output_rows);
  }
  if (!(desc_.flags & SKEIN_SEGMENT_HEAD) && plan_.step().num_entries > 0) ScatterCarries();
  for (uint32_t i = 0; i < plan_.entries().size(); ++i) {
    if (IsFinite(i)) {
      plan_.Succeed(plan_.entries()[i]);
    } else {
      plan_.Fail(plan_.entries()[i], SKEIN_DATA_LOSS, "the result is not finite: the weights or the state are damaged");
    }
  }
  return plan_.first_failure();
}

bool StepBuffers::IsFinite(uint32_t entry) const {
  const kit::PlannedEntry& planned = plan_.entries()[entry];
  const uint32_t* const of_outputs = flags() + counts_.num_sequences + planned.first_output;
  return flags()[entry] == 0 && std::count(of_outputs, of_outputs + planned.num_outputs, 0u) == planned.num_outputs;
}

}  // namespace skein::cuda
