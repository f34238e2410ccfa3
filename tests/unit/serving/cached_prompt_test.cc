#include "serving/cached_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "engine/prefix.h"
#include "engine/stream_snapshot.h"
#include "serving/eval.h"
#include "serving/go_back.h"
#include "serving/load.h"
#include "skein/stream.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeModelLimits;
using test::FakeStep;
using test::FakeStepRunner;
using test::Outcome;
using testing::HasSubstr;
using Tokens = std::vector<uint32_t>;

// `count` tokens that follow from `seed`, then those of `tail`.
Tokens Text(uint32_t seed, size_t count, const Tokens& tail = {}) {
  Tokens tokens;
  std::mt19937 random(seed);
  for (size_t i = 0; i < count; ++i) tokens.push_back(random() % 200);
  tokens.insert(tokens.end(), tail.begin(), tail.end());
  return tokens;
}
// A prompt that begins with 100 tokens that all have, and parts from the others there.
Tokens UserPrompt(uint32_t user, size_t num_own = 20) {
  Tokens prompt = Text(1, 100, {200 + user});
  const Tokens own = Text(1000 + user, num_own);
  prompt.insert(prompt.end(), own.begin(), own.end());
  return prompt;
}

struct WithFakeClock {
  test::FakeClock time;
};

class CachedPromptTest : private WithFakeClock, public test::ServingTest {
 protected:
  CachedPromptTest() : ServingTest(Limits(32), time.AsFunction()) {
    hook_ = [this](FakeStep& step) {
      num_fed_ += step.tokens.size();
      return absl::OkStatus();
    };
  }
  static FakeModelLimits Limits(uint64_t max_states) {
    return {.max_streams = 16, .num_slots = 100, .prefixes = {.max_bytes = max_states, .state_bytes = 1}};
  }
  void Advance(std::chrono::milliseconds by) {
    time.Advance(by);
    model_->engine()->NotifyAll();
  }
  std::shared_ptr<Stream> SaltedStream(const std::string& salt) { return *Stream::Create(model_, "", "", salt); }
  // A request on a new stream, which is to write what the model writes without a cache.
  Outcome Read(const Tokens& prompt, const std::string& salt = "", size_t num_tokens = 4) {
    const Outcome outcome = Run(NewRequest(SaltedStream(salt), prompt, static_cast<int64_t>(num_tokens)));
    EXPECT_EQ(outcome.tokens, Greedy(prompt, num_tokens));
    EXPECT_EQ(outcome.terminal.num_prompt_tokens, prompt.size());
    return outcome;
  }
  // The ends of all these requests, submitted together, by user_data.
  std::map<uint64_t, Outcome> FinishAll(size_t count) {
    std::map<uint64_t, Outcome> outcomes;
    for (size_t num_ended = 0; num_ended < count;) {
      const std::optional<bool> ready = queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20));
      if (ready != true) {
        ADD_FAILURE() << "no event within 20 s";
        return outcomes;
      }
      uint64_t needed;
      for (const QueuedEvent& event : queue_->Take(1, 1 << 20, &needed)) {
        Outcome& outcome = outcomes[event.event.user_data];
        if (event.event.kind == SKEIN_EVENT_TOKEN) {
          outcome.tokens.push_back(event.event.token);
        } else {
          outcome.terminal = event.event;
          ++num_ended;
        }
      }
    }
    return outcomes;
  }
  std::shared_ptr<Request> UserRequest(uint32_t user, const std::string& tenant = "", int64_t priority = 0) {
    auto request = NewRequest(*Stream::Create(model_, "", tenant), UserPrompt(user), 4);
    EXPECT_TRUE(request->SetUserData(user).ok());
    Set(*request, "priority", priority);
    return request;
  }
  PrefixCounts Counts() const { return model_->engine()->prefixes()->counts(); }
  skein_load Load() const { return *LoadOf(*model_, nullptr); }

  std::atomic<uint64_t> num_fed_{0};
};

