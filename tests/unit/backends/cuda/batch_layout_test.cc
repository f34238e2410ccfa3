#include "cuda/batch_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <vector>

#include "cuda/product_choice.h"

namespace skein::cuda {
namespace {

using testing::ElementsAre;

constexpr uint32_t kInitialSlot = 16;

skein_segment_desc Desc() {
  skein_segment_desc desc = {};
  desc.flags = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;
  desc.num_slots = 16;
  desc.max_tokens = 32;
  desc.max_entries = 16;
  desc.model.vocab_size = 100;
  return desc;
}

// A step over entries of so many tokens each; the token ids count up from 10. Every entry wants logits of its last row.
class PlannedStep {
 public:
  explicit PlannedStep(const std::vector<uint32_t>& lengths) : entries_(lengths.size()), logits_(100 * lengths.size()) {
    for (size_t i = 0; i < lengths.size(); ++i) {
      entries_[i].read_slot = SKEIN_SLOT_INITIAL;
      entries_[i].write_slot = static_cast<uint32_t>(i);
      entries_[i].first_token = static_cast<uint32_t>(tokens_.size());
      entries_[i].num_tokens = lengths[i];
      entries_[i].output = SKEIN_STEP_LOGITS;
      entries_[i].output_start = lengths[i] - 1;
      entries_[i].output_rows = logits_.data() + 100 * i;
      for (uint32_t t = 0; t < lengths[i]; ++t) tokens_.push_back(10 + static_cast<uint32_t>(tokens_.size()));
    }
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = static_cast<uint32_t>(tokens_.size());
    step.num_entries = static_cast<uint32_t>(entries_.size());
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens_.data();
    step.entries = entries_.data();
    plan_.Read(step);
  }

  const kit::StepPlan& plan() const { return plan_; }

