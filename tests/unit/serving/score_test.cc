#include "serving/score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "serving/eval.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;
using testing::HasSubstr;

constexpr uint32_t kVocabSize = FakeStepRunner::kVocabSize;

class ScoreTest : public test::ServingTest {
 protected:
  static double Logprob(const std::vector<uint32_t>& history, uint32_t token) {
    return (token == FakeStepRunner::Next(history) ? 10.0 : 0.0) - std::log(kVocabSize - 1 + std::exp(10.0));
  }

  std::vector<absl::Status> ScoreAll(std::vector<absl::StatusOr<ScoreItem>>& items) {
    return Score(model_, absl::MakeSpan(items));
  }
  absl::Status ScoreOne(ScoreItem& item) {
    std::vector<absl::StatusOr<ScoreItem>> items = {item};
    const absl::Status status = ScoreAll(items)[0];
    item = *items[0];
    return status;
  }

  void Feed(const std::shared_ptr<Stream>& stream, const std::vector<uint32_t>& tokens) {
    const absl::StatusOr<EvalItem> item = EvalItem{stream, tokens};
    ASSERT_TRUE(Eval(*model_, {&item, 1})[0].ok());
  }
};

TEST_F(ScoreTest, EachTokenIsScoredGivenThoseBefore) {
  const std::vector<uint32_t> tokens = {1, 2, FakeStepRunner::Next({1, 2}), 7};
  std::vector<float> logprobs(4);
  ScoreItem item = {.stream = NewStream(), .tokens = tokens, .logprobs = absl::MakeSpan(logprobs)};
  ASSERT_TRUE(ScoreOne(item).ok());
  EXPECT_TRUE(std::isnan(logprobs[0])) << "nothing is in front of it";
  double sum = 0;
  for (size_t i = 1; i < 4; ++i) {
    const double expected = Logprob({tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(i)}, tokens[i]);
    EXPECT_NEAR(logprobs[i], expected, 1e-5) << i;
    sum += expected;
  }
  EXPECT_NEAR(item.logprob, sum, 1e-5);
  EXPECT_EQ(item.num_scored, 3u);
}

TEST_F(ScoreTest, PendingTokenIsInFrontOfTheFirst) {
  const auto stream = NewStream();
  const uint32_t pending = Run(NewRequest(stream, {1, 2}, 1)).tokens[0];
  const std::vector<uint32_t> tokens = {FakeStepRunner::Next({1, 2, pending}), 9};
  std::vector<float> logprobs(2);
  ScoreItem item = {.stream = stream, .tokens = tokens, .logprobs = absl::MakeSpan(logprobs)};
  ASSERT_TRUE(ScoreOne(item).ok());
  EXPECT_NEAR(logprobs[0], Logprob({1, 2, pending}, tokens[0]), 1e-5);
  EXPECT_NEAR(logprobs[1], Logprob({1, 2, pending, tokens[0]}, 9), 1e-5);
  EXPECT_EQ(item.num_scored, 2u);
}

TEST_F(ScoreTest, StreamIsNotMovedAndMayBeBusy) {
  const auto stream = NewStream();
  Feed(stream, {1, 2});
  const WriteRight right = *stream->BeginWrite();
  const std::vector<uint32_t> tokens = {3, 4, 5};
  ScoreItem item = {.stream = stream, .tokens = tokens};
  EXPECT_TRUE(ScoreOne(item).ok());
  EXPECT_EQ(item.num_scored, 2u);
  EXPECT_EQ(stream->Committed().position, 2u);
}

TEST_F(ScoreTest, OneTokenWithNothingInFrontHasNoScore) {
  const std::vector<uint32_t> tokens = {3};
  ScoreItem item = {.stream = NewStream(), .tokens = tokens};
  EXPECT_TRUE(ScoreOne(item).ok());
  EXPECT_EQ(item.num_scored, 0u);
  EXPECT_EQ(item.logprob, 0);
  EXPECT_EQ(num_steps_, 0);
}

TEST_F(ScoreTest, MostProbableTokensComeFalling) {
  const std::vector<uint32_t> tokens = {1, 2};
  std::vector<skein_logprob> top(4);
  ScoreItem item = {.stream = NewStream(), .tokens = tokens, .num_top = 2, .top = absl::MakeSpan(top)};
  ASSERT_TRUE(ScoreOne(item).ok());
  EXPECT_EQ(top[0].token, SKEIN_NO_TOKEN);
  EXPECT_TRUE(std::isnan(top[1].logprob));
  EXPECT_EQ(top[2].token, FakeStepRunner::Next({1}));
  EXPECT_NEAR(top[2].logprob, Logprob({1}, top[2].token), 1e-5);
  EXPECT_EQ(top[3].token, 0u);
}