TEST_F(CachedPromptTest, ThirdPromptGoesOnFromWhereTheFirstTwoPart) {
  EXPECT_EQ(Read(UserPrompt(1)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  const Outcome second = Read(UserPrompt(2));
  EXPECT_EQ(second.terminal.cache, uint32_t{SKEIN_CACHE_NO_STATE});
  EXPECT_EQ(second.terminal.num_cached_tokens, 0u);
  const uint64_t before = num_fed_;
  const Outcome third = Read(UserPrompt(3));
  EXPECT_EQ(third.terminal.cache, uint32_t{SKEIN_CACHE_HIT});
  EXPECT_EQ(third.terminal.num_cached_tokens, 100u);
  EXPECT_EQ(num_fed_ - before, 21u + 3u) << "its own part, and the tokens drawn that were fed";
  EXPECT_EQ(Counts().saved_tokens, 100u);
}

TEST_F(CachedPromptTest, SamePromptAgainIsReadFromItsLastTokenOn) {
  Read(Text(1, 50));
  Read(Text(1, 50));
  EXPECT_EQ(Read(Text(1, 50)).terminal.num_cached_tokens, 49u);
}

TEST_F(CachedPromptTest, NextTurnGoesOnFromTheAnswer) {
  Tokens conversation = Text(1, 50);
  const Outcome first = Read(conversation);
  conversation.insert(conversation.end(), first.tokens.begin(), first.tokens.end());
  conversation.push_back(7);
  EXPECT_EQ(Read(conversation).terminal.num_cached_tokens, 53u) << "the last token of the answer was never fed";
}

TEST_F(CachedPromptTest, AnotherAnswerGoesOnFromThePrompt) {
  Read(Text(1, 50));
  EXPECT_EQ(Read(Text(1, 50, {250, 251})).terminal.num_cached_tokens, 50u);
}

TEST_F(CachedPromptTest, LongPromptLeavesStatesOnItsWay) {
  Read(Text(1, 1000));
  Tokens other = Text(1, 900, {250, 251});
  const Outcome outcome = Read(other);
  EXPECT_GE(outcome.terminal.num_cached_tokens, 750u) << "parts end every 64 tokens";
  EXPECT_LT(outcome.terminal.num_cached_tokens, 900u);
}

TEST_F(CachedPromptTest, StatesOnTheWayMakeNoMoreSteps) {
  const int before = num_steps_;
  Read(Text(1, 1000), "", 1);
  EXPECT_EQ(num_steps_ - before, 16);
}

TEST_F(CachedPromptTest, PromptsThatBeginAlikeReadTheBeginningOnce) {
  is_stalled_ = true;
  std::vector<std::shared_ptr<Request>> requests;
  for (uint32_t user = 0; user < 8; ++user) requests.push_back(UserRequest(user));
  ASSERT_TRUE(Submit(requests, queue_).ok());
  EXPECT_LE(Load().queued_tokens, 100u + 8 * 21) << "what is expected in the cache does not wait";
  is_stalled_ = false;
  const auto outcomes = FinishAll(8);
  uint64_t num_cached = 0;
  for (uint32_t user = 0; user < 8; ++user) {
    EXPECT_EQ(outcomes.at(user).tokens, Greedy(UserPrompt(user), 4));
    num_cached += outcomes.at(user).terminal.num_cached_tokens;
  }
  EXPECT_EQ(num_cached, 700u);
  EXPECT_EQ(num_fed_, 100u + 8 * (21 + 3));
  EXPECT_EQ(Counts().waits, 7u);
}

TEST_F(CachedPromptTest, SecondReaderTakesOverFromOneThatIsCancelled) {
  is_stalled_ = true;
  std::vector<std::shared_ptr<Request>> requests;
  for (uint32_t user = 0; user < 4; ++user) requests.push_back(UserRequest(user));
  ASSERT_TRUE(Submit(requests, queue_).ok());
  WaitForStep(1);
  requests[0]->Cancel();
  is_stalled_ = false;
  const auto outcomes = FinishAll(4);
  EXPECT_EQ(outcomes.at(0).terminal.kind, uint32_t{SKEIN_EVENT_CANCELLED});
  uint64_t num_cached = 0;
  for (uint32_t user = 1; user < 4; ++user) {
    EXPECT_EQ(outcomes.at(user).tokens, Greedy(UserPrompt(user), 4));
    num_cached += outcomes.at(user).terminal.num_cached_tokens;
  }
  EXPECT_EQ(num_cached, 200u);
}

TEST_F(CachedPromptTest, SecondReaderTakesOverFromOneThatFails) {
  hook_ = [](FakeStep& step) {
    for (skein_step_entry& entry : step.entries) {
      const uint32_t* const tokens = step.tokens.data() + entry.first_token;
      if (std::find(tokens, tokens + entry.num_tokens, Text(1, 100)[90]) == tokens + entry.num_tokens) continue;
      static int num_failures = 0;
      if (++num_failures == 1) entry.status = SKEIN_INTERNAL;
    }
    return absl::OkStatus();
  };
  std::vector<std::shared_ptr<Request>> requests;
  for (uint32_t user = 0; user < 4; ++user) requests.push_back(UserRequest(user));
  ASSERT_TRUE(Submit(requests, queue_).ok());
  const auto outcomes = FinishAll(4);
  int num_failed = 0;
  for (uint32_t user = 0; user < 4; ++user) {
    const bool failed = outcomes.at(user).terminal.kind == SKEIN_EVENT_ERROR;
    num_failed += failed;
    EXPECT_EQ(outcomes.at(user).tokens, failed ? Tokens() : Greedy(UserPrompt(user), 4));
  }
  EXPECT_EQ(num_failed, 1);
}

TEST_F(CachedPromptTest, ReaderThatMakesNoProgressIsNotWaitedForForEver) {
  // The first reader cannot begin: its tenant's one place is taken by a request that waits for nobody.
  const std::shared_ptr<Tenant> slow = model_->engine()->tenants().Get("slow");
  slow->queues().max_running = 1;
  auto endless = NewRequest(*Stream::Create(model_, "", "slow"), {1, 2, 3}, 1'000'000);
  ASSERT_TRUE(SubmitOne(endless).ok());
  ASSERT_TRUE(SubmitOne(UserRequest(1, "slow")).ok());
  ASSERT_TRUE(SubmitOne(UserRequest(2, "fast")).ok());
  while (Counts().waits == 0) std::this_thread::yield();
  Advance(std::chrono::milliseconds(1001));
  Outcome fast;
  while (fast.terminal.kind == 0) {
    ASSERT_EQ(queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)), true);
    uint64_t needed;
    for (const QueuedEvent& event : queue_->Take(100, 1 << 20, &needed)) {
      if (event.event.user_data != 2) {
        ASSERT_EQ(event.event.kind, uint32_t{SKEIN_EVENT_TOKEN}) << "it waited for the first reader's end";
        continue;
      }
      if (event.event.kind == SKEIN_EVENT_TOKEN) fast.tokens.push_back(event.event.token);
      if (event.event.kind == SKEIN_EVENT_DONE) fast.terminal = event.event;
    }
  }
  EXPECT_EQ(fast.tokens, Greedy(UserPrompt(2), 4));
  endless->Cancel();
}

