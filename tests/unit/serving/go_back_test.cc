#include "serving/go_back.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "engine/stream_snapshot.h"
#include "numbers/state_layout.h"
#include "serving/eval.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeModelLimits;
using test::FakeStep;
using test::Outcome;
using test::ServingTest;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Tokens = std::vector<uint32_t>;

// The state of the fake model is the list of the tokens that it has read.
class GoBackTest : public ServingTest {
 protected:
  GoBackTest() : ServingTest({.max_tokens = 512, .num_slots = 64, .max_checkpoints = 16}) {}

  static Tokens Some(size_t count, uint32_t first = 1) {
    Tokens tokens(count);
    for (size_t i = 0; i < count; ++i) tokens[i] = 1 + (first + 7 * i) % 200;
    return tokens;
  }
  void Read(const std::shared_ptr<Stream>& stream, const Tokens& tokens) const {
    const absl::StatusOr<EvalItem> item = EvalItem{.stream = stream, .tokens = tokens};
    ASSERT_TRUE(Eval(*model_, {&item, 1})[0].ok());
  }
  std::shared_ptr<Stream> StreamThatRead(const Tokens& tokens) {
    std::shared_ptr<Stream> stream = NewStream();
    Read(stream, tokens);
    return stream;
  }
  std::vector<float> StateOf(const Stream& stream) const {
    std::vector<float> state(StateFloats(model_->config()));
    EXPECT_TRUE(stream.ExportState(absl::MakeSpan(state)).ok());
    return state;
  }
  static Tokens TokensOf(const Stream& stream, uint64_t begin = 0) {
    const StreamState at = stream.Committed();
    const absl::StatusOr<uint64_t> count = NumTokensFrom(at, begin);
    EXPECT_TRUE(count.ok()) << count.status();
    Tokens tokens(count.value_or(0));
    ReadTokens(at, begin, absl::MakeSpan(tokens));
    return tokens;
  }
  static std::vector<uint64_t> KeptPositions(const Stream& stream) {
    std::vector<uint64_t> positions;
    for (const StreamCheckpoint& found : ListCheckpoints(stream.Committed())) positions.push_back(found.position);
    return positions;
  }
  static Tokens Joined(Tokens tokens, const Tokens& more) {
    tokens.insert(tokens.end(), more.begin(), more.end());
    return tokens;
  }
  static std::vector<uint8_t> SnapshotOf(const Stream& stream) {
    const StreamState at = stream.Committed();
    PlannedSnapshot planned(*stream.model(), at);
    std::vector<uint8_t> bytes(planned.num_bytes());
    EXPECT_TRUE(planned.Write(absl::MakeSpan(bytes)).ok());
    return bytes;
  }
};

TEST_F(GoBackTest, AStreamIsAsOneThatReadTheSameTokens) {
  std::mt19937 random(3);
  const auto stream = NewStream();
  Tokens tokens = Some(900);
  const Outcome outcome = Run(NewRequest(stream, tokens, 20));
  tokens = Joined(tokens, outcome.tokens);
  for (int i = 0; i < 30; ++i) {
    ASSERT_EQ(TokensOf(*stream), tokens);
    const uint64_t position = random() % (tokens.size() + 1);
    const absl::StatusOr<uint64_t> replayed = Truncate(stream, position);
    ASSERT_TRUE(replayed.ok()) << replayed.status();
    EXPECT_LT(*replayed, 256u);
    tokens.resize(position);
    const Tokens more = Some(1 + random() % 300, i);
    Read(stream, more);
    tokens = Joined(tokens, more);
    ASSERT_EQ(StateOf(*stream), StateOf(*StreamThatRead(tokens)));
  }
}