TEST_F(ScoreTest, ManyItemsBehindOneStreamReadItsState) {
  const auto stream = NewStream();
  Feed(stream, std::vector<uint32_t>(50, 4));
  const uint32_t slot = stream->Committed().state.slot();
  std::set<uint32_t> read;
  size_t num_entries = 0;
  hook_ = [&](FakeStep& step) {
    num_entries += step.entries.size();
    for (const skein_step_entry& entry : step.entries) read.insert(entry.read_slot);
    return absl::OkStatus();
  };
  std::vector<std::vector<uint32_t>> tokens;
  std::vector<absl::StatusOr<ScoreItem>> items;
  for (uint32_t i = 0; i < 40; ++i) tokens.push_back({4, i, i + 1});
  for (const std::vector<uint32_t>& of : tokens) items.push_back(ScoreItem{.stream = stream, .tokens = of});
  for (const absl::Status& status : ScoreAll(items)) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(read, std::set<uint32_t>{slot});
  EXPECT_EQ(num_entries, 40u);
  EXPECT_LT(num_steps_, 30) << "up to seven in a step";
  std::vector<uint32_t> history(50, 4);
  for (uint32_t i = 0; i < 40; ++i) {
    std::vector<uint32_t> first = history;
    first.push_back(4);
    std::vector<uint32_t> second = first;
    second.push_back(i);
    EXPECT_NEAR(items[i]->logprob, Logprob(first, i) + Logprob(second, i + 1), 1e-5);
  }
}

TEST_F(ScoreTest, ItemsFailOneByOne) {
  const auto stream = NewStream();
  script_ = [](const std::vector<uint32_t>& history) {
    return history.back() == 66 ? FakeStepRunner::kNotFinite : FakeStepRunner::Next(history);
  };
  const std::vector<uint32_t> good = {1, 2};
  const std::vector<uint32_t> not_finite = {1, 66, 2};
  const std::vector<uint32_t> outside = {1, 300};
  const auto foreign = NewStream();
  std::vector<absl::StatusOr<ScoreItem>> items = {
      ScoreItem{.stream = stream, .tokens = good},    ScoreItem{.stream = stream, .tokens = not_finite},
      ScoreItem{.stream = stream, .tokens = outside}, ScoreItem{.stream = stream, .tokens = {}},
      absl::InvalidArgumentError("no stream"),        ScoreItem{.stream = stream, .tokens = good, .num_top = 65},
      ScoreItem{.stream = stream, .tokens = good},
  };
  const std::vector<absl::Status> statuses = ScoreAll(items);
  EXPECT_TRUE(statuses[0].ok());
  EXPECT_TRUE(absl::IsDataLoss(statuses[1]));
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[2]));
  EXPECT_THAT(std::string(statuses[2].message()), HasSubstr("token 1 is 300"));
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[3]));
  EXPECT_EQ(statuses[4].message(), "no stream");
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[5]));
  EXPECT_TRUE(statuses[6].ok());
  MakeModel({});
  items = {ScoreItem{.stream = foreign, .tokens = good}};
  EXPECT_TRUE(absl::IsInvalidArgument(ScoreAll(items)[0]));
}

TEST_F(ScoreTest, NeedsRoomForOneStream) {
  std::vector<std::shared_ptr<Stream>> streams;
  for (int i = 0; i < 8; ++i) streams.push_back(NewStream());
  const std::vector<uint32_t> tokens = {1, 2, 3};
  std::vector<absl::StatusOr<ScoreItem>> items(5, ScoreItem{.stream = streams[0], .tokens = tokens});
  for (const absl::Status& status : ScoreAll(items)) {
    EXPECT_TRUE(absl::IsResourceExhausted(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("max_streams"));
  }
  streams.pop_back();
  for (const absl::Status& status : ScoreAll(items)) EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ScoreTest, ReleasedModelEndsIt) {
  is_stalled_ = true;
  const auto stream = NewStream();
  const std::vector<uint32_t> tokens(1000, 1);
  absl::Status status;
  std::thread thread([&] {
    ScoreItem item = {.stream = stream, .tokens = tokens};
    status = ScoreOne(item);
  });
  WaitForStep(1);
  model_->engine()->Stop();
  is_stalled_ = false;
  thread.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

}  // namespace
}  // namespace skein
