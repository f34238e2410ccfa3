#include "cuda/batch_layout.h"

#include <algorithm>

namespace skein::cuda {
namespace {

constexpr uint64_t kPartAlignment = 16;

uint64_t Take(uint64_t& next, uint64_t bytes) {
  const uint64_t offset = next;
  next += (bytes + kPartAlignment - 1) / kPartAlignment * kPartAlignment;
  return offset;
}

// Close enough to each other that filling up costs little, and far enough that graphs are few.
uint32_t RoundedUp(uint32_t num_rows) {
  if (num_rows <= 4) return num_rows;
  const uint32_t step = num_rows <= 64 ? 8 : num_rows <= 256 ? 32 : 128;
  return (num_rows + step - 1) / step * step;
}

}  // namespace

StepCounts CountsOf(const kit::StepPlan& plan) {
  return {.num_rows = plan.num_rows(),
          .num_sequences = static_cast<uint32_t>(plan.entries().size()),
          .num_outputs = static_cast<uint32_t>(plan.output_rows().size()),
          .num_logits = static_cast<uint32_t>(plan.logits().size()),
          .num_reduced = plan.num_reduced()};
}

std::optional<StepCounts> BucketOf(const StepCounts& counts, uint32_t most_rows) {
  const bool is_decode = counts.num_rows > 0 && counts.num_rows == counts.num_sequences;
  const bool has_logits_alone = counts.num_outputs == counts.num_logit_rows();
  const uint32_t rows = RoundedUp(counts.num_rows);
  if (!is_decode || !has_logits_alone || rows > most_rows) return std::nullopt;
  const uint32_t outputs = counts.num_outputs == 0 ? 0 : rows;
  return StepCounts{.num_rows = rows,
                    .num_sequences = rows,
                    .num_outputs = outputs,
                    .num_logits = counts.num_logits,
                    .num_reduced = outputs - counts.num_logits};
}

BatchLayout::BatchLayout(const StepCounts& counts) : counts_(counts) {
  uint64_t next = 0;
  sequences_ = Take(next, counts.num_sequences * sizeof(Sequence));
  tokens_ = Take(next, counts.num_rows * sizeof(uint32_t));
  row_sequences_ = Take(next, counts.num_rows * sizeof(uint32_t));
  output_rows_ = Take(next, counts.num_outputs * sizeof(uint32_t));
  last_rows_ = Take(next, counts.num_sequences * sizeof(uint32_t));
  wishes_ = Take(next, counts.num_logit_rows() * sizeof(LogitWish));
  bytes_ = next;
}

uint64_t BatchLayout::MostBytes(const skein_segment_desc& desc) {
  const uint32_t most_sequences = std::min(desc.max_entries, desc.max_tokens);
  return BatchLayout({.num_rows = desc.max_tokens,
                      .num_sequences = most_sequences,
                      .num_outputs = desc.max_tokens,
                      .num_logits = desc.max_tokens,
                      .num_reduced = 0})
      .bytes();
}

Batch BatchLayout::At(unsigned char* memory) const {
  return {.tokens = reinterpret_cast<uint32_t*>(memory + tokens_),
          .sequences = reinterpret_cast<Sequence*>(memory + sequences_),
          .row_sequences = reinterpret_cast<uint32_t*>(memory + row_sequences_),
          .output_rows = reinterpret_cast<uint32_t*>(memory + output_rows_),
          .num_rows = counts_.num_rows,
          .num_sequences = counts_.num_sequences,
          .num_outputs = counts_.num_outputs};
}

void BatchLayout::Fill(const kit::StepPlan& plan, std::span<const SlotPair> slots, uint32_t initial_slot,
                       unsigned char* memory) const {
  auto* const tokens = reinterpret_cast<uint32_t*>(memory + tokens_);
  std::fill(std::copy(plan.tokens().begin(), plan.tokens().end(), tokens), tokens + counts_.num_rows, 0);
  for (uint32_t row = 0; row < plan.num_rows(); ++row) {
    if (const uint32_t from = plan.drawn_from()[row]; from != 0) tokens[row] = kDrawnToken | (from - 1);
  }
  auto* const output_rows = reinterpret_cast<uint32_t*>(memory + output_rows_);
  std::fill(std::copy(plan.output_rows().begin(), plan.output_rows().end(), output_rows),
            output_rows + counts_.num_outputs, 0);
  FillSequences(plan, slots, initial_slot, memory);
}

void BatchLayout::FillWishes(std::span<const LogitWish> wishes, unsigned char* memory) const {
  LogitWish nothing = {};
  nothing.output = LogitOutput::kLogits;
  nothing.mask = kNoMask;
  std::fill(std::copy(wishes.begin(), wishes.end(), Wishes(memory)), Wishes(memory) + counts_.num_logit_rows(),
            nothing);
}

void BatchLayout::FillSequences(const kit::StepPlan& plan, std::span<const SlotPair> slots, uint32_t initial_slot,
                                unsigned char* memory) const {
  auto* const sequences = reinterpret_cast<Sequence*>(memory + sequences_);
  auto* const row_sequences = reinterpret_cast<uint32_t*>(memory + row_sequences_);
  uint32_t next_row = 0;
  for (uint32_t i = 0; i < counts_.num_sequences; ++i) {
    const bool is_planned = i < plan.entries().size();
    const uint32_t num_rows = is_planned ? plan.entries()[i].num_rows : 1;
    const SlotPair pair = is_planned ? slots[i] : SlotPair{initial_slot, kNoSlot};
    sequences[i] = {.first_row = next_row, .num_rows = num_rows, .read_slot = pair.read, .write_slot = pair.write};
    std::fill_n(row_sequences + next_row, num_rows, i);
    next_row += num_rows;
    LastRows(memory)[i] = next_row - 1;
  }
}

}  // namespace skein::cuda