TEST_F(CachedPromptTest, UrgentPromptWaitsForNoneOfLowerPriority) {
  is_stalled_ = true;
  const std::vector<std::shared_ptr<Request>> requests = {UserRequest(0, "", -1), UserRequest(1, "", 1)};
  ASSERT_TRUE(Submit(requests, queue_).ok());
  is_stalled_ = false;
  FinishAll(2);
  EXPECT_EQ(Counts().waits, 0u);
}

TEST_F(CachedPromptTest, RequestsThatWaitAreCancelled) {
  is_stalled_ = true;
  std::vector<std::shared_ptr<Request>> requests;
  for (uint32_t user = 0; user < 4; ++user) requests.push_back(UserRequest(user));
  ASSERT_TRUE(Submit(requests, queue_).ok());
  WaitForStep(1);
  for (uint32_t user = 1; user < 4; ++user) requests[user]->Cancel();
  is_stalled_ = false;
  const auto outcomes = FinishAll(4);
  for (uint32_t user = 1; user < 4; ++user) {
    EXPECT_EQ(outcomes.at(user).terminal.kind, uint32_t{SKEIN_EVENT_CANCELLED});
    EXPECT_EQ(outcomes.at(user).terminal.cache, uint32_t{SKEIN_CACHE_UNKNOWN});
  }
}

