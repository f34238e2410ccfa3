// The parts of the prefix cache that take readings which overlap in a certain way. What requests see of it is in
// serving/cached_prompt_test.cc.
#include "engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "state/state_pool.h"

namespace skein {
namespace {

using Tokens = std::vector<uint32_t>;

// A prompt that is read, and the feed that its job has.
struct Prompt {
  Feed feed;
  std::unique_ptr<PrefixReading> reading;
};

class PrefixCacheTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kCommon = 100;

  // Prompts of different `own` tokens part behind kCommon ones.
  std::unique_ptr<Prompt> Begin(uint32_t own, int32_t priority) {
    Tokens tokens(kCommon, 1);
    tokens.resize(kCommon + 60, own);
    auto prompt = std::make_unique<Prompt>();
    prompt->feed = Feed::Start({}, tokens);
    prompt->reading = PrefixReading::Begin(cache_, {}, tokens, priority);
    return prompt;
  }
  static PrefixReading::Found Start(Prompt& prompt) { return prompt.reading->Start(prompt.feed, 0); }
  void FeedTo(Prompt& prompt, uint64_t position) {
    const StateRef state = pool_->Acquire();
    const auto num_tokens = static_cast<uint32_t>(position - prompt.feed.at.position);
    prompt.feed.Issue(num_tokens, state);
    prompt.feed.Advance(num_tokens, state);
    prompt.reading->OnFed(position, state);
  }

  const std::shared_ptr<StatePool> pool_ = StatePool::Create(10);
  const std::shared_ptr<PrefixCache> cache_ =
      std::make_shared<PrefixCache>(PrefixCacheLimits{.max_bytes = 2}, [](const std::shared_ptr<Job>&) {});
};

TEST_F(PrefixCacheTest, PromiseThatWasKeptStandsInNobodysWay) {
  const auto first = Begin(7, 0);
  const auto urgent = Begin(8, 1);
  EXPECT_FALSE(Start(*first).waits);
  EXPECT_THAT(first->feed.stops, testing::Contains(kCommon));
  EXPECT_FALSE(Start(*urgent).waits);
  FeedTo(*first, kCommon);
  ASSERT_EQ(cache_->counts().states, 1u);
  ASSERT_TRUE(cache_->LetGo(1));
  // The first has passed the place, and the urgent one is still in front of it.
  const auto third = Begin(9, 0);
  EXPECT_TRUE(Start(*third).waits);
  EXPECT_THAT(urgent->feed.stops, testing::Contains(kCommon));
}

TEST_F(PrefixCacheTest, NoStateIsRestoredBeyondTheBudget) {
  const auto restore = [&](uint32_t number) { return cache_->Restore("", Tokens{number}, pool_->Acquire()); };
  EXPECT_TRUE(restore(1));
  EXPECT_TRUE(restore(2));
  EXPECT_FALSE(restore(3));
  EXPECT_EQ(cache_->counts().states, 2u);
  EXPECT_FALSE(cache_->Peek("", Tokens{1}).empty()) << "nothing made way for it";
  EXPECT_EQ(pool_->num_free(), pool_->num_slots() - 2);
}

}  // namespace
}  // namespace skein
