#include "kit/step_plan.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>

#include "numbers/step_features.h"
#include "support/boundary.h"

namespace skein::kit {
namespace {

constexpr uint32_t kNoEntry = 0xFFFFFFFFu;

// The struct's first form, through `status`. A host that was compiled with it gives entries of that size, so a field
// behind it is looked at only where the step's entry_size holds it.
constexpr uint32_t kFirstEntryBytes = offsetof(skein_step_entry, status) + sizeof(skein_step_entry::status);
static_assert(kFirstEntryBytes == 72, "skein/backend.h");

constexpr double kMostTemperature = 1e6;

// How many bytes of an entry must be there for its `sampling`.
constexpr uint32_t kSamplingEntryBytes = offsetof(skein_step_entry, sampling) + sizeof(skein_step_entry::sampling);

bool IsReduced(uint32_t output) { return output == SKEIN_STEP_TOP_K || output == SKEIN_STEP_SAMPLE; }

uint32_t NumWantedRows(const skein_step_entry& entry) { return entry.num_tokens - entry.output_start; }

// The caller's struct as far as the caller has it.
skein_sampling ReadSampling(const skein_sampling& from) {
  skein_sampling sampling = {};
  std::memcpy(&sampling, &from, std::min<size_t>(from.struct_size, sizeof(sampling)));
  return sampling;
}

// NaN is in no range.
bool IsWithin(double value, double low, double high) { return value >= low && value <= high; }

std::string EntryName(uint32_t index) { return "entry " + std::to_string(index); }

[[noreturn]] void Refuse(const std::string& what) { throw plugin::Error(SKEIN_INVALID_ARGUMENT, "step: " + what); }

void CheckAtMost(const char* what, uint32_t found, uint32_t most) {
  if (found <= most) return;
  Refuse("expected at most " + std::to_string(most) + " " + what + ", found " + std::to_string(found));
}

}  // namespace

StepPlan::StepPlan(const skein_segment_desc& desc, uint32_t num_carries, uint32_t features)
    : desc_(desc), num_carries_(num_carries), features_(features), slot_writer_(desc.num_slots, kNoEntry) {}

skein_step_entry& StepPlan::EntryAt(uint32_t index) const {
  return *reinterpret_cast<skein_step_entry*>(static_cast<unsigned char*>(step_.entries) +
                                              size_t{index} * step_.entry_size);
}

void StepPlan::Read(const skein_step& step, std::span<const uint32_t> draws_before) {
  draws_.clear();  // a step that is refused draws nothing
  CheckStep(step);
  step_ = step;
  Clear();
  for (uint32_t i = 0; i < step.num_entries; ++i) {
    CheckEntry(i);
    CheckDrawnBy(i, draws_before);
  }
  CheckSlots();
  for (uint32_t i = 0; i < step.num_entries; ++i) {
    if (IsOffered(i) && HasGoodTokens(i, draws_before) && HasGoodBias(i) && HasGoodSampling(i)) {
      AddRows(i, draws_before);
    }
  }
  draws_.assign(step.num_entries, 0);
  AddOutputs(SKEIN_STEP_LOGITS);
  AddOutputs(SKEIN_STEP_TOP_K);
  AddOutputs(SKEIN_STEP_SAMPLE);
  num_reduced_ = static_cast<uint32_t>(output_rows_.size() - logits_.size());
  AddOutputs(SKEIN_STEP_HIDDEN);
}

void StepPlan::Clear() {
  entries_.clear();
  tokens_.clear();
  step_tokens_.clear();
  drawn_from_.clear();
  has_drawn_ = false;
  output_rows_.clear();
  logits_.clear();
  first_failure_.clear();
  is_token_taken_.assign(step_.num_tokens, 0);
}

void StepPlan::CheckStep(const skein_step& step) const {
  CheckAtMost("tokens", step.num_tokens, desc_.max_tokens);
  CheckAtMost("entries", step.num_entries, desc_.max_entries);
  if (step.num_entries == 0) return;
  if (step.entry_size < kFirstEntryBytes || step.entry_size % alignof(skein_step_entry) != 0) {
    Refuse("expected entries of at least " + std::to_string(kFirstEntryBytes) + " bytes, a multiple of " +
           std::to_string(alignof(skein_step_entry)) + ", found " + std::to_string(step.entry_size));
  }
  if (step.entries == nullptr || step.tokens == nullptr) Refuse("entries or tokens are NULL");
  CheckCarries(step);
}

void StepPlan::CheckCarries(const skein_step& step) const {
  for (uint32_t carry = 0; carry < num_carries_; ++carry) {
    if (!(desc_.flags & SKEIN_SEGMENT_EMBEDDING) && step.carries_in[carry] == nullptr) {
      Refuse("carry " + std::to_string(carry) + " is not given to a segment without the embedding");
    }
    if (!(desc_.flags & SKEIN_SEGMENT_HEAD) && step.carries_out[carry] == nullptr) {
      Refuse("carry " + std::to_string(carry) + " has no place to go from a segment without the head");
    }
  }
}

void StepPlan::CheckEntry(uint32_t index) {
  CheckTokens(index);
  CheckOutput(index);
  CheckBias(index);
}

void StepPlan::CheckTokens(uint32_t index) {
  const skein_step_entry& entry = EntryAt(index);
  const uint64_t end = uint64_t{entry.first_token} + entry.num_tokens;
  if (entry.num_tokens == 0 || end > step_.num_tokens) {
    Refuse(EntryName(index) + ": tokens " + std::to_string(entry.first_token) + " to " + std::to_string(end) +
           ": expected at least one, below " + std::to_string(step_.num_tokens));
  }
  for (uint64_t token = entry.first_token; token < end; ++token) {
    if (is_token_taken_[token] != 0) {
      Refuse(EntryName(index) + ": token " + std::to_string(token) + " belongs to another entry too");
    }
    is_token_taken_[token] = 1;
  }
}

void StepPlan::CheckOutput(uint32_t index) const {
  const skein_step_entry& entry = EntryAt(index);
  if (entry.output == SKEIN_STEP_NO_OUTPUT) return;
  if (!(desc_.flags & SKEIN_SEGMENT_HEAD)) {
    Refuse(EntryName(index) + ": wants an output of a segment without the head");
  }
  if (entry.output > SKEIN_STEP_SAMPLE) {
    Refuse(EntryName(index) + ": no output is numbered " + std::to_string(entry.output));
  }
  if (entry.output_start > entry.num_tokens) {
    Refuse(EntryName(index) + ": output_start " + std::to_string(entry.output_start) + " of " +
           std::to_string(entry.num_tokens) + " tokens");
  }
  if (NumWantedRows(entry) == 0) return;
  if (entry.output_rows == nullptr) Refuse(EntryName(index) + ": output_rows is NULL");
  if (LackingFeatures(index) != 0) return;  // refused alone, whatever the fields of what is lacking say
  if (IsReduced(entry.output) && entry.output_tokens == nullptr) Refuse(EntryName(index) + ": output_tokens is NULL");
  if (entry.output == SKEIN_STEP_TOP_K) CheckTopK(index);
  if (entry.output == SKEIN_STEP_SAMPLE) CheckSampling(index);
}

void StepPlan::CheckTopK(uint32_t index) const {
  const uint32_t most = std::min<uint32_t>(SKEIN_MAX_TOP_K, desc_.model.vocab_size);
  const uint32_t top_k = EntryAt(index).top_k;
  if (top_k >= 1 && top_k <= most) return;
  Refuse(EntryName(index) + ": top_k " + std::to_string(top_k) + ": expected 1 to " + std::to_string(most));
}

void StepPlan::CheckSampling(uint32_t index) const {
  if (step_.entry_size < kSamplingEntryBytes || EntryAt(index).sampling == nullptr) {
    Refuse(EntryName(index) + ": wants a token drawn without its field `sampling`");
  }
  if (ReadSampling(*EntryAt(index).sampling).uniforms == nullptr) {
    Refuse(EntryName(index) + ": sampling: uniforms is NULL");
  }
}

void StepPlan::CheckBias(uint32_t index) const {
  const skein_step_entry& entry = EntryAt(index);
  if (LackingFeatures(index) != 0) return;
  CheckAtMost("biases of an entry", entry.num_bias, SKEIN_MAX_BIAS);
  if (entry.num_bias != 0 && entry.bias == nullptr) Refuse(EntryName(index) + ": bias is NULL");
}

void StepPlan::CheckSlots() {
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    CheckSlotRange(i, EntryAt(i).read_slot, SKEIN_SLOT_INITIAL);
    CheckSlotRange(i, EntryAt(i).write_slot, SKEIN_SLOT_NONE);
  }
  const std::string conflict = FindConflict();
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    const uint32_t slot = EntryAt(i).write_slot;
    if (slot != SKEIN_SLOT_NONE) slot_writer_[slot] = kNoEntry;
  }
  if (!conflict.empty()) Refuse(conflict);
}