TEST_F(CachedPromptTest, SaltsShareNothing) {
  for (int i = 0; i < 3; ++i) Read(UserPrompt(1), "a");
  const Outcome other = Read(UserPrompt(1), "b");
  EXPECT_EQ(other.terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(other.terminal.num_cached_tokens, 0u);
  EXPECT_EQ(Read(UserPrompt(1), "").terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(Read(UserPrompt(1), "a").terminal.num_cached_tokens, 120u);
}

TEST_F(CachedPromptTest, SaltsDoNotWaitForEachOther) {
  is_stalled_ = true;
  const std::vector<std::shared_ptr<Request>> requests = {NewRequest(SaltedStream("a"), UserPrompt(1), 4),
                                                          NewRequest(SaltedStream("b"), UserPrompt(1), 4)};
  ASSERT_TRUE(Submit(requests, queue_).ok());
  is_stalled_ = false;
  FinishAll(1);
  Finish();
  EXPECT_EQ(Counts().waits, 0u);
  EXPECT_EQ(Counts().requests[SKEIN_CACHE_COLD], 2u);
}

TEST_F(CachedPromptTest, RequestMayLeaveTheCacheAlone) {
  const auto off = [this](uint32_t user) {
    auto request = NewRequest(NewStream(), UserPrompt(user), 4);
    Set(*request, "prefix_cache", 0);
    return Run(request).terminal;
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(off(1).cache, uint32_t{SKEIN_CACHE_OFF});
  EXPECT_EQ(Counts().states, 0u);
  EXPECT_EQ(Read(UserPrompt(1)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  Read(UserPrompt(2));
  EXPECT_EQ(off(1).num_cached_tokens, 0u);
}

TEST_F(CachedPromptTest, ModelWithoutACacheSharesNothing) {
  MakeModel(Limits(0));
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = Read(UserPrompt(1));
    EXPECT_EQ(outcome.terminal.cache, uint32_t{SKEIN_CACHE_OFF});
    EXPECT_EQ(outcome.terminal.num_cached_tokens, 0u);
  }
  EXPECT_EQ(Counts().states, 0u);
}

TEST_F(CachedPromptTest, StreamThatHasReadIsNotAtItsStart) {
  for (int i = 0; i < 3; ++i) Read(UserPrompt(1));
  const auto stream = NewStream();
  Run(NewRequest(stream, {1, 2, 3}, 2));
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 2)).terminal.cache, uint32_t{SKEIN_CACHE_NOT_AT_START});
  ASSERT_TRUE(stream->Reset().ok());
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 2)).terminal.num_cached_tokens, 120u);
}

TEST_F(CachedPromptTest, RestoredStreamAtPositionZeroIsNotAtItsStart) {
  for (int i = 0; i < 3; ++i) Read(UserPrompt(1));
  const auto stream = NewStream();
  std::vector<uint8_t> bytes(SnapshotBytes(*model_, stream->Committed()));
  ASSERT_TRUE(TakeSnapshot(*model_, stream->Committed(), absl::MakeSpan(bytes)).ok());
  ASSERT_TRUE(stream->Restore(bytes).ok());
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 2)).terminal.cache, uint32_t{SKEIN_CACHE_NOT_AT_START})
      << "a snapshot may hold any state";
}

TEST_F(CachedPromptTest, LogprobsOfThePromptNeedAllRows) {
  for (int i = 0; i < 3; ++i) Read(UserPrompt(1));
  auto request = NewRequest(NewStream(), UserPrompt(1), 2);
  Set(*request, "prompt_logprobs", 0);
  const skein_event end = Run(request).terminal;
  EXPECT_EQ(end.cache, uint32_t{SKEIN_CACHE_ROWS});
  EXPECT_EQ(end.num_cached_tokens, 0u);
}

TEST_F(CachedPromptTest, SamplesGoOnFromTheCachedState) {
  for (int i = 0; i < 3; ++i) Read(UserPrompt(1));
  auto request = NewRequest(NewStream(), UserPrompt(1), 3);
  Set(*request, "n", 3);
  ASSERT_TRUE(SubmitOne(request).ok());
  std::map<uint32_t, Tokens> tokens;
  skein_event end = {};
  while (end.kind == 0) {
    ASSERT_EQ(queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)), true);
    uint64_t needed;
    for (const QueuedEvent& event : queue_->Take(1, 1 << 20, &needed)) {
      if (event.event.kind == SKEIN_EVENT_TOKEN) tokens[event.event.sample].push_back(event.event.token);
      if (event.event.kind == SKEIN_EVENT_DONE) end = event.event;
    }
  }
  EXPECT_EQ(end.num_cached_tokens, 120u);
  for (uint32_t sample = 0; sample < 3; ++sample) EXPECT_EQ(tokens[sample], Greedy(UserPrompt(1), 3));
}

