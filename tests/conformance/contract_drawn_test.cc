// The contract of tokens that the step before draws (skein_step_entry.drawn_by): a step is asked for behind one that
// may be unfinished, and its tokens are known by then to nobody but the device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/conformance/backend_contract.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kMostEntries = 3;

// A step whose entries each draw behind their last token.
class DrawingStep {
 public:
  DrawingStep(uint32_t num_tokens, double first_uniform) : raw_(num_tokens), first_uniform_(first_uniform) {}

  // An entry of `tokens`, or, if `drawn_by` is not 0, of the token that an entry of the step before draws.
  void Add(uint32_t read_slot, uint32_t write_slot, const std::vector<uint32_t>& tokens, uint32_t drawn_by = 0) {
    const uint32_t index = static_cast<uint32_t>(raw_.entries.size());
    const uint32_t num_tokens = drawn_by != 0 ? 1 : static_cast<uint32_t>(tokens.size());
    for (uint32_t i = 0; i < num_tokens; ++i) {
      raw_.tokens[next_token_ + i] = drawn_by != 0 ? 0xFFFFFFFFu : tokens[i];  // no id
    }
    skein_step_entry& entry = raw_.Add(read_slot, write_slot, next_token_, num_tokens);
    next_token_ += num_tokens;
    uniforms_[index] = std::fmod(first_uniform_ + 0.618 * index, 1.0);
    samplings_[index] = {.struct_size = sizeof(skein_sampling),
                         .top_k = 0,
                         .top_p = 1,
                         .min_p = 0,
                         .temperature = 1,
                         .uniforms = &uniforms_[index]};
    entry.output = SKEIN_STEP_SAMPLE;
    entry.output_start = num_tokens - 1;
    entry.output_rows = rows_[index].data();
    entry.output_tokens = &drawn_[index];
    entry.sampling = &samplings_[index];
    entry.drawn_by = drawn_by;
  }

  RawStep& raw() { return raw_; }
  int32_t status(uint32_t entry) const { return raw_.entries[entry].status; }
  uint32_t drawn(uint32_t entry) const { return drawn_[entry]; }
  const std::array<float, 2>& rows(uint32_t entry) const { return rows_[entry]; }

 private:
  RawStep raw_;
  const double first_uniform_;
  uint32_t next_token_ = 0;
  std::array<double, kMostEntries> uniforms_ = {};
  std::array<skein_sampling, kMostEntries> samplings_ = {};
  std::array<uint32_t, kMostEntries> drawn_ = {};
  std::array<std::array<float, 2>, kMostEntries> rows_ = {};
};

class DrawnContract : public BackendContract {
 protected:
  void SetUp() override {
    BackendContract::SetUp();
    constexpr uint32_t kNeeded = SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_FEED_DRAWN;
    if ((plugin_.DeviceInfo().features & kNeeded) != kNeeded) GTEST_SKIP() << "the device does not feed what it draws";
    segment_.emplace(device_, Desc());
    ASSERT_TRUE(segment_->Load(TensorsOf(model_, Desc()))) << segment_->message();
  }

  // Begins all steps, each behind the one before, and waits for them.
  void Run(const std::vector<DrawingStep*>& steps) {
    std::vector<void*> fences(steps.size(), nullptr);
    for (size_t i = 0; i < steps.size(); ++i) {
      EXPECT_TRUE(segment_->Begin(steps[i]->raw().Get(), &fences[i])) << segment_->message();
    }
    for (void* fence : fences) {
      if (fence == nullptr) continue;
      skein_message message = {};
      EXPECT_EQ(plugin_.table().fence_wait(fence, -1, &message), SKEIN_OK) << message.text;
      plugin_.table().fence_release(fence);
    }
  }

  std::vector<float> StateOf(uint32_t slot) {
    std::vector<float> state(segment_->StateFloats());
    EXPECT_TRUE(segment_->Export(slot, state)) << segment_->message();
    return state;
  }

  std::optional<SegmentHandle> segment_;
};

TEST_P(DrawnContract, ATokenIsFedThatAnyEntryOfTheStepBeforeDraws) {
  DrawingStep first(4, 0.3);
  first.Add(kInitial, 0, {1, 2, 3});
  first.Add(kInitial, 1, {4});
  DrawingStep second(3, 0.7);  // in another order, beside a token that is known
  second.Add(1, 2, {}, 2);
  second.Add(kInitial, 3, {5});
  second.Add(0, 4, {}, 1);
  Run({&first, &second});
  DrawingStep known(3, 0.7);
  known.Add(1, 5, {first.drawn(1)});
  known.Add(kInitial, 6, {5});
  known.Add(0, 7, {first.drawn(0)});
  Run({&known});
  for (uint32_t entry = 0; entry < 3; ++entry) {
    EXPECT_EQ(second.status(entry), SKEIN_OK);
    EXPECT_EQ(second.drawn(entry), known.drawn(entry)) << "entry " << entry;
    EXPECT_EQ(second.rows(entry), known.rows(entry)) << "entry " << entry;
    EXPECT_EQ(StateOf(2 + entry), StateOf(5 + entry)) << "entry " << entry;
  }
}