void StepPlan::CheckSlotRange(uint32_t index, uint32_t slot, uint32_t special) const {
  if (slot == special || slot < desc_.num_slots) return;
  throw plugin::Error(SKEIN_OUT_OF_RANGE, "step: " + EntryName(index) + ": slot " + std::to_string(slot) +
                                              ": the segment has " + std::to_string(desc_.num_slots) + " slots");
}

std::string StepPlan::FindConflict() {
  std::string conflict;
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    const uint32_t slot = EntryAt(i).write_slot;
    if (slot == SKEIN_SLOT_NONE) continue;
    if (slot_writer_[slot] != kNoEntry) {
      conflict = EntryName(i) + ": another entry writes slot " + std::to_string(slot) + " too";
    }
    slot_writer_[slot] = i;
  }
  for (uint32_t i = 0; i < step_.num_entries; ++i) {
    const uint32_t slot = EntryAt(i).read_slot;
    if (slot == SKEIN_SLOT_INITIAL || slot_writer_[slot] == kNoEntry || slot_writer_[slot] == i) continue;
    conflict = EntryName(i) + ": reads slot " + std::to_string(slot) + ", which another entry writes";
  }
  return conflict;
}

void StepPlan::Fail(uint32_t index, int32_t status, const std::string& why) {
  EntryAt(index).status = status;
  if (first_failure_.empty()) first_failure_ = "step: " + EntryName(index) + ": " + why;
}