TEST_F(GoBackTest, AnAnswerGoesOnWithOtherTokens) {
  const auto stream = NewStream();
  const Outcome first = Run(NewRequest(stream, {1, 2, 3}, 8));
  ASSERT_EQ(first.tokens.size(), 8u);
  ASSERT_TRUE(Truncate(stream, 6).ok());
  const Outcome second = Run(NewRequest(stream, {9, 9}, 4));
  const Tokens all = Joined(Joined({1, 2, 3}, {first.tokens.begin(), first.tokens.begin() + 3}), {9, 9});
  EXPECT_EQ(second.tokens, Greedy(all, 4));
}

TEST_F(GoBackTest, ACancelledAnswerIsSteered) {
  const auto stream = NewStream();
  const auto request = NewRequest(stream, {1, 2, 3}, 100'000);
  ASSERT_TRUE(SubmitOne(request).ok());
  WaitForStep(50);
  request->Cancel();
  EXPECT_EQ(Finish().terminal.kind, uint32_t{SKEIN_EVENT_CANCELLED});
  Tokens tokens = TokensOf(*stream);
  ASSERT_GT(tokens.size(), 20u);
  ASSERT_TRUE(Truncate(stream, 20).ok());
  tokens.resize(20);
  EXPECT_EQ(Run(NewRequest(stream, {7}, 5)).tokens, Greedy(Joined(tokens, {7}), 5));
}

// --- what it costs ---

TEST_F(GoBackTest, StatesAreKeptAtTurnsAndEvery256Tokens) {
  const auto stream = StreamThatRead(Some(100));
  Run(NewRequest(stream, Some(700), 300));
  EXPECT_THAT(KeptPositions(*stream), ElementsAre(100, 356, 612, 868));
  Run(NewRequest(stream, Some(5), 1));
  EXPECT_THAT(KeptPositions(*stream), ElementsAre(100, 356, 612, 868, 1099));
}

TEST_F(GoBackTest, UndoingATurnReadsNothing) {
  const auto stream = StreamThatRead(Some(100));
  Run(NewRequest(stream, Some(300), 4));
  EXPECT_EQ(*Truncate(stream, 100), 0u);
  EXPECT_EQ(StateOf(*stream), StateOf(*StreamThatRead(Some(100))));
}

TEST_F(GoBackTest, OnlyTheTokensBehindTheLastStateAreRead) {
  const auto stream = StreamThatRead(Some(1000));
  const int num_steps = num_steps_;
  EXPECT_EQ(*Truncate(stream, 900), 900u - 768u);
  EXPECT_EQ(num_steps_, num_steps + 1);
}

TEST_F(GoBackTest, WithoutCheckpointsAllIsReadAgain) {
  MakeModel({.max_tokens = 512});
  const auto stream = StreamThatRead(Some(1000));
  EXPECT_EQ(*Truncate(stream, 900), 900u);
  EXPECT_EQ(StateOf(*stream), StateOf(*StreamThatRead(Some(900))));
}

TEST_F(GoBackTest, StatesOfAllStreamsStayWithinTheBudget) {
  std::vector<std::shared_ptr<Stream>> streams;
  for (uint32_t i = 0; i < 5; ++i) streams.push_back(StreamThatRead(Some(3000, i)));
  EXPECT_EQ(model_->checkpoints()->num_states(), 16u);
  for (const auto& stream : streams) {
    ASSERT_TRUE(Truncate(stream, 2990).ok());
    EXPECT_EQ(StateOf(*stream).front(), 2990);
  }
  streams.clear();
  EXPECT_EQ(model_->checkpoints()->num_states(), 0u);
}

// --- places ---

TEST_F(GoBackTest, TheLastPositionIsThatOfThePendingToken) {
  const auto stream = NewStream();
  const Outcome outcome = Run(NewRequest(stream, {1, 2, 3}, 4));
  EXPECT_EQ(stream->Committed().position, 6u);
  EXPECT_EQ(*Truncate(stream, 7), 0u);
  EXPECT_TRUE(stream->Committed().pending.has_value()) << "nothing changes";
  EXPECT_EQ(*Truncate(stream, 6), 0u);
  EXPECT_FALSE(stream->Committed().pending.has_value());
  EXPECT_EQ(TokensOf(*stream), Joined({1, 2, 3}, {outcome.tokens.begin(), outcome.tokens.begin() + 3}));
}

TEST_F(GoBackTest, ThePositionIsAmongThoseKnown) {
  const auto stream = StreamThatRead(Some(10));
  const auto behind = Truncate(stream, 11);
  EXPECT_EQ(behind.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(behind.status().message(), HasSubstr("position 11; expected 0 to 10"));
  EXPECT_EQ(NumTokensFrom(stream->Committed(), 11).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(*NumTokensFrom(stream->Committed(), 10), 0u);
}

TEST_F(GoBackTest, AStreamGoesBackToItsStart) {
  const auto stream = StreamThatRead(Some(10));
  EXPECT_EQ(*Truncate(stream, 0), 0u);
  EXPECT_EQ(stream->Committed().position, 0u);
  EXPECT_EQ(Run(NewRequest(stream, {5}, 3)).tokens, Greedy({5}, 3));
}

TEST_F(GoBackTest, ARestoredStreamGoesBackToItsSnapshot) {
  const auto source = StreamThatRead(Some(500));
  const auto stream = NewStream();
  ASSERT_TRUE(stream->Restore(SnapshotOf(*source)).ok());
  Read(stream, Some(40));
  const auto before = Truncate(stream, 499);
  EXPECT_EQ(before.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(before.status().message(), HasSubstr("position 499; expected 500 to 540, as the tokens"));
  EXPECT_EQ(*Truncate(stream, 520), 20u);
  EXPECT_EQ(TokensOf(*stream, 500).size(), 20u);
  EXPECT_EQ(*Truncate(stream, 500), 0u);
  EXPECT_EQ(StateOf(*stream), StateOf(*source));
}

TEST_F(GoBackTest, WithoutTheStateOfItsSnapshotARestoredStreamSaysSo) {
  MakeModel({});
  const auto stream = NewStream();
  ASSERT_TRUE(stream->Restore(SnapshotOf(*StreamThatRead(Some(500)))).ok());
  Read(stream, Some(40));
  const auto result = Truncate(stream, 520);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(result.status().message(), HasSubstr("no state between the two is kept"));
  EXPECT_EQ(stream->Committed().position, 540u);
}

TEST_F(GoBackTest, AResetForgetsTheTokens) {
  const auto stream = StreamThatRead(Some(500));
  ASSERT_TRUE(stream->Reset().ok());
  EXPECT_THAT(TokensOf(*stream), IsEmpty());
  EXPECT_EQ(model_->checkpoints()->num_states(), 0u);
}

// --- failures ---

TEST_F(GoBackTest, AStreamWithAWriterStays) {
  const auto stream = StreamThatRead(Some(10));
  const WriteRight right = *stream->BeginWrite();
  EXPECT_EQ(Truncate(stream, 5).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(SetCheckpoint(stream, "a").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ForkAt(*stream, 5)->stream->Committed().position, 5u);
}

TEST_F(GoBackTest, AStreamStaysWhereItIsIfReadingFails) {
  bool fails = false;
  hook_ = [&fails](FakeStep&) { return fails ? absl::InternalError("no") : absl::OkStatus(); };
  const auto stream = StreamThatRead(Some(100));
  const std::vector<float> state = StateOf(*stream);
  fails = true;
  EXPECT_FALSE(Truncate(stream, 50).ok());
  EXPECT_FALSE(ForkAt(*stream, 50).ok());
  fails = false;
  EXPECT_EQ(StateOf(*stream), state);
  EXPECT_EQ(TokensOf(*stream), Some(100));
  EXPECT_TRUE(Truncate(stream, 50).ok());
}

// --- branches ---

TEST_F(GoBackTest, ABranchLeavesTheStreamWhereItIs) {
  const auto stream = StreamThatRead(Some(700));
  const absl::StatusOr<Branch> branch = ForkAt(*stream, 600);
  ASSERT_TRUE(branch.ok());
  EXPECT_EQ(branch->num_replayed, 600u - 512u);
  Read(branch->stream, Some(10, 5));
  EXPECT_EQ(StateOf(*branch->stream), StateOf(*StreamThatRead(Joined(Some(600), Some(10, 5)))));
  EXPECT_EQ(StateOf(*stream), StateOf(*StreamThatRead(Some(700))));
}

TEST_F(GoBackTest, ABranchIsMadeWhileARequestRuns) {
  const auto stream = NewStream();
  const auto request = NewRequest(stream, {1, 2, 3}, 100'000);
  ASSERT_TRUE(SubmitOne(request).ok());
  WaitForStep(30);
  const absl::StatusOr<Branch> branch = ForkAt(*stream, 10);
  request->Cancel();
  Finish();
  ASSERT_TRUE(branch.ok());
  EXPECT_EQ(TokensOf(*branch->stream), Joined({1, 2, 3}, Greedy({1, 2, 3}, 7)));
}

// --- names ---

TEST_F(GoBackTest, NamesAreOfPlaces) {
  const auto stream = StreamThatRead(Some(100));
  ASSERT_TRUE(SetCheckpoint(stream, "read").ok());
  const Outcome outcome = Run(NewRequest(stream, {1}, 5));
  ASSERT_TRUE(SetCheckpoint(stream, "answered").ok());
  Run(NewRequest(stream, {2}, 5));
  EXPECT_EQ(*FindCheckpoint(stream->Committed(), "read"), 100u);
  EXPECT_EQ(*FindCheckpoint(stream->Committed(), "answered"), 106u) << "the pending token counts";
  EXPECT_EQ(*Truncate(stream, 106), 1u);
  EXPECT_EQ(TokensOf(*stream), Joined(Joined(Some(100), {1}), outcome.tokens));
  EXPECT_TRUE(FindCheckpoint(stream->Committed(), "answered").ok());
  ASSERT_TRUE(Truncate(stream, 105).ok());
  EXPECT_EQ(FindCheckpoint(stream->Committed(), "answered").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(FindCheckpoint((*stream->Fork())->Committed(), "read").ok());
}

TEST_F(GoBackTest, ANameIsOfOnePlace) {
  const auto stream = StreamThatRead(Some(10));
  ASSERT_TRUE(SetCheckpoint(stream, "a").ok());
  EXPECT_EQ(SetCheckpoint(stream, "a").code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(SetCheckpoint(stream, "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SetCheckpoint(stream, std::string(64, 'x')).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(SetCheckpoint(stream, std::string(63, 'x')).ok());
  EXPECT_EQ(SetCheckpoint(NewStream(), "start"), absl::OkStatus());
}

// --- the sampler ---

TEST_F(GoBackTest, TheSamplersMemoryIsWhatItWas) {
  const auto sampler_behind = [&](size_t num_tokens) {
    auto stream = NewStream();
    const auto request = NewRequest(stream, {1, 2, 3}, static_cast<int64_t>(num_tokens));
    Options penalties(SKEIN_OPTIONS_REQUEST);
    EXPECT_TRUE(penalties.SetReal("frequency_penalty", 0.5).ok());
    EXPECT_TRUE(request->SetOptions(penalties).ok());
    EXPECT_EQ(Run(request).tokens.size(), num_tokens);
    return stream;
  };
  const auto stream = sampler_behind(40);
  const auto shorter = sampler_behind(17);
  ASSERT_TRUE(Truncate(stream, 3 + 17).ok());
  ASSERT_EQ(TokensOf(*stream), TokensOf(*shorter));
  ASSERT_NE(stream->Committed().sampler, nullptr);
  EXPECT_EQ(*stream->Committed().sampler, *shorter->Committed().sampler);
  EXPECT_EQ(stream->Committed().sampler->occurrences.size(), shorter->Committed().sampler->occurrences.size());
  ASSERT_TRUE(Truncate(stream, 3).ok());
  EXPECT_THAT(stream->Committed().sampler->occurrences, IsEmpty());
}

}  // namespace
}  // namespace skein
