#include "serving/eval.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "skein/stream.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;

constexpr uint32_t kRow = FakeStepRunner::kVocabSize;

uint32_t Argmax(const float* row) { return static_cast<uint32_t>(std::max_element(row, row + kRow) - row); }

class EvalTest : public test::ServingTest {
 protected:
  absl::Status EvalOne(const std::shared_ptr<Stream>& stream, const std::vector<uint32_t>& tokens,
                       uint32_t output_kind = SKEIN_OUTPUT_NONE, absl::Span<float> output = {}) {
    const absl::StatusOr<EvalItem> item = EvalItem{stream, tokens, output_kind, output};
    return Eval(*model_, {&item, 1})[0];
  }
};

TEST_F(EvalTest, GivesTheLastLogits) {
  std::vector<float> row(kRow);
  ASSERT_TRUE(EvalOne(NewStream(), {1, 2}, SKEIN_OUTPUT_LAST_LOGITS, absl::MakeSpan(row)).ok());
  EXPECT_EQ(Argmax(row.data()), FakeStepRunner::Next({1, 2}));
}

TEST_F(EvalTest, GivesAllLogitsAcrossSteps) {
  const std::vector<uint32_t> tokens(150, 5);
  std::vector<float> rows(tokens.size() * kRow);
  ASSERT_TRUE(EvalOne(NewStream(), tokens, SKEIN_OUTPUT_ALL_LOGITS, absl::MakeSpan(rows)).ok());
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::vector<uint32_t> so_far(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(i) + 1);
    EXPECT_EQ(Argmax(rows.data() + i * kRow), FakeStepRunner::Next(so_far)) << i;
  }
}

TEST_F(EvalTest, PendingTokenIsFedFirstAndHasNoRow) {
  const auto stream = NewStream();
  const std::vector<uint32_t> written = Run(NewRequest(stream, {1, 2}, 1)).tokens;
  std::vector<float> rows(2 * kRow);
  ASSERT_TRUE(EvalOne(stream, {8, 9}, SKEIN_OUTPUT_ALL_LOGITS, absl::MakeSpan(rows)).ok());
  EXPECT_EQ(Argmax(rows.data()), FakeStepRunner::Next({1, 2, written[0], 8}));
  EXPECT_EQ(Argmax(rows.data() + kRow), FakeStepRunner::Next({1, 2, written[0], 8, 9}));
  EXPECT_EQ(stream->Committed().position, 5u);
}

TEST_F(EvalTest, ItemsFailOneByOne) {
  const auto good = NewStream();
  const auto busy = NewStream();
  const WriteRight held = *busy->BeginWrite();
  const auto foreign_model = model_;
  const std::vector<uint32_t> tokens = {1};
  const std::vector<uint32_t> bad_tokens = {300};
  std::vector<float> too_small(kRow - 1);
  const std::vector<absl::StatusOr<EvalItem>> items = {
      EvalItem{good, tokens},
      EvalItem{busy, tokens},
      absl::InvalidArgumentError("no stream"),
      EvalItem{NewStream(), {}},
      EvalItem{NewStream(), bad_tokens},
      EvalItem{NewStream(), tokens, SKEIN_OUTPUT_LAST_LOGITS, absl::MakeSpan(too_small)},
      EvalItem{NewStream(), tokens, 9},
      EvalItem{good, tokens},
  };
  const std::vector<absl::Status> statuses = Eval(*model_, items);
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(statuses[1]));
  EXPECT_EQ(statuses[2].message(), "no stream");
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[3]));
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[4]));
  EXPECT_TRUE(absl::IsOutOfRange(statuses[5]));
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[6]));
  EXPECT_TRUE(absl::IsFailedPrecondition(statuses[7])) << "one stream twice";
}

TEST_F(EvalTest, StreamOfAnotherModelIsRefused) {
  const auto foreign = NewStream();
  MakeModel({});
  EXPECT_TRUE(absl::IsInvalidArgument(EvalOne(foreign, {1})));
}

TEST_F(EvalTest, FailedItemLeavesItsStreamWhereItWas) {
  hook_ = [this](FakeStep& step) {
    if (num_steps_ == 2) step.entries[0].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  };
  const auto stream = NewStream();
  EXPECT_TRUE(absl::IsDataLoss(EvalOne(stream, std::vector<uint32_t>(100, 1))));
  EXPECT_EQ(stream->Committed().position, 0u);
  EXPECT_TRUE(EvalOne(stream, {1}).ok());
}

TEST_F(EvalTest, LongEvalsDoNotStarveARequest) {
  MakeModel({.max_streams = 4, .max_tokens = 64, .num_slots = 10});
  constexpr size_t kLong = 6400;
  constexpr uint32_t kPrompt = 9;
  std::atomic<int> step_of_request{0};
  hook_ = [&](FakeStep& step) {
    if (std::count(step.tokens.begin(), step.tokens.end(), kPrompt) > 0) step_of_request = num_steps_.load();
    return absl::OkStatus();
  };
  const auto stream = NewStream();
  is_stalled_ = true;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back(
        [this, own = NewStream()] { EXPECT_TRUE(EvalOne(own, std::vector<uint32_t>(kLong, 1)).ok()); });
  }
  WaitForStep(1);
  ASSERT_TRUE(SubmitOne(NewRequest(stream, {kPrompt}, 4)).ok());
  is_stalled_ = false;
  EXPECT_EQ(Finish().tokens.size(), 4u);
  EXPECT_LE(step_of_request, 3) << "all evals together take 300 steps";
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace skein
