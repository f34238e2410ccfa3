// From the entries of a step to the kernel that finishes logits, and back.
#include "cuda/logit_wishes.h"

#include <gtest/gtest.h>

#include <map>

#include "cuda_emulator/control.h"
#include "host/logit_reduction.h"
#include "tests/cuda_emulator/device_vector.h"
#include "tests/unit/backends/cuda/logit_rows.h"

namespace skein::cuda {
namespace {

using emulator::DeviceVector;

constexpr uint32_t kVocabSize = 77;
constexpr uint32_t kTokens = 3;  // of an entry

// Entries of every kind that has logits, in another order than their outputs.
class LogitWishesTest : public testing::Test {
 protected:
  void SetUp() override {
    emulator::Configure({});
    desc_.struct_size = sizeof(desc_);
    desc_.flags = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;
    desc_.num_slots = 8;
    desc_.max_tokens = 64;
    desc_.max_entries = 8;
    desc_.model.vocab_size = kVocabSize;
    Add(SKEIN_STEP_SAMPLE);
    Add(SKEIN_STEP_LOGITS);
    Add(SKEIN_STEP_NO_OUTPUT);
    Add(SKEIN_STEP_TOP_K);
    Add(SKEIN_STEP_HIDDEN);
    Add(SKEIN_STEP_SAMPLE);
    entries_[0].mask = entries_[3].mask = mask_.data();
    entries_[0].bias = entries_[1].bias = biases_.data();
    entries_[0].num_bias = entries_[1].num_bias = static_cast<uint32_t>(biases_.size());
    entries_[5].output_start = 1;
    std::mt19937_64 random(5);
    std::normal_distribution<float> normal(0, 2);
    for (size_t i = 0; i < entries_.size() * kTokens * kVocabSize; ++i) values_.push_back(normal(random));
  }
  void TearDown() override {
    for (const emulator::Error& error : emulator::TakeErrors()) ADD_FAILURE() << error.message;
  }

  void Add(uint32_t output) {
    skein_step_entry entry = {};
    entry.read_slot = SKEIN_SLOT_INITIAL;
    entry.write_slot = static_cast<uint32_t>(entries_.size());
    entry.first_token = static_cast<uint32_t>(entries_.size()) * kTokens;
    entry.num_tokens = kTokens;
    entry.output = output;
    entry.top_k = output == SKEIN_STEP_TOP_K ? 5 : 0;
    entry.output_rows = rows_[entries_.size()].data();
    if (output == SKEIN_STEP_TOP_K || output == SKEIN_STEP_SAMPLE) entry.output_tokens = ids_[entries_.size()].data();
    if (output == SKEIN_STEP_SAMPLE) entry.sampling = entries_.empty() ? &samplings_[0] : &samplings_[1];
    entries_.push_back(entry);
  }

  void Read(kit::StepPlan& plan) {
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = static_cast<uint32_t>(entries_.size()) * kTokens;
    step.num_entries = static_cast<uint32_t>(entries_.size());
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens_.data();
    step.entries = entries_.data();
    plan.Read(step);
    ASSERT_EQ(plan.first_failure(), "");
  }

  // The logits of row `row` of the step, before and after the entry's bias and mask.
  std::vector<float> RowAt(uint32_t row) const {
    const auto first = values_.begin() + static_cast<ptrdiff_t>(row) * kVocabSize;
    return {first, first + kVocabSize};
  }
  std::vector<float> ChangedRow(const skein_step_entry& entry, uint32_t token) const {
    std::vector<float> logits = RowAt(entry.first_token + token);
    kit::ApplyBiasAndMask(entry, logits);
    return logits;
  }

  // Runs the kernel over the logits of the plan's outputs, and gives the entries theirs.
  void RunKernel(const kit::StepPlan& plan, const LogitWishes& wishes) {
    std::vector<float> logits;
    for (size_t i = 0; i < wishes.rows().size(); ++i) {
      const std::vector<float> row = RowAt(plan.output_rows()[i]);
      logits.insert(logits.end(), row.begin(), row.end());
    }
    const auto count = static_cast<uint32_t>(wishes.rows().size());
    const DeviceVector<float> device_logits(logits);
    const DeviceVector<LogitWish> rows(std::vector<LogitWish>(wishes.rows().begin(), wishes.rows().end()));
    const DeviceVector<skein_bias> biases(std::vector<skein_bias>(wishes.biases().begin(), wishes.biases().end()));
    const DeviceVector<uint32_t> masks(std::vector<uint32_t>(wishes.masks().begin(), wishes.masks().end()));
    const DeviceVector<LogitResult> results(count);
    const DeviceVector<RankedLogit> greatest(size_t{count} * SKEIN_MAX_TOP_K);
    ASSERT_EQ(FinishLogits({}, {device_logits.data(), count, kVocabSize}, {rows.data(), biases.data(), masks.data()},
                           results.data(), greatest.data()),
              cudaSuccess);
    const std::vector<LogitResult> found = results.Read();
    const std::vector<RankedLogit> ranked = greatest.Read();
    finished_ = device_logits.Read();
    for (const kit::PlannedEntry& planned : plan.entries()) {
      const uint32_t output = planned.entry->output;
      if (output != SKEIN_STEP_TOP_K && output != SKEIN_STEP_SAMPLE) continue;
      for (uint32_t row = 0; row < planned.num_outputs; ++row) {
        const size_t index = planned.first_output + row;
        ASSERT_EQ(CodeOf(found[index].status), SKEIN_OK);
        HandOut(planned, row, found[index], &ranked[index * SKEIN_MAX_TOP_K]);
      }
    }
  }

