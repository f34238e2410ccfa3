// Bounds, deadlines and tenants of requests and evals, on a fake model and a clock that the test turns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "base/status.h"
#include "serving/embed.h"
#include "serving/eval.h"
#include "serving/load.h"
#include "serving/score.h"
#include "skein/stream.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using std::chrono::milliseconds;
using test::FakeModelLimits;
using test::FakeStep;
using test::Outcome;
using testing::HasSubstr;

// The members that the constructor of the base needs.
struct WithFakeClock {
  test::FakeClock time;
};

class ScheduleTest : private WithFakeClock, public test::ServingTest {
 protected:
  ScheduleTest() : ServingTest({.max_streams = 16, .num_slots = 40, .max_queued_tokens = 100}, time.AsFunction()) {}

  void Advance(milliseconds by) {
    time.Advance(by);
    model_->engine()->NotifyAll();
  }
  skein_load Load() const { return *LoadOf(*model_, nullptr); }
  void ExpectNoLoad() const {
    EXPECT_EQ(Load().queued_tokens, 0u);
    EXPECT_EQ(Load().num_waiting, 0u);
    EXPECT_EQ(Load().num_running, 0u);
  }
  // The engine may hold the job of an end that was seen for a moment more.
  void WaitUntilTenantsAreForgotten() const {
    while (Load().num_tenants > 0) std::this_thread::yield();
  }
  // A request that keeps the engine in its first step until is_stalled_ is taken back.
  std::shared_ptr<Request> Stall(size_t prompt_size, int64_t max_tokens = 1) {
    is_stalled_ = true;
    const int first = num_steps_ + 1;
    const auto request = NewRequest(NewStream(), std::vector<uint32_t>(prompt_size, 1), max_tokens);
    EXPECT_TRUE(SubmitOne(request).ok());
    WaitForStep(first);
    return request;
  }
  absl::Status ScoreOne(const std::shared_ptr<Stream>& stream, size_t num_tokens, int32_t priority = 0) {
    const std::vector<uint32_t> tokens(num_tokens, 9);
    absl::StatusOr<ScoreItem> item = ScoreItem{.stream = stream, .tokens = tokens, .priority = priority};
    return Score(model_, {&item, 1})[0];
  }
  absl::Status EmbedOne(const std::string& tenant, size_t num_tokens) {
    const std::vector<uint32_t> tokens(num_tokens, 9);
    std::vector<float> embedding(test::FakeStepRunner::kHiddenSize);
    absl::StatusOr<EmbedItem> item =
        EmbedItem{.tokens = tokens, .embedding = absl::MakeSpan(embedding), .tenant = tenant};
    return Embed(model_, {&item, 1})[0];
  }
  absl::Status EvalOne(const std::shared_ptr<Stream>& stream, size_t num_tokens) {
    const std::vector<uint32_t> tokens(num_tokens, 1);
    const absl::StatusOr<EvalItem> item = EvalItem{stream, tokens};
    return Eval(*model_, {&item, 1})[0];
  }
};

TEST_F(ScheduleTest, SubmitBeyondTheBoundIsRefusedAndChangesNothing) {
  Stall(60);
  const auto stream = NewStream();
  const auto request = NewRequest(stream, std::vector<uint32_t>(41, 2), 3);
  const absl::Status refused = SubmitOne(request);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_GT(RetryAfterMs(refused), 0u);
  EXPECT_TRUE(stream->BeginWrite().ok()) << "the stream is free";
  EXPECT_TRUE(request->SetUserData(1).ok()) << "the request was not submitted";
  is_stalled_ = false;
  Finish();
  EXPECT_EQ(Run(request).tokens.size(), 3u);
  ExpectNoLoad();
}

TEST_F(ScheduleTest, RequestsOfOneSubmitAreAdmittedTogether) {
  Stall(60);
  const auto a = NewRequest(NewStream(), std::vector<uint32_t>(25, 2), 1);
  const auto b = NewRequest(NewStream(), std::vector<uint32_t>(25, 2), 1);
  EXPECT_TRUE(absl::IsResourceExhausted(Submit({{a, b}}, queue_)));
  EXPECT_EQ(Load().queued_tokens, 60u);
  EXPECT_TRUE(Submit({{a}}, queue_).ok());
  is_stalled_ = false;
  Finish();
  Finish();
  ExpectNoLoad();
}