uint32_t StepPlan::LackingFeatures(uint32_t index) const {
  return FeaturesOf(EntryAt(index), step_.entry_size) & ~features_;
}

void StepPlan::CheckDrawnBy(uint32_t index, std::span<const uint32_t> draws_before) const {
  const uint32_t drawn_by = DrawnBy(EntryAt(index), step_.entry_size);
  if (drawn_by == 0 || LackingFeatures(index) != 0) return;
  if ((desc_.flags & SKEIN_SEGMENT_EMBEDDING) == 0 || (desc_.flags & SKEIN_SEGMENT_HEAD) == 0) {
    Refuse(EntryName(index) + ": drawn_by needs a segment with embedding and head");
  }
  if (EntryAt(index).num_tokens != 1) {
    Refuse(EntryName(index) + ": drawn_by with " + std::to_string(EntryAt(index).num_tokens) + " tokens: expected one");
  }
  if (drawn_by <= draws_before.size()) return;
  Refuse(EntryName(index) + ": drawn_by " + std::to_string(drawn_by) + ": the step before has " +
         std::to_string(draws_before.size()) + " entries");
}

bool StepPlan::IsOffered(uint32_t index) {
  const uint32_t lacking = LackingFeatures(index);
  if (lacking == 0) return true;
  Fail(index, SKEIN_UNIMPLEMENTED, "the device does not offer " + FeatureNames(lacking));
  return false;
}

bool StepPlan::HasGoodTokens(uint32_t index, std::span<const uint32_t> draws_before) {
  const skein_step_entry& entry = EntryAt(index);
  if (const uint32_t drawn_by = DrawnBy(entry, step_.entry_size); drawn_by != 0) {
    if (draws_before[drawn_by - 1] != 0) return true;
    Fail(index, SKEIN_FAILED_PRECONDITION,
         EntryName(drawn_by - 1) + " of the step before, which was to draw its token, drew none");
    return false;
  }
  for (uint32_t i = 0; i < entry.num_tokens; ++i) {
    const uint32_t token = step_.tokens[entry.first_token + i];
    if (token < desc_.model.vocab_size) continue;
    Fail(index, SKEIN_INVALID_ARGUMENT,
         "token id " + std::to_string(token) + ": the vocabulary has " + std::to_string(desc_.model.vocab_size) +
             " ids");
    return false;
  }
  return true;
}