TEST_F(CachedPromptTest, StreamGoesBackIntoTheCachedPartOfItsPrompt) {
  for (int i = 0; i < 3; ++i) Read(UserPrompt(1));
  const auto stream = NewStream();
  ASSERT_EQ(Run(NewRequest(stream, UserPrompt(1), 2)).terminal.num_cached_tokens, 120u);
  ASSERT_TRUE(Truncate(stream, 60).ok());
  Tokens tokens = UserPrompt(1);
  tokens.resize(60);
  const Tokens next = Text(77, 5);
  tokens.insert(tokens.end(), next.begin(), next.end());
  EXPECT_EQ(Run(NewRequest(stream, next, 4)).tokens, Greedy(tokens, 4));
}

TEST_F(CachedPromptTest, BudgetHoldsToTheState) {
  MakeModel(Limits(3));
  for (uint32_t user = 0; user < 30; ++user) {
    Read(UserPrompt(user));
    EXPECT_LE(Counts().states, 3u);
  }
  EXPECT_GT(Counts().evictions, 0u);
  EXPECT_EQ(Read(UserPrompt(31)).terminal.num_cached_tokens, 100u) << "what all use stays";
}

TEST_F(CachedPromptTest, DroppedStateIsTheReasonOfAMiss) {
  MakeModel(Limits(2));
  Read(Text(1, 50), "a");
  for (uint32_t seed = 2; seed < 6; ++seed) Read(Text(seed, 60));
  EXPECT_EQ(Read(Text(1, 50, {250, 251}), "a").terminal.cache, uint32_t{SKEIN_CACHE_EVICTED});
  EXPECT_EQ(Read(Text(1, 50, {250, 251}), "b").terminal.cache, uint32_t{SKEIN_CACHE_COLD}) << "others are told nothing";
}

TEST_F(CachedPromptTest, FewStatesAreKeptUntilPromptsComeBack) {
  FakeModelLimits limits = Limits(32);
  limits.prefixes.max_unused_states = 4;
  MakeModel(limits);
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    Read(Text(seed, 60));
    EXPECT_LE(Counts().states, 4u);
  }
  EXPECT_EQ(Read(Text(3, 60, {250, 251})).terminal.cache, uint32_t{SKEIN_CACHE_EVICTED}) << "it came back in vain";
  for (uint32_t seed = 31; seed <= 40; ++seed) Read(Text(seed, 60));
  EXPECT_GT(Counts().states, 20u);
  for (uint32_t seed = 1001; seed <= 1100; ++seed) Read(Text(seed, 60), "", 1);
  EXPECT_LE(Counts().states, 4u) << "nobody comes back any more";
}

TEST_F(CachedPromptTest, CachedTokensAreNotInTheQueue) {
  Read(UserPrompt(1));
  Read(UserPrompt(2));
  is_stalled_ = true;
  const int before = num_steps_;
  ASSERT_TRUE(SubmitOne(NewRequest(NewStream(), {1}, 1)).ok());
  WaitForStep(before + 1);
  ASSERT_TRUE(SubmitOne(NewRequest(NewStream(), UserPrompt(3), 1)).ok());
  EXPECT_LE(Load().queued_tokens, 1u + 21u);
  is_stalled_ = false;
  Finish();
  Finish();
  EXPECT_EQ(Load().queued_tokens, 0u);
}

TEST_F(CachedPromptTest, StatesAreLetGoOf) {
  for (uint32_t user = 0; user < 3; ++user) Read(UserPrompt(user));
  EXPECT_TRUE(model_->engine()->prefixes()->LetGo(100));
  EXPECT_EQ(Counts().states, 0u);
  EXPECT_FALSE(model_->engine()->prefixes()->LetGo(1));
  Read(UserPrompt(1));
}

// Streams that start from a prefix object behind `document`, which has a token pending.
class CachedPrefixTest : public CachedPromptTest {
 protected:
  CachedPrefixTest() {
    const auto reader = NewStream();
    document_ = Text(5, 40);
    const Outcome read = Run(NewRequest(reader, document_, 1));
    document_.push_back(read.tokens.at(0));
    prefix_ = *Prefix::Create(*reader, {});
  }
  // A request on a new stream from the prefix, which is to write what it writes without a cache.
  Outcome ReadBehind(const Prefix& prefix, const Tokens& prompt, const std::string& salt = "") {
    const Outcome outcome = Run(NewRequest(*prefix.Start("", salt), prompt, 4));
    Tokens all = document_;
    all.insert(all.end(), prompt.begin(), prompt.end());
    EXPECT_EQ(outcome.tokens, Greedy(all, 4));
    EXPECT_EQ(outcome.terminal.num_prompt_tokens, prompt.size() + 1) << "the pending token is one of them";
    return outcome;
  }

