#include "devices/step_passage.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace skein {
namespace {

// Takes back the wish for an output, with all that belongs to it.
void ForgoOutput(skein_step_entry& entry) {
  entry.output = SKEIN_STEP_NO_OUTPUT;
  entry.output_rows = nullptr;
  entry.output_tokens = nullptr;
  entry.mask = nullptr;
  entry.bias = nullptr;
  entry.num_bias = 0;
  entry.sampling = nullptr;
}

}  // namespace

StepPassage::StepPassage(const PassageRoom& room) : num_carries_(room.num_carries) {
  segment_entries_.reserve(room.max_entries);
  for (uint32_t side = 0; side < std::min<uint32_t>(room.num_cuts, 2); ++side) {
    for (uint32_t carry = 0; carry < num_carries_; ++carry) carries_[side][carry].resize(room.carry_floats);
  }
}

void StepPassage::Start(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries) {
  tokens_ = tokens;
  entries_ = entries;
  status_ = absl::OkStatus();
}

void StepPassage::Enter(Segment& segment, size_t index, bool is_last) noexcept {
  segment_index_ = index;
  entered_ = std::chrono::steady_clock::now();
  PrepareEntries(is_last);
  const skein_step step = PartOfStep(index, is_last);
  status_ = Guarded([&] {
    absl::StatusOr<SegmentFence> begun = segment.Begin(step);
    if (!begun.ok()) return begun.status();
    pending_ = *std::move(begun);
    return absl::OkStatus();
  });
}

void StepPassage::Leave() noexcept {
  status_ = Guarded([&] { return pending_.Wait(); });
  if (!status_.ok()) return;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].status == SKEIN_OK) entries_[i].status = segment_entries_[i].status;
  }
}

void StepPassage::PrepareEntries(bool is_last) {
  segment_entries_.assign(entries_.begin(), entries_.end());
  for (skein_step_entry& entry : segment_entries_) {
    // An entry that failed before stays in the batch, so that the rows of the others keep their places. It leaves no
    // trace.
    const bool has_failed = entry.status != SKEIN_OK;
    if (has_failed) entry.write_slot = SKEIN_SLOT_NONE;
    if (!is_last || has_failed) ForgoOutput(entry);
    entry.status = SKEIN_OK;
  }
}

skein_step StepPassage::PartOfStep(size_t index, bool is_last) {
  skein_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = static_cast<uint32_t>(tokens_.size());
  step.num_entries = static_cast<uint32_t>(segment_entries_.size());
  step.entry_size = sizeof(skein_step_entry);
  step.tokens = tokens_.data();
  step.entries = segment_entries_.data();
  for (uint32_t carry = 0; carry < num_carries_; ++carry) {
    if (index > 0) step.carries_in[carry] = carries_[(index - 1) % 2][carry].data();
    if (!is_last) step.carries_out[carry] = carries_[index % 2][carry].data();
  }
  return step;
}

}  // namespace skein