 private:
  const skein_segment_desc desc_ = Desc();
  std::vector<skein_step_entry> entries_;
  std::vector<float> logits_;
  std::vector<uint32_t> tokens_;
  kit::StepPlan plan_{desc_, 0, SKEIN_FEATURE_HIDDEN};
};

std::vector<uint32_t> Values(const uint32_t* first, uint32_t count) { return {first, first + count}; }

TEST(BatchLayoutTest, ABlockHoldsTheRowsOfThePlan) {
  const PlannedStep step({3, 1, 2});
  const StepCounts counts = CountsOf(step.plan());
  EXPECT_EQ(counts,
            (StepCounts{.num_rows = 6, .num_sequences = 3, .num_outputs = 3, .num_logits = 3, .num_reduced = 0}));
  const BatchLayout layout(counts);
  std::vector<unsigned char> memory(layout.bytes(), 0xEE);
  const std::vector<SlotPair> slots = {{kInitialSlot, 0}, {5, kNoSlot}, {2, 2}};
  layout.Fill(step.plan(), slots, kInitialSlot, memory.data());

  const Batch batch = layout.At(memory.data());
  EXPECT_EQ(batch.num_rows, 6u);
  EXPECT_EQ(batch.num_sequences, 3u);
  EXPECT_EQ(batch.num_outputs, 3u);
  EXPECT_THAT(Values(batch.tokens, 6), ElementsAre(10, 11, 12, 13, 14, 15));
  EXPECT_THAT(Values(batch.row_sequences, 6), ElementsAre(0, 0, 0, 1, 2, 2));
  EXPECT_THAT(Values(batch.output_rows, 3), ElementsAre(2, 3, 5));
  EXPECT_THAT(Values(layout.LastRows(memory.data()), 3), ElementsAre(2, 3, 5));
  EXPECT_EQ(batch.sequences[1].first_row, 3u);
  EXPECT_EQ(batch.sequences[1].num_rows, 1u);
  EXPECT_EQ(batch.sequences[1].read_slot, 5u);
  EXPECT_EQ(batch.sequences[1].write_slot, kNoSlot);
  EXPECT_EQ(batch.sequences[2].write_slot, 2u);
}

TEST(BatchLayoutTest, ATokenThatTheStepBeforeDrewIsTheIndexOfItsResult) {
  const skein_segment_desc desc = Desc();
  kit::StepPlan plan(desc, 0, SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_FEED_DRAWN);
  skein_step_entry entries[2] = {};
  for (uint32_t i = 0; i < 2; ++i) {
    entries[i].read_slot = SKEIN_SLOT_INITIAL;
    entries[i].write_slot = i;
    entries[i].first_token = i;
    entries[i].num_tokens = 1;
  }
  entries[1].drawn_by = 3;
  const uint32_t tokens[] = {10, 0};
  skein_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = step.num_entries = 2;
  step.entry_size = sizeof(skein_step_entry);
  step.tokens = tokens;
  step.entries = entries;
  const uint32_t draws_before[] = {1, 0, 5};
  plan.Read(step, draws_before);
  const BatchLayout layout(CountsOf(plan));
  std::vector<unsigned char> memory(layout.bytes(), 0xEE);
  const std::vector<SlotPair> slots(2, SlotPair{1, 1});
  layout.Fill(plan, slots, kInitialSlot, memory.data());
  EXPECT_THAT(Values(layout.At(memory.data()).tokens, 2), ElementsAre(10, kDrawnToken | 4));
}

TEST(BatchLayoutTest, WhatIsFilledUpReadsTheInitialStateAndWritesNothing) {
  const PlannedStep step({1, 1, 1, 1, 1});
  const StepCounts counts = *BucketOf(CountsOf(step.plan()), 16);
  const BatchLayout layout(counts);
  std::vector<unsigned char> memory(layout.bytes(), 0xEE);
  const std::vector<SlotPair> slots(5, SlotPair{1, 1});
  layout.Fill(step.plan(), slots, kInitialSlot, memory.data());
  const Batch batch = layout.At(memory.data());
  ASSERT_EQ(batch.num_sequences, 8u);
  EXPECT_THAT(Values(batch.tokens, 8), ElementsAre(10, 11, 12, 13, 14, 0, 0, 0));
  EXPECT_THAT(Values(batch.row_sequences, 8), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_THAT(Values(batch.output_rows, 8), ElementsAre(0, 1, 2, 3, 4, 0, 0, 0));
  for (uint32_t i = 5; i < 8; ++i) {
    EXPECT_EQ(batch.sequences[i].first_row, i);
    EXPECT_EQ(batch.sequences[i].read_slot, kInitialSlot);
    EXPECT_EQ(batch.sequences[i].write_slot, kNoSlot);
  }
}

TEST(BatchLayoutTest, OfWhatIsFilledUpNoLogitsAreWanted) {
  const PlannedStep step({1, 1, 1, 1, 1});
  const BatchLayout layout(*BucketOf(CountsOf(step.plan()), 16));
  std::vector<unsigned char> memory(layout.bytes(), 0xEE);
  std::vector<LogitWish> wishes(5);
  for (uint32_t i = 0; i < 5; ++i) {
    wishes[i].output = LogitOutput::kGreatest;
    wishes[i].top_k = 1 + i;
  }
  layout.FillWishes(wishes, memory.data());
  const LogitWish* const found = layout.Wishes(memory.data());
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(found[i].top_k, 1 + i);
  for (uint32_t i = 5; i < 8; ++i) {
    EXPECT_EQ(found[i].output, LogitOutput::kLogits);
    EXPECT_EQ(found[i].num_biases, 0u);
    EXPECT_EQ(found[i].mask, kNoMask);
  }
}

TEST(BatchLayoutTest, TheLargestBlockHoldsAnyStep) {
  const uint64_t most = BatchLayout::MostBytes(Desc());
  for (const auto& lengths : {std::vector<uint32_t>(16, 1), std::vector<uint32_t>{32}, std::vector<uint32_t>(16, 2)}) {
    EXPECT_LE(BatchLayout(CountsOf(PlannedStep(lengths).plan())).bytes(), most);
  }
}

StepCounts Decode(uint32_t num_rows, uint32_t num_logits, uint32_t num_reduced = 0) {
  return {.num_rows = num_rows,
          .num_sequences = num_rows,
          .num_outputs = num_logits + num_reduced,
          .num_logits = num_logits,
          .num_reduced = num_reduced};
}

TEST(BucketTest, FewRowsHaveABucketOfTheirOwn) {
  for (uint32_t rows = 1; rows <= 4; ++rows) EXPECT_EQ(BucketOf(Decode(rows, rows), 512), Decode(rows, rows));
}

TEST(BucketTest, ManyRowsAreFilledUpByAQuarterAtMost) {
  for (uint32_t rows = 9; rows <= 512; ++rows) {
    const std::optional<StepCounts> bucket = BucketOf(Decode(rows, rows), 1024);
    ASSERT_TRUE(bucket);
    EXPECT_GE(bucket->num_rows, rows);
    EXPECT_LT(bucket->num_rows, rows + std::max(8u, rows / 2));
    EXPECT_EQ(bucket->num_sequences, bucket->num_rows);
    EXPECT_EQ(bucket->num_outputs, bucket->num_rows);
    EXPECT_EQ(bucket->num_logit_rows(), bucket->num_rows);
    EXPECT_EQ(bucket->num_logits, rows) << "of the others no logits go to the host";
    EXPECT_EQ(BucketOf(*bucket, 1024), bucket) << "a bucket is its own";
  }
}

// Where cuBLASLt has one algorithm, and multiplies or not, all steps of a bucket are on one side.
TEST(BucketTest, ABucketCrossesNoPowerOfTwo) {
  for (uint32_t rows = 5; rows <= 4096; ++rows) {
    const std::optional<StepCounts> bucket = BucketOf(Decode(rows, rows), 4096);
    ASSERT_TRUE(bucket);
    ASSERT_EQ(std::bit_ceil(bucket->num_rows), std::bit_ceil(rows)) << rows;
    ASSERT_EQ(bucket->num_rows >= kLeastLibraryRows, rows >= kLeastLibraryRows) << rows;
  }
}

TEST(BucketTest, StepsThatWantNoLogitsHaveOthersThanThoseThatDo) {
  EXPECT_EQ(BucketOf(Decode(5, 0), 512), Decode(8, 0));
  EXPECT_EQ(BucketOf(Decode(5, 2), 512), Decode(8, 2, 6));
}

TEST(BucketTest, ReducedLogitsAreLogits) {
  EXPECT_EQ(BucketOf(Decode(5, 0, 5), 512), Decode(8, 0, 8));
  EXPECT_EQ(BucketOf(Decode(5, 2, 1), 512), Decode(8, 2, 6));
}

TEST(BucketTest, OtherStepsHaveNone) {
  EXPECT_EQ(BucketOf(Decode(0, 0), 512), std::nullopt);
  EXPECT_EQ(BucketOf(Decode(9, 9), 15), std::nullopt) << "16 rows";
  StepCounts prompt = Decode(5, 1);
  prompt.num_sequences = 1;
  EXPECT_EQ(BucketOf(prompt, 512), std::nullopt);
  StepCounts hidden = Decode(5, 2);
  hidden.num_outputs = 5;
  EXPECT_EQ(BucketOf(hidden, 512), std::nullopt);
}

}  // namespace
}  // namespace skein::cuda