  Tokens document_;
  std::shared_ptr<Prefix> prefix_;
};

TEST_F(CachedPrefixTest, PromptsBehindItThatBeginAlikeAreReadOnce) {
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(1)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(2)).terminal.cache, uint32_t{SKEIN_CACHE_NO_STATE});
  const uint64_t before = num_fed_;
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(3)).terminal.num_cached_tokens, 101u);
  EXPECT_EQ(num_fed_ - before, 21u + 3u) << "its own part, and the tokens drawn that were fed";
}

TEST_F(CachedPrefixTest, OtherPlacesAndOtherSaltsShareNothingWithIt) {
  const std::shared_ptr<Prefix> same_place = *Prefix::Create(**prefix_->Start(""), {});
  for (uint32_t user = 1; user < 4; ++user) ReadBehind(*prefix_, UserPrompt(user));
  EXPECT_EQ(Read(UserPrompt(4)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*same_place, UserPrompt(4)).terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(4), "b").terminal.cache, uint32_t{SKEIN_CACHE_COLD});
  EXPECT_EQ(ReadBehind(*prefix_, UserPrompt(4)).terminal.num_cached_tokens, 101u);
}

TEST_F(CachedPrefixTest, StreamIsAtItsStartAfterAResetAndNotBehindIt) {
  for (uint32_t user = 1; user < 4; ++user) ReadBehind(*prefix_, UserPrompt(user));
  const auto stream = *prefix_->Start("");
  Run(NewRequest(stream, {1, 2}, 1));
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 1)).terminal.cache, uint32_t{SKEIN_CACHE_NOT_AT_START});
  ASSERT_TRUE(Truncate(stream, 40).ok());
  EXPECT_EQ(Run(NewRequest(stream, UserPrompt(1), 1)).terminal.cache, uint32_t{SKEIN_CACHE_NOT_AT_START})
      << "the token that was pending is gone";
  ASSERT_TRUE(stream->Reset().ok());
  EXPECT_GE(Run(NewRequest(stream, UserPrompt(1), 1)).terminal.num_cached_tokens, 101u);
}

// Hears of all states that are kept.
class CountingKeeper final : public PrefixKeeper {
 public:
  void OnKept(absl::string_view /*scope*/, absl::Span<const uint32_t> /*tokens*/) noexcept override { ++num_kept_; }
  void OnEnd(CopyState /*copy_state*/) noexcept override {}
  std::atomic<int> num_kept_{0};
};

TEST_F(CachedPrefixTest, NoStateBehindItIsKeptForLaterProcesses) {
  const auto keeper = std::make_shared<CountingKeeper>();
  model_->engine()->prefixes()->SetKeeper(keeper);
  for (uint32_t user = 1; user < 4; ++user) ReadBehind(*prefix_, UserPrompt(user));
  EXPECT_EQ(keeper->num_kept_, 0) << "a later process may give the same number to another place";
  Read(UserPrompt(1));
  EXPECT_GT(keeper->num_kept_, 0);
}

class CachedEvalTest : public CachedPromptTest {
 protected:
  // Evals of these tokens on new streams, in one call. They are to give what they give without a cache.
  void EvalAll(const std::vector<Tokens>& texts, uint32_t output_kind = SKEIN_OUTPUT_LAST_LOGITS) {
    constexpr uint32_t kRow = FakeStepRunner::kVocabSize;
    std::vector<std::vector<float>> rows;
    std::vector<absl::StatusOr<EvalItem>> items;
    for (const Tokens& tokens : texts) {
      rows.emplace_back((output_kind == SKEIN_OUTPUT_ALL_LOGITS ? tokens.size() : 1) * kRow);
      items.push_back(EvalItem{NewStream(), tokens, output_kind, absl::MakeSpan(rows.back())});
    }
    for (const absl::Status& status : Eval(*model_, items)) EXPECT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(items[i]->stream->Committed().position, texts[i].size());
      if (output_kind == SKEIN_OUTPUT_NONE) continue;
      const auto last = rows[i].end() - kRow;
      EXPECT_EQ(static_cast<uint32_t>(std::max_element(last, rows[i].end()) - last), Greedy(texts[i], 1)[0]);
    }
  }
};