bool StepPlan::HasGoodBias(uint32_t index) {
  const skein_step_entry& entry = EntryAt(index);
  uint32_t least = 0;
  for (uint32_t i = 0; i < entry.num_bias; ++i) {
    const auto [token, bias] = entry.bias[i];
    if (token < least || token >= desc_.model.vocab_size) {
      Fail(index, SKEIN_INVALID_ARGUMENT,
           "bias " + std::to_string(i) + " is for token " + std::to_string(token) + ": expected " +
               std::to_string(least) + " to " + std::to_string(desc_.model.vocab_size - 1));
      return false;
    }
    if (!(bias < std::numeric_limits<float>::infinity())) {
      Fail(index, SKEIN_INVALID_ARGUMENT,
           "bias " + std::to_string(i) + " is " + std::to_string(bias) + ": expected a finite one or minus infinity");
      return false;
    }
    least = token;
  }
  return true;
}

bool StepPlan::HasGoodSampling(uint32_t index) {
  const skein_step_entry& entry = EntryAt(index);
  if (entry.output != SKEIN_STEP_SAMPLE || NumWantedRows(entry) == 0) return true;
  const skein_sampling sampling = ReadSampling(*entry.sampling);
  const auto refuse = [&](const std::string& name, double value, const char* expected) {
    Fail(index, SKEIN_INVALID_ARGUMENT, "sampling: " + name + " " + std::to_string(value) + ": expected " + expected);
    return false;
  };
  if (!IsWithin(sampling.temperature, 0, kMostTemperature))
    return refuse("temperature", sampling.temperature, "0 to 1e6");
  if (!IsWithin(sampling.top_p, 0, 1)) return refuse("top_p", sampling.top_p, "0 to 1");
  if (!IsWithin(sampling.min_p, 0, 1)) return refuse("min_p", sampling.min_p, "0 to 1");
  for (uint32_t i = 0; i < NumWantedRows(entry); ++i) {
    const double uniform = sampling.uniforms[i];
    if (!IsWithin(uniform, 0, 1) || uniform == 1) {
      return refuse("uniform " + std::to_string(i), uniform, "at least 0 and less than 1");
    }
  }
  return true;
}

void StepPlan::AddRows(uint32_t index, std::span<const uint32_t> draws_before) {
  skein_step_entry& entry = EntryAt(index);
  entries_.push_back({.entry = &entry,
                      .index = index,
                      .first_row = num_rows(),
                      .num_rows = entry.num_tokens,
                      .first_output = 0,
                      .num_outputs = 0,
                      .sampling = {}});
  if (entry.output == SKEIN_STEP_SAMPLE && NumWantedRows(entry) != 0) {
    entries_.back().sampling = ReadSampling(*entry.sampling);
  }
  const uint32_t drawn_by = DrawnBy(entry, step_.entry_size);
  has_drawn_ = has_drawn_ || drawn_by != 0;
  for (uint32_t i = 0; i < entry.num_tokens; ++i) {
    step_tokens_.push_back(entry.first_token + i);
    tokens_.push_back(drawn_by != 0 ? 0 : step_.tokens[entry.first_token + i]);
    drawn_from_.push_back(drawn_by != 0 ? draws_before[drawn_by - 1] : 0);
  }
}

void StepPlan::AddOutputs(uint32_t output) {
  for (PlannedEntry& planned : entries_) {
    const skein_step_entry& entry = *planned.entry;
    if (entry.output != output) continue;
    planned.first_output = static_cast<uint32_t>(output_rows_.size());
    planned.num_outputs = NumWantedRows(entry);
    if (output == SKEIN_STEP_SAMPLE) {
      draws_[planned.index] = planned.num_outputs == 0 ? 0 : planned.first_output + planned.num_outputs;
    }
    for (uint32_t i = 0; i < planned.num_outputs; ++i) {
      output_rows_.push_back(planned.first_row + entry.output_start + i);
      if (output == SKEIN_STEP_LOGITS) logits_.push_back(entry.output_rows + size_t{i} * desc_.model.vocab_size);
    }
  }
}

}  // namespace skein::kit