TEST_F(ScheduleTest, EvalsAreBoundedLikeRequests) {
  Stall(60);
  const auto stream = NewStream();
  const absl::Status refused = EvalOne(stream, 41);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_GT(RetryAfterMs(refused), 0u);
  EXPECT_EQ(stream->Committed().position, 0u);
  is_stalled_ = false;
  Finish();
  EXPECT_TRUE(EvalOne(stream, 41).ok());
  ExpectNoLoad();
}

TEST_F(ScheduleTest, ItemsOfOneEvalAreAdmittedTogether) {
  const std::vector<uint32_t> tokens(80, 1);
  std::vector<absl::StatusOr<EvalItem>> items;
  for (int i = 0; i < 4; ++i) items.emplace_back(EvalItem{NewStream(), tokens});
  for (const absl::Status& status : Eval(*model_, items)) EXPECT_TRUE(status.ok()) << status;
  ExpectNoLoad();
}

TEST_F(ScheduleTest, ScoresAndEmbeddingsAreBoundedLikeRequests) {
  Stall(60);
  const auto stream = NewStream();
  for (const absl::Status& refused : {ScoreOne(stream, 42), EmbedOne("", 41)}) {
    EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
    EXPECT_GT(RetryAfterMs(refused), 0u);
  }
  EXPECT_EQ(Load().queued_tokens, 60u);
  is_stalled_ = false;
  Finish();
  EXPECT_TRUE(ScoreOne(stream, 42).ok());
  EXPECT_TRUE(EmbedOne("", 41).ok());
  ExpectNoLoad();
}

TEST_F(ScheduleTest, ScoresThatFindNoRoomEndTogether) {
  Stall(60);
  const std::vector<uint32_t> tokens(42, 1), outside = {1, 300};
  const auto stream = NewStream();
  std::vector<absl::StatusOr<ScoreItem>> items = {ScoreItem{.stream = stream, .tokens = tokens},
                                                  ScoreItem{.stream = stream, .tokens = outside},
                                                  ScoreItem{.stream = stream, .tokens = {tokens.data(), 2}}};
  const std::vector<absl::Status> statuses = Score(model_, absl::MakeSpan(items));
  EXPECT_GT(RetryAfterMs(statuses[0]), 0u);
  EXPECT_TRUE(absl::IsInvalidArgument(statuses[1])) << statuses[1];
  EXPECT_GT(RetryAfterMs(statuses[2]), 0u);
  EXPECT_EQ(num_steps_, 1) << "none has run";
  is_stalled_ = false;
  Finish();
}

TEST_F(ScheduleTest, ScoresOfOneCallWaitForOneAnother) {
  std::atomic<uint64_t> most = 0;
  hook_ = [&](FakeStep&) {
    most = std::max<uint64_t>(most, Load().queued_tokens);
    return absl::OkStatus();
  };
  const std::vector<uint32_t> tokens(41, 1);
  const auto stream = NewStream();
  std::vector<absl::StatusOr<ScoreItem>> items(20, ScoreItem{.stream = stream, .tokens = tokens});
  for (const absl::Status& status : Score(model_, absl::MakeSpan(items))) EXPECT_TRUE(status.ok()) << status;
  EXPECT_GE(most, 80u) << "two of 40 have room below 100";
  EXPECT_LE(most, 100u);
  ExpectNoLoad();
}

TEST_F(ScheduleTest, ScoresAndEmbeddingsAreTheirTenants) {
  std::vector<skein_load> loads;
  hook_ = [&](FakeStep&) {
    loads.push_back(*LoadOf(*model_, "a"));
    return absl::OkStatus();
  };
  ASSERT_TRUE(ScoreOne(*Stream::Create(model_, "", "a"), 11).ok());
  ASSERT_TRUE(EmbedOne("a", 12).ok());
  ASSERT_TRUE(EmbedOne("", 13).ok());
  ASSERT_EQ(loads.size(), 3u);
  EXPECT_EQ(loads[0].queued_tokens, 10u);
  EXPECT_EQ(loads[1].queued_tokens, 12u);
  EXPECT_EQ(loads[2].queued_tokens, 0u);
  WaitUntilTenantsAreForgotten();
}