TEST_F(CachedEvalTest, EvalsThatBeginAlikeAreReadOnce) {
  for (const uint32_t kind : {SKEIN_OUTPUT_LAST_LOGITS, SKEIN_OUTPUT_NONE, SKEIN_OUTPUT_LAST_LOGITS}) {
    EvalAll({UserPrompt(kind)}, kind);
  }
  const uint64_t before = num_fed_;
  EvalAll({UserPrompt(7)});
  EXPECT_EQ(num_fed_ - before, 21u);
  EXPECT_EQ(Read(UserPrompt(8)).terminal.num_cached_tokens, 100u) << "a request goes on from what evals left";
}

TEST_F(CachedEvalTest, EvalsOfOneCallWaitForTheFirst) {
  EvalAll({UserPrompt(1), UserPrompt(2), UserPrompt(3), UserPrompt(4)});
  EXPECT_EQ(num_fed_, 100u + 4 * 21u);
  EXPECT_EQ(Counts().waits, 3u);
  EXPECT_EQ(Load().queued_tokens, 0u);
}

TEST_F(CachedEvalTest, EvalWhoseLeaderFailsGoesOnByItself) {
  const Tokens poisoned = UserPrompt(1, 40);
  hook_ = [](FakeStep& step) {
    const bool is_poisoned = std::count(step.tokens.begin(), step.tokens.end(), 201u) > 0;
    return is_poisoned ? absl::InternalError("poison") : absl::OkStatus();
  };
  const auto failing = NewStream();
  const auto good = NewStream();
  const Tokens other = UserPrompt(2);
  const std::vector<absl::StatusOr<EvalItem>> items = {EvalItem{failing, poisoned}, EvalItem{good, other}};
  const std::vector<absl::Status> statuses = Eval(*model_, items);
  EXPECT_FALSE(statuses[0].ok());
  EXPECT_TRUE(statuses[1].ok()) << statuses[1];
  EXPECT_EQ(failing->Committed().position, 0u);
  EXPECT_EQ(good->Committed().position, other.size());
}

TEST_F(CachedEvalTest, AllRowsNeedAllTokens) {
  for (int i = 0; i < 3; ++i) EvalAll({UserPrompt(1)});
  const uint64_t before = num_fed_;
  EvalAll({UserPrompt(1)}, SKEIN_OUTPUT_ALL_LOGITS);
  EXPECT_EQ(num_fed_ - before, UserPrompt(1).size());
}

TEST_F(CachedEvalTest, ShortEvalsAreNoPrompts) {
  for (int i = 0; i < 3; ++i) EvalAll({Text(1, 15)});
  EXPECT_EQ(Counts().requests, PrefixCounts().requests);
  EXPECT_EQ(Counts().states, 0u);
}

// Looks at the states that steps read. A stream that goes on reads each of its states once.
class StatesReadTest : public CachedPromptTest {
 protected:
  StatesReadTest() {
    hook_ = [this](FakeStep& step) {
      for (const skein_step_entry& entry : step.entries) {
        if (entry.read_slot == SKEIN_SLOT_INITIAL) {
          ++num_begun_;
        } else {
          most_reads_ = std::max(most_reads_, ++reads_of_slot_[entry.read_slot]);
        }
      }
      for (const skein_step_entry& entry : step.entries) reads_of_slot_[entry.write_slot] = 0;
      return absl::OkStatus();
    };
  }
  // Requests on new streams that begin alike, some at the same time.
  void ReadMany(const std::string& salt) {
    for (uint32_t user = 0; user < 4; ++user) Read(UserPrompt(user), salt);
    std::vector<std::shared_ptr<Request>> requests;
    for (uint32_t user = 0; user < 6; ++user) {
      requests.push_back(NewRequest(SaltedStream(salt), UserPrompt(user % 3), 4));
      ASSERT_TRUE(requests.back()->SetUserData(user).ok());
    }
    ASSERT_TRUE(Submit(requests, queue_).ok());
    FinishAll(requests.size());
    const Tokens text = UserPrompt(1);
    const absl::StatusOr<EvalItem> item = EvalItem{SaltedStream(salt), text};
    ASSERT_TRUE(Eval(*model_, {&item, 1})[0].ok());
  }
  static constexpr uint32_t kNumReadings = 11;  // of ReadMany