TEST_P(DrawnContract, AStreamGoesOnByItselfForManySteps) {
  constexpr uint32_t kNumSteps = 5;
  std::vector<DrawingStep> steps, known_steps;
  std::vector<DrawingStep*> all;
  steps.reserve(kNumSteps);  // a step points into itself
  known_steps.reserve(kNumSteps);
  for (uint32_t i = 0; i < kNumSteps; ++i) {
    steps.emplace_back(2, 0.1 * i);
    known_steps.emplace_back(2, 0.1 * i);
  }
  for (uint32_t i = 0; i < kNumSteps; ++i) {
    for (uint32_t stream = 0; stream < 2; ++stream) {
      const uint32_t read = i == 0 ? kInitial : 2 * stream + (i - 1) % 2;
      steps[i].Add(read, 2 * stream + i % 2, {7 + stream}, i == 0 ? 0 : 1 + stream);
    }
    all.push_back(&steps[i]);
  }
  Run(all);
  for (uint32_t i = 0; i < kNumSteps; ++i) {
    for (uint32_t stream = 0; stream < 2; ++stream) {
      const uint32_t read = i == 0 ? kInitial : 4 + 2 * stream + (i - 1) % 2;
      known_steps[i].Add(read, 4 + 2 * stream + i % 2, {i == 0 ? 7 + stream : known_steps[i - 1].drawn(stream)});
    }
    Run({&known_steps[i]});
    for (uint32_t stream = 0; stream < 2; ++stream) {
      EXPECT_EQ(steps[i].drawn(stream), known_steps[i].drawn(stream)) << "step " << i << ", stream " << stream;
    }
  }
}

TEST_P(DrawnContract, AnEntryBehindOneThatFailedHarmsNoOther) {
  DrawingStep first(2, 0.3);
  first.Add(kInitial, 0, {shape().vocab_size});
  first.Add(kInitial, 1, {4});
  DrawingStep second(2, 0.7);
  second.Add(0, 2, {}, 1);
  second.Add(1, 3, {}, 2);
  Run({&first, &second});
  EXPECT_EQ(first.status(0), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(second.status(1), SKEIN_OK);
  DrawingStep known(2, 0.7);
  known.Add(kInitial, 4, {1});
  known.Add(1, 5, {first.drawn(1)});
  Run({&known});
  EXPECT_EQ(second.drawn(1), known.drawn(1));
  EXPECT_EQ(StateOf(3), StateOf(5));
}

TEST_P(DrawnContract, TheStepIsRefusedIfNoEntryBeforeCanHaveDrawn) {
  DrawingStep alone(1, 0.5);
  alone.Add(kInitial, 0, {}, 1);
  EXPECT_FALSE(segment_->Step(alone.raw().Get()));
  EXPECT_EQ(segment_->status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(segment_->message(), HasSubstr("entry 0: drawn_by 1: the step before has 0 entries"));
  DrawingStep first(1, 0.5);
  first.Add(kInitial, 0, {3});
  Run({&first});
  DrawingStep beyond(1, 0.5);
  beyond.Add(0, 1, {}, 2);
  EXPECT_FALSE(segment_->Step(beyond.raw().Get()));
  EXPECT_THAT(segment_->message(), HasSubstr("the step before has 1 entries"));
  DrawingStep behind_a_refused_one(1, 0.5);
  behind_a_refused_one.Add(0, 1, {}, 1);
  EXPECT_FALSE(segment_->Step(behind_a_refused_one.raw().Get()));
}

TEST_P(DrawnContract, AnEntryOfTwoTokensIsRefused) {
  DrawingStep first(1, 0.5);
  first.Add(kInitial, 0, {3});
  Run({&first});
  RawStep raw(2);
  raw.Add(0, 1, 0, 2).drawn_by = 1;
  EXPECT_FALSE(segment_->Step(raw.Get()));
  EXPECT_EQ(segment_->status(), SKEIN_INVALID_ARGUMENT);
  EXPECT_THAT(segment_->message(), HasSubstr("drawn_by with 2 tokens: expected one"));
}

TEST_P(BackendContract, ADeviceThatDoesNotFeedWhatItDrawsRefusesTheEntryAlone) {
  if (plugin_.DeviceInfo().features & SKEIN_FEATURE_FEED_DRAWN) GTEST_SKIP() << "the device does";
  SegmentHandle segment(device_, Desc());
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  RawStep raw(2);
  raw.Add(kInitial, 0, 0, 1).drawn_by = 1;
  raw.Add(kInitial, 1, 1, 1);
  ASSERT_TRUE(segment.Step(raw.Get())) << segment.message();
  EXPECT_EQ(raw.entries[0].status, SKEIN_UNIMPLEMENTED);
  EXPECT_EQ(raw.entries[1].status, SKEIN_OK);
}

INSTANTIATE_TEST_SUITE_P(Backends, DrawnContract,
                         testing::Combine(testing::ValuesIn(ContractPluginPaths()), testing::ValuesIn(SmallShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
