// A fake model with a prefix cache, and prompts that begin alike.
#ifndef SKEIN_TESTS_UNIT_SERVING_CACHED_PROMPT_HARNESS_H_
#define SKEIN_TESTS_UNIT_SERVING_CACHED_PROMPT_HARNESS_H_

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "serving/load.h"
#include "tests/support/fake_clock.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein::test {

using Tokens = std::vector<uint32_t>;

// `count` tokens that follow from `seed`, then those of `tail`.
inline Tokens Text(uint32_t seed, size_t count, const Tokens& tail = {}) {
  Tokens tokens;
  std::mt19937 random(seed);
  for (size_t i = 0; i < count; ++i) tokens.push_back(random() % 200);
  tokens.insert(tokens.end(), tail.begin(), tail.end());
  return tokens;
}
// A prompt that begins with 100 tokens that all have, and parts from the others there.
inline Tokens UserPrompt(uint32_t user, size_t num_own = 20) {
  Tokens prompt = Text(1, 100, {200 + user});
  const Tokens own = Text(1000 + user, num_own);
  prompt.insert(prompt.end(), own.begin(), own.end());
  return prompt;
}

struct WithFakeClock {
  FakeClock time;
};

class CachedPromptTest : private WithFakeClock, public ServingTest {
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
    Outcome outcome = Run(NewRequest(SaltedStream(salt), prompt, static_cast<int64_t>(num_tokens)));
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

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_SERVING_CACHED_PROMPT_HARNESS_H_