  std::map<uint32_t, uint32_t> reads_of_slot_;  // since it was written
  uint32_t num_begun_ = 0;                      // with the initial state
  uint32_t most_reads_ = 0;                     // of one state
};

TEST_F(StatesReadTest, WithTheCacheStatesAreReadByOthers) {
  ReadMany("");
  EXPECT_GT(most_reads_, 1u);
  EXPECT_LT(num_begun_, kNumReadings);
}

TEST_F(StatesReadTest, WithoutACacheNoStateIsReadByAnotherStream) {
  MakeModel(Limits(0));
  ReadMany("");
  EXPECT_EQ(most_reads_, 1u);
  EXPECT_EQ(num_begun_, kNumReadings);
}

TEST_F(StatesReadTest, StateOfAnotherSaltIsNeverRead) {
  ReadMany("a");
  most_reads_ = 0;
  num_begun_ = 0;
  for (const char* salt : {"b", "c", "d"}) Read(UserPrompt(1), salt);
  EXPECT_EQ(most_reads_, 1u) << "those that were kept for the salt a had been read before";
  EXPECT_EQ(num_begun_, 3u);
}

TEST_F(StatesReadTest, WhatATenantSeesDoesNotDependOnOtherSalts) {
  std::vector<std::pair<uint32_t, uint64_t>> alone, beside;
  const auto read = [this](std::vector<std::pair<uint32_t, uint64_t>>& seen) {
    for (uint32_t user = 0; user < 5; ++user) {
      const Outcome outcome = Read(UserPrompt(user), "b");
      seen.emplace_back(outcome.terminal.cache, outcome.terminal.num_cached_tokens);
    }
  };
  read(alone);
  MakeModel(Limits(32));
  ReadMany("a");
  read(beside);
  EXPECT_EQ(beside, alone);
}

// Random prompts that share much, with cancels, salts and a small budget: what is written is what a model without a
// cache writes.
TEST_F(CachedPromptTest, RandomPromptsWriteWhatTheyWriteAlone) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    MakeModel({.max_streams = 16,
               .max_tokens = seed % 2 == 0 ? 16u : 64u,
               .num_slots = 100,
               .prefixes = {.max_bytes = 1 + seed * 6, .state_bytes = 1}});
    std::map<uint64_t, Tokens> prompts;
    std::map<uint64_t, std::shared_ptr<Request>> running;
    const auto take = [&] {
      ASSERT_EQ(queue_->Wait(std::chrono::steady_clock::now() + std::chrono::seconds(20)), true);
      uint64_t needed;
      static std::map<uint64_t, Tokens> written;
      for (const QueuedEvent& event : queue_->Take(100, 1 << 20, &needed)) {
        const uint64_t number = event.event.user_data;
        if (event.event.kind == SKEIN_EVENT_TOKEN) {
          written[number].push_back(event.event.token);
          continue;
        }
        const Tokens tokens = std::exchange(written[number], {});
        ASSERT_EQ(tokens, Greedy(prompts.at(number), tokens.size())) << "seed " << seed << " request " << number;
        ASSERT_TRUE(event.event.kind == SKEIN_EVENT_CANCELLED || tokens.size() == 3);
        running.erase(number);
      }
    };
    for (uint64_t number = 0; number < 300; ++number) {
      Tokens prompt;
      const size_t num_parts = 1 + random() % 4;
      for (size_t i = 0; i < num_parts; ++i) {
        const Tokens part = Text(random() % 3, 1 + random() % 40);
        prompt.insert(prompt.end(), part.begin(), part.end());
      }
      auto request = NewRequest(SaltedStream(random() % 4 == 0 ? "b" : "a"), prompt, 3);
      ASSERT_TRUE(request->SetUserData(number).ok());
      prompts[number] = prompt;
      ASSERT_TRUE(SubmitOne(request).ok());
      running[number] = request;
      if (random() % 8 == 0) running.begin()->second->Cancel();
      while (running.size() > 8) take();
      if (HasFatalFailure()) return;
    }
    while (!running.empty()) take();
    EXPECT_LE(Counts().states, 1 + seed * 6);
    EXPECT_GT(Counts().saved_tokens, 0u);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace skein