  const std::vector<skein_bias> biases_ = {{3, 2.5f}, {3, -1.0f}, {70, -0.5f}};
  const std::vector<uint32_t> mask_ = {0xFFFFFF0Fu, 0xFFFFFFFFu, 0x000000FFu};
  const std::vector<double> uniforms_ = {0.1, 0.5, 0.9};
  const skein_sampling samplings_[2] = {
      {sizeof(skein_sampling), 12, 0.9, 0.01, 0.8, uniforms_.data()},
      {sizeof(skein_sampling), 0, 1, 0, 0, uniforms_.data()},
  };
  skein_segment_desc desc_ = {};
  std::vector<uint32_t> tokens_ = std::vector<uint32_t>(64, 1);
  std::vector<skein_step_entry> entries_;
  std::vector<std::vector<float>> rows_ = std::vector<std::vector<float>>(6, std::vector<float>(kTokens* kVocabSize));
  std::vector<std::vector<uint32_t>> ids_ = std::vector<std::vector<uint32_t>>(6, std::vector<uint32_t>(64, 0xFFFFu));
  std::vector<float> values_;    // logits of all rows of the step
  std::vector<float> finished_;  // those of the outputs with logits, as the kernel left them
};

TEST_F(LogitWishesTest, EntriesGetWhatTheReferenceGives) {
  kit::StepPlan plan(desc_, 1,
                     SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS | SKEIN_FEATURE_SAMPLE);
  Read(plan);
  LogitWishes wishes(kVocabSize);
  wishes.Read(plan);
  ASSERT_EQ(wishes.rows().size(), 11u);  // 3 of all logits, 3 with the greatest, 3 and 2 tokens
  EXPECT_EQ(wishes.biases().size(), 2 * biases_.size());
  EXPECT_EQ(wishes.masks().size(), 2 * mask_.size());
  EXPECT_TRUE(wishes.has_greatest());
  RunKernel(plan, wishes);

  kit::LogitReduction reference;
  for (const auto& [index, start] : std::map<uint32_t, uint32_t>{{0, 0}, {5, 1}}) {
    for (uint32_t row = 0; row < kTokens - start; ++row) {
      float expected[2];
      uint32_t token = 0;
      reference.Sample(ChangedRow(entries_[index], start + row), *entries_[index].sampling, uniforms_[row], expected,
                       &token);
      EXPECT_EQ(ids_[index][row], token) << "entry " << index << ", row " << row;
      EXPECT_EQ(rows_[index][row * 2], expected[0]);
      EXPECT_NEAR(rows_[index][row * 2 + 1], expected[1], 1e-5);
    }
  }
  for (uint32_t row = 0; row < kTokens; ++row) {
    float expected[6];
    uint32_t tokens[5];
    reference.TopK(ChangedRow(entries_[3], row), 5, expected, tokens);
    for (uint32_t i = 0; i < 5; ++i) {
      EXPECT_EQ(ids_[3][row * 5 + i], tokens[i]);
      EXPECT_EQ(rows_[3][row * 6 + i], expected[i]);
    }
    EXPECT_NEAR(rows_[3][row * 6 + 5], expected[5], 1e-5);
    const auto first = finished_.begin() + static_cast<ptrdiff_t>(row) * kVocabSize;
    EXPECT_EQ(std::vector<float>(first, first + kVocabSize), ChangedRow(entries_[1], row)) << "all logits";
  }
}

TEST_F(LogitWishesTest, WishesAreThoseOfTheLastPlan) {
  kit::StepPlan plan(desc_, 1,
                     SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS | SKEIN_FEATURE_SAMPLE);
  LogitWishes wishes(kVocabSize);
  Read(plan);
  wishes.Read(plan);
  entries_.resize(2);
  entries_[0].output_start = kTokens;
  Read(plan);
  wishes.Read(plan);
  EXPECT_EQ(wishes.rows().size(), 3u);
  EXPECT_EQ(wishes.biases().size(), biases_.size());
  EXPECT_TRUE(wishes.masks().empty());
  EXPECT_FALSE(wishes.has_greatest());
}

TEST(LogitStatusTest, HasTheCodeOfAnEntry) {
  EXPECT_EQ(CodeOf(LogitStatus::kGood), SKEIN_OK);
  EXPECT_EQ(CodeOf(LogitStatus::kNotFinite), SKEIN_DATA_LOSS);
  EXPECT_EQ(CodeOf(LogitStatus::kNoToken), SKEIN_FAILED_PRECONDITION);
}

}  // namespace
}  // namespace skein::cuda