TEST_F(ScheduleTest, MetricsAreThoseOfTheTenant) {
  const auto stream = *Stream::Create(model_, "", "a");
  EXPECT_EQ(Run(NewRequest(stream, {1, 2, 3}, 5)).tokens.size(), 5u);
  ASSERT_TRUE(EvalOne(stream, 10).ok());  // and the token that was pending
  ASSERT_TRUE(ScoreOne(stream, 21).ok());
  ASSERT_TRUE(EmbedOne("b", 7).ok());
  Stall(4);
  const std::string text = model_->metrics().Text();
  is_stalled_ = false;
  Finish();
  // The four tokens that were drawn and fed are no known ones.
  EXPECT_THAT(text, HasSubstr("tenant=\"a\",kind=\"read\"} 34\n"));
  EXPECT_THAT(text, HasSubstr("tenant=\"a\",kind=\"drawn\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("tenant=\"b\",kind=\"read\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("tenant_first_token_seconds_count{model=\"\",tenant=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tenant_token_gap_seconds_count{model=\"\",tenant=\"a\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("tenant_jobs{model=\"\",tenant=\"\",state=\"queued\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tenant_jobs{model=\"\",tenant=\"a\",state=\"queued\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("tenant_queued_tokens{model=\"\",tenant=\"\"} 4\n"));
}

TEST_F(ScheduleTest, EmbeddingOfAStreamHasNoOtherTenant) {
  const std::vector<uint32_t> tokens = {1};
  std::vector<float> embedding(test::FakeStepRunner::kHiddenSize);
  std::vector<absl::StatusOr<EmbedItem>> items = {
      EmbedItem{.stream = NewStream(), .tokens = tokens, .embedding = absl::MakeSpan(embedding), .tenant = "a"},
      EmbedItem{.tokens = tokens, .embedding = absl::MakeSpan(embedding), .tenant = std::string(256, 'a')},
      EmbedItem{.tokens = tokens, .embedding = absl::MakeSpan(embedding), .priority = 9}};
  for (const absl::Status& status : Embed(model_, absl::MakeSpan(items))) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
}

TEST_F(ScheduleTest, ScoreOfAHigherPriorityGoesFirst) {
  std::vector<uint32_t> first_tokens;  // of the steps
  hook_ = [&](FakeStep& step) {
    first_tokens.push_back(step.tokens[0]);
    return absl::OkStatus();
  };
  Stall(4);
  ASSERT_TRUE(SubmitOne(NewRequest(NewStream(), std::vector<uint32_t>(30, 2), 1)).ok());
  std::thread score([this] { EXPECT_TRUE(ScoreOne(NewStream(), 67, 8).ok()); });
  while (Load().queued_tokens < 100) std::this_thread::yield();
  is_stalled_ = false;
  score.join();
  Finish();
  Finish();
  ASSERT_GE(first_tokens.size(), 2u);
  EXPECT_EQ(first_tokens[1], 9u);
  EXPECT_TRUE(absl::IsInvalidArgument(ScoreOne(NewStream(), 3, 9)));
}

TEST_F(ScheduleTest, FirstTokenDeadlineEndsARequestBetweenSteps) {
  const auto before = Stall(4);
  const auto request = NewRequest(NewStream(), {2}, 3);
  Set(*request, "first_token_ms", 50);
  ASSERT_TRUE(SubmitOne(request).ok());
  Advance(milliseconds(50));
  is_stalled_ = false;
  const Outcome outcomes[2] = {Finish(), Finish()};
  const Outcome& late = outcomes[0].terminal.kind == SKEIN_EVENT_ERROR ? outcomes[0] : outcomes[1];
  EXPECT_EQ(late.terminal.status, SKEIN_DEADLINE_EXCEEDED);
  EXPECT_THAT(late.message, HasSubstr("first_token_ms"));
  EXPECT_TRUE(late.tokens.empty());
  EXPECT_EQ(request->stream()->Committed().position, 0u);
  ExpectNoLoad();
}

TEST_F(ScheduleTest, DeadlineEndsARequestThatDraws) {
  const auto request = NewRequest(NewStream(), {2, 3}, 1000);
  Set(*request, "deadline_ms", 50);
  Set(*request, "first_token_ms", 40);
  hook_ = [this](FakeStep&) {
    if (num_steps_ == 5) Advance(milliseconds(50));
    return absl::OkStatus();
  };
  const Outcome outcome = Run(request);
  EXPECT_EQ(outcome.terminal.status, SKEIN_DEADLINE_EXCEEDED);
  EXPECT_THAT(outcome.message, HasSubstr("deadline_ms"));
  EXPECT_EQ(outcome.tokens, Greedy({2, 3}, 5)) << "the step under way counts";
  EXPECT_EQ(request->stream()->Committed().position, 2u + 4u);
  ExpectNoLoad();
}

// The step begins in time, and takes longer than was expected of it.
TEST_F(ScheduleTest, RequestWhoseFirstTokenComesLateIsNotDone) {
  for (const int64_t n : {1, 3}) {
    for (const int64_t max_tokens : {1, 8}) {
      const auto request = NewRequest(NewStream(), {2, 3}, max_tokens);
      Set(*request, "n", n);
      Set(*request, "first_token_ms", 60);
      hook_ = [this](FakeStep&) {
        Advance(milliseconds(85));
        return absl::OkStatus();
      };
      ASSERT_TRUE(SubmitOne(request).ok());
      Outcome outcome;
      do {
        outcome = Finish();
        EXPECT_EQ(outcome.terminal.status, SKEIN_DEADLINE_EXCEEDED) << "of sample " << outcome.terminal.sample;
        EXPECT_THAT(outcome.message, HasSubstr("first_token_ms"));
      } while (outcome.terminal.kind == SKEIN_EVENT_SAMPLE_DONE);
      EXPECT_EQ(outcome.terminal.kind, SKEIN_EVENT_ERROR);
      EXPECT_EQ(outcome.terminal.num_tokens, static_cast<uint64_t>(n)) << "the step under way counts";
      EXPECT_EQ(request->stream()->Committed().pending, Greedy({2, 3}, 1)[0]) << "the stream goes on behind its token";
      ExpectNoLoad();
    }
  }
}

TEST_F(ScheduleTest, RequestWhoseLastTokenComesLateIsNotDone) {
  const std::vector<uint32_t> answer = Greedy({2, 3}, 4);
  for (const bool has_stop_token : {false, true}) {
    const auto request = NewRequest(NewStream(), {2, 3}, has_stop_token ? 8 : 3);
    if (has_stop_token) {
      ASSERT_TRUE(request->AddStopToken(answer[3]).ok());
    }
    Set(*request, "deadline_ms", 50);
    num_steps_ = 0;
    hook_ = [this, has_stop_token](FakeStep&) {
      if (num_steps_ == (has_stop_token ? 4 : 3)) Advance(milliseconds(50));
      return absl::OkStatus();
    };
    const Outcome outcome = Run(request);
    EXPECT_EQ(outcome.terminal.status, SKEIN_DEADLINE_EXCEEDED) << has_stop_token;
    EXPECT_THAT(outcome.message, HasSubstr("deadline_ms"));
    EXPECT_EQ(outcome.tokens, Greedy({2, 3}, 3));
    ExpectNoLoad();
  }
}

TEST_F(ScheduleTest, DeadlineEndsARequestThatWaitsForItsReader) {
  const auto request = NewRequest(NewStream(), {2}, 1000);
  Set(*request, "window", 1);
  Set(*request, "deadline_ms", 50);
  ASSERT_TRUE(SubmitOne(request).ok());
  WaitForStep(1);
  Advance(milliseconds(50));
  const Outcome outcome = Finish();
  EXPECT_EQ(outcome.terminal.status, SKEIN_DEADLINE_EXCEEDED);
  EXPECT_EQ(outcome.tokens.size(), 1u);
}

TEST_F(ScheduleTest, EngineWakesForADeadline) {
  clock_ = std::chrono::steady_clock::now;
  MakeModel({});
  const auto request = NewRequest(NewStream(), {2}, 1000);
  Set(*request, "window", 1);
  Set(*request, "deadline_ms", 30);
  const Outcome outcome = Run(request);
  EXPECT_EQ(outcome.terminal.status, SKEIN_DEADLINE_EXCEEDED) << "nobody notified the engine";
  EXPECT_GE(outcome.terminal.queue_us + outcome.terminal.prefill_us + outcome.terminal.decode_us, 30000u);
}

TEST_F(ScheduleTest, RequestThatIsInTimeKeepsItsDeadlines) {
  const auto request = NewRequest(NewStream(), {2}, 5);
  Set(*request, "deadline_ms", 1000);
  Set(*request, "first_token_ms", 1000);
  EXPECT_EQ(Run(request).terminal.kind, SKEIN_EVENT_DONE);
}

TEST_F(ScheduleTest, SlowReaderHoldsBackNobody) {
  const auto slow = NewRequest(NewStream(), {2}, 1000);
  Set(*slow, "window", 1);
  ASSERT_TRUE(SubmitOne(slow).ok());
  while (Load().queued_tokens > 0) std::this_thread::yield();
  const auto other = NewRequest(NewStream(), {3}, 50);
  auto queue = *CompletionQueue::Create();
  queue.swap(queue_);
  EXPECT_EQ(Run(other).tokens, Greedy({3}, 50));
  queue.swap(queue_);
  slow->Cancel();
  EXPECT_EQ(Finish().terminal.kind, SKEIN_EVENT_CANCELLED);
}

TEST_F(ScheduleTest, StreamsAndTheirForksBelongToATenant) {
  const auto stream = *Stream::Create(model_, "", "a");
  EXPECT_EQ(stream->tenant()->name(), "a");
  const auto fork = *stream->Fork();
  EXPECT_EQ(fork->tenant(), stream->tenant());
  EXPECT_EQ(NewStream()->tenant()->name(), "");
  EXPECT_TRUE(absl::IsInvalidArgument(Stream::Create(model_, "", std::string(256, 'a')).status()));
}

TEST_F(ScheduleTest, TenantsAreForgottenWithTheirStreams) {
  for (int i = 0; i < 1000; ++i) {
    const auto stream = *Stream::Create(model_, "", absl::StrCat("tenant ", i));
    EXPECT_EQ(Run(NewRequest(stream, {2}, 1)).tokens.size(), 1u);
  }
  WaitUntilTenantsAreForgotten();
}

TEST_F(ScheduleTest, LoadOfATenant) {
  Options policy(SKEIN_OPTIONS_TENANT);
  ASSERT_TRUE(policy.SetReal("weight", 2).ok());
  ASSERT_TRUE(policy.SetInt("max_queued_tokens", 7).ok());
  ASSERT_TRUE(policy.SetInt("max_running", 3).ok());
  ASSERT_TRUE(SetTenant(*model_, "a", &policy).ok());
  skein_load load = *LoadOf(*model_, "a");
  EXPECT_EQ(load.weight, 2);
  EXPECT_EQ(load.max_queued_tokens, 7u);
  EXPECT_EQ(load.max_running, 3u);
  EXPECT_EQ(load.num_tenants, 1u);
  ASSERT_TRUE(SetTenant(*model_, "a", nullptr).ok());
  load = *LoadOf(*model_, "a");
  EXPECT_EQ(load.weight, 1);
  EXPECT_EQ(load.num_tenants, 0u);
  EXPECT_TRUE(absl::IsInvalidArgument(SetTenant(*model_, std::string(256, 'a').c_str(), &policy)));
}

TEST_F(ScheduleTest, FailedStepsGiveTheirPlacesBack) {
  hook_ = [](FakeStep&) { return absl::InternalError("broken"); };
  EXPECT_EQ(Run(NewRequest(NewStream(), {2, 3}, 4)).terminal.kind, SKEIN_EVENT_ERROR);
  ExpectNoLoad();
}

TEST_F(ScheduleTest, CancelStormLeavesNoLoad) {
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 8; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937_64 random(t);
      const auto stream = *Stream::Create(model_, "", "one tenant");
      const auto queue = *CompletionQueue::Create();
      for (int i = 0; i < 300; ++i) {
        const auto request = NewRequest(stream, std::vector<uint32_t>(1 + random() % 20, 2), 1 + random() % 20);
        if (random() % 3 == 0) Set(*request, "deadline_ms", 1 + random() % 100);
        if (!Submit({&request, 1}, queue).ok()) continue;
        if (random() % 2 == 0) request->Cancel();
        for (bool has_ended = false; !has_ended;) {
          queue->Wait(std::nullopt);
          uint64_t needed;
          for (const QueuedEvent& event : queue->Take(64, 1 << 20, &needed)) {
            has_ended = has_ended || event.event.kind != SKEIN_EVENT_TOKEN;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectNoLoad();
  WaitUntilTenantsAreForgotten();
}

}  // namespace
}  // namespace skein
