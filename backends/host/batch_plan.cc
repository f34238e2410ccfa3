#include "host/batch_plan.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "numbers/finite.h"
#include "support/boundary.h"

namespace skein::kit {
namespace {

constexpr uint32_t kNoEntry = 0xFFFFFFFFu;

// The struct's first form, through `status`. A host that was compiled with it gives entries of that size, so a field
// behind it is looked at only where the step's entry_size holds it.
constexpr uint32_t kFirstEntryBytes = offsetof(skein_step_entry, status) + sizeof(skein_step_entry::status);
static_assert(kFirstEntryBytes == 72, "skein/backend.h");

std::string EntryName(uint32_t index) { return "entry " + std::to_string(index); }

[[noreturn]] void Refused(const std::string& what) { throw plugin::Error(SKEIN_INVALID_ARGUMENT, "step: " + what); }

}  // namespace

BatchPlan::BatchPlan(const skein_segment_desc& desc, StateSlots& slots, uint32_t num_carries)
    : desc_(desc), slots_(slots), num_carries_(num_carries), slot_writer_(slots.num_slots(), kNoEntry) {}

skein_step_entry& BatchPlan::EntryAt(uint32_t index) const {
  return *reinterpret_cast<skein_step_entry*>(static_cast<unsigned char*>(step_.entries) +
                                              size_t{index} * step_.entry_size);
}

void BatchPlan::Read(const skein_step& step) {
  CheckStep(step);
  step_ = step;
  live_.clear();
  tokens_.clear();
  step_token_.clear();
  sequences_.clear();
  output_rows_.clear();
  logits_.clear();
  first_failure_.clear();
  is_token_taken_.assign(step.num_tokens, 0);

  for (uint32_t i = 0; i < step.num_entries; ++i) CheckEntry(i);
  CheckSlots();
  for (uint32_t i = 0; i < step.num_entries; ++i) {
    if (IsOffered(i)) AddRows(i);
  }
  AddOutputs(SKEIN_STEP_LOGITS);  // first, as batch.h has it
  AddOutputs(SKEIN_STEP_HIDDEN);
  batch_ = {.tokens = tokens_, .sequences = sequences_, .output_rows = output_rows_, .logits = logits_};
}

void BatchPlan::CheckStep(const skein_step& step) const {
  if (step.num_tokens > desc_.max_tokens) {
    Refused("expected at most " + std::to_string(desc_.max_tokens) + " tokens, found " +
            std::to_string(step.num_tokens));
  }
  if (step.num_entries > desc_.max_entries) {
    Refused("expected at most " + std::to_string(desc_.max_entries) + " entries, found " +
            std::to_string(step.num_entries));
  }
  if (step.num_entries == 0) return;
  if (step.entry_size < kFirstEntryBytes || step.entry_size % alignof(skein_step_entry) != 0) {
    Refused("expected entries of at least " + std::to_string(kFirstEntryBytes) + " bytes, a multiple of " +
            std::to_string(alignof(skein_step_entry)) + ", found " + std::to_string(step.entry_size));
  }
  if (step.entries == nullptr || step.tokens == nullptr) Refused("entries or tokens are NULL");
  for (uint32_t carry = 0; carry < num_carries_; ++carry) {
    if (!(desc_.flags & SKEIN_SEGMENT_EMBEDDING) && step.carries_in[carry] == nullptr) {
      Refused("carry " + std::to_string(carry) + " is not given to a segment without the embedding");
    }
    if (!(desc_.flags & SKEIN_SEGMENT_HEAD) && step.carries_out[carry] == nullptr) {
      Refused("carry " + std::to_string(carry) + " has no place to go from a segment without the head");
    }
  }
}

void BatchPlan::CheckEntry(uint32_t index) {
  const skein_step_entry& entry = EntryAt(index);
  const uint64_t end = uint64_t{entry.first_token} + entry.num_tokens;
  if (entry.num_tokens == 0 || end > step_.num_tokens) {
    Refused(EntryName(index) + ": tokens " + std::to_string(entry.first_token) + " to " + std::to_string(end) +
            ": expected at least one, below " + std::to_string(step_.num_tokens));
  }
  for (uint64_t token = entry.first_token; token < end; ++token) {
    if (is_token_taken_[token] != 0) {
      Refused(EntryName(index) + ": token " + std::to_string(token) + " belongs to another entry too");
    }
    is_token_taken_[token] = 1;
  }
  if (entry.output == SKEIN_STEP_NO_OUTPUT) return;
  if (!(desc_.flags & SKEIN_SEGMENT_HEAD)) {
    Refused(EntryName(index) + ": wants an output of a segment without the head");
  }
  if (entry.output > SKEIN_STEP_TOP_K) {
    Refused(EntryName(index) + ": no output is numbered " + std::to_string(entry.output));
  }
  if (entry.output_start > entry.num_tokens) {
    Refused(EntryName(index) + ": output_start " + std::to_string(entry.output_start) + " of " +
            std::to_string(entry.num_tokens) + " tokens");
  }
  if (entry.output_start < entry.num_tokens && entry.output_rows == nullptr) {
    Refused(EntryName(index) + ": output_rows is NULL");
  }
}

void BatchPlan::CheckSlots() {
  const auto check_range = [this](uint32_t index, uint32_t slot, uint32_t special) {
    if (slot == special || slot < slots_.num_slots()) return;
    throw plugin::Error(SKEIN_OUT_OF_RANGE, "step: " + EntryName(index) + ": slot " + std::to_string(slot) +
                                                ": the segment has " + std::to_string(slots_.num_slots()) + " slots");
  };
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    check_range(i, EntryAt(i).read_slot, SKEIN_SLOT_INITIAL);
    check_range(i, EntryAt(i).write_slot, SKEIN_SLOT_NONE);
  }
  std::string conflict;
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    const uint32_t slot = EntryAt(i).write_slot;
    if (slot == SKEIN_SLOT_NONE) continue;
    if (slot_writer_[slot] != kNoEntry)
      conflict = EntryName(i) + ": another entry writes slot " + std::to_string(slot) + " too";
    slot_writer_[slot] = i;
  }
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    const uint32_t slot = EntryAt(i).read_slot;
    if (slot == SKEIN_SLOT_INITIAL || slot_writer_[slot] == kNoEntry || slot_writer_[slot] == i) continue;
    conflict = EntryName(i) + ": reads slot " + std::to_string(slot) + ", which another entry writes";
  }
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    const uint32_t slot = EntryAt(i).write_slot;
    if (slot != SKEIN_SLOT_NONE) slot_writer_[slot] = kNoEntry;
  }
  if (!conflict.empty()) Refused(conflict);
}

