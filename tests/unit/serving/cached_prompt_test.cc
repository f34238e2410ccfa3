#include "serving/cached_prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "engine/stream_snapshot.h"
#include "serving/go_back.h"
#include "tests/unit/serving/cached_prompt_harness.h"

namespace skein::test {
namespace {

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

TEST_F(CachedPromptTest, PromptThatWaitsSkipsNothingUntilItStarts) {
  Read(Text(1, 50));
  is_stalled_ = true;
  std::vector<std::shared_ptr<Request>> requests;
  for (uint32_t user = 0; user < 4; ++user) requests.push_back(UserRequest(user));
  ASSERT_TRUE(Submit(requests, queue_).ok());
  is_stalled_ = false;
  const auto outcomes = FinishAll(4);
  uint64_t num_cached = 0;
  for (uint32_t user = 0; user < 4; ++user) {
    EXPECT_EQ(outcomes.at(user).tokens, Greedy(UserPrompt(user), 4));
    EXPECT_EQ(outcomes.at(user).terminal.position, UserPrompt(user).size() + 3) << "the last token is not fed";
    num_cached += outcomes.at(user).terminal.num_cached_tokens;
  }
  EXPECT_EQ(Counts().waits, 3u) << "a state behind 50 tokens was there, and a better one was coming";
  EXPECT_EQ(num_cached, 50u + 3 * 100);
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
  auto endless = NewRequest(*Stream::Create(model_, "", "slow"), {1, 2, 3}, 20'000);
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
  PlannedSnapshot planned(*model_, stream->Committed());
  std::vector<uint8_t> bytes(planned.num_bytes());
  ASSERT_TRUE(planned.Write(absl::MakeSpan(bytes)).ok());
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
}  // namespace skein::test