void BatchPlan::Refuse(uint32_t index, int32_t status, const std::string& why) {
  EntryAt(index).status = status;
  if (first_failure_.empty()) first_failure_ = "step: " + EntryName(index) + ": " + why;
}

bool BatchPlan::IsOffered(uint32_t index) {
  const skein_step_entry& entry = EntryAt(index);
  if (entry.adapter != 0 || entry.output == SKEIN_STEP_TOP_K || entry.mask != nullptr || entry.num_bias != 0) {
    Refuse(index, SKEIN_UNIMPLEMENTED, "the device offers no adapters, top-k, masks or biases");
    return false;
  }
  for (uint32_t i = 0; i < entry.num_tokens; ++i) {
    const uint32_t token = step_.tokens[entry.first_token + i];
    if (token < desc_.model.vocab_size) continue;
    Refuse(index, SKEIN_INVALID_ARGUMENT,
           "token id " + std::to_string(token) + ": the vocabulary has " + std::to_string(desc_.model.vocab_size) +
               " ids");
    return false;
  }
  return true;
}

void BatchPlan::AddRows(uint32_t index) {
  skein_step_entry& entry = EntryAt(index);
  live_.push_back(
      {.entry = &entry, .index = index, .first_row = num_rows(), .first_output_row = 0, .num_output_rows = 0});
  sequences_.push_back({.first_row = num_rows(),
                        .num_rows = entry.num_tokens,
                        .read_state = slots_.Read(entry.read_slot),
                        .write_state = slots_.Write(entry.write_slot)});
  for (uint32_t i = 0; i < entry.num_tokens; ++i) {
    step_token_.push_back(entry.first_token + i);
    tokens_.push_back(step_.tokens[entry.first_token + i]);
  }
}

void BatchPlan::AddOutputs(uint32_t output) {
  for (LiveEntry& live : live_) {
    const skein_step_entry& entry = *live.entry;
    if (entry.output != output) continue;
    live.first_output_row = static_cast<uint32_t>(output_rows_.size());
    live.num_output_rows = entry.num_tokens - entry.output_start;
    for (uint32_t i = 0; i < live.num_output_rows; ++i) {
      output_rows_.push_back(live.first_row + entry.output_start + i);
      if (output == SKEIN_STEP_LOGITS) logits_.push_back(entry.output_rows + size_t{i} * desc_.model.vocab_size);
    }
  }
}

void BatchPlan::GatherCarry(const float* carry, const Rows& rows) const {
  for (uint32_t row = 0; row < num_rows(); ++row) {
    std::copy_n(carry + size_t{step_token_[row]} * rows.width, rows.width, rows[row]);
  }
}

void BatchPlan::ScatterCarry(const Rows& rows, float* carry) const {
  if (num_rows() != step_.num_tokens) std::fill_n(carry, size_t{step_.num_tokens} * rows.width, 0.0f);
  for (uint32_t row = 0; row < num_rows(); ++row) {
    std::copy_n(rows[row], rows.width, carry + size_t{step_token_[row]} * rows.width);
  }
}

std::string BatchPlan::Finish(const Rows& x, const Rows& hidden) {
  for (const LiveEntry& live : live_) {
    skein_step_entry& entry = *live.entry;
    const uint32_t last_row = live.first_row + entry.num_tokens - 1;
    bool is_finite = AllFinite({x[last_row], x.width});
    if (entry.output == SKEIN_STEP_HIDDEN) {
      const size_t floats = size_t{live.num_output_rows} * hidden.width;
      is_finite = is_finite && AllFinite({hidden[live.first_output_row], floats});
      std::copy_n(hidden[live.first_output_row], floats, entry.output_rows);
    } else if (entry.output == SKEIN_STEP_LOGITS) {
      is_finite = is_finite && AllFinite({entry.output_rows, size_t{live.num_output_rows} * desc_.model.vocab_size});
    }
    if (is_finite) {
      entry.status = SKEIN_OK;
    } else {
      Refuse(live.index, SKEIN_DATA_LOSS, "the result is not finite: the weights or the state are damaged");
    }
  }
  return first_failure_;
}

}  // namespace skein::kit
