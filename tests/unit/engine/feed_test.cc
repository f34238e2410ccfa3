#include "engine/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace skein {
namespace {

using testing::ElementsAre;

TEST(FeedTest, PendingTokenComesFirst) {
  StreamState at;
  at.pending = 9;
  at.position = 4;
  const uint32_t tokens[] = {1, 2};
  const Feed feed = Feed::Start(at, tokens);
  EXPECT_THAT(feed.tokens, ElementsAre(9, 1, 2));
  EXPECT_FALSE(feed.at.pending.has_value());
  EXPECT_EQ(feed.at.position, 4u);
  EXPECT_FALSE(feed.decodes);
}

TEST(FeedTest, AdvancesByParts) {
  const uint32_t tokens[] = {1, 2, 3};
  Feed feed = Feed::Start({}, tokens);
  feed.Issue(2, StateRef());
  feed.Advance(2, StateRef());
  EXPECT_EQ(feed.num_unfed(), 1u);
  EXPECT_EQ(feed.num_unissued(), 1u);
  EXPECT_EQ(feed.at.position, 2u);
  EXPECT_THAT(feed.Next(1), ElementsAre(3));
}

TEST(FeedTest, GoesOnWithASampledToken) {
  const uint32_t tokens[] = {1, 2, 3};
  Feed feed = Feed::Start({}, tokens);
  feed.Issue(3, StateRef());
  feed.Advance(3, StateRef());
  feed.GoOnWith(8);
  EXPECT_THAT(feed.Next(1), ElementsAre(8));
  EXPECT_EQ(feed.num_unfed(), 1u);
  EXPECT_TRUE(feed.decodes);
}

TEST(FeedTest, PartsInFlightFollowEachOther) {
  const auto pool = StatePool::Create(3);
  const StateRef first = pool->Acquire(), second = pool->Acquire();
  StreamState at;
  at.position = 4;
  at.state = pool->Acquire();
  const uint32_t before = at.state.slot();
  const uint32_t tokens[] = {1, 2, 3, 5};
  Feed feed = Feed::Start(std::move(at), tokens);
  EXPECT_EQ(feed.next_state().slot(), before);
  feed.Issue(1, first);
  EXPECT_EQ(feed.next_state().slot(), first.slot());
  EXPECT_EQ(feed.next_position(), 5u);
  feed.Issue(2, second);
  EXPECT_THAT(feed.Next(1), ElementsAre(5));
  EXPECT_EQ(feed.num_unissued(), 1u);
  EXPECT_EQ(feed.num_unfed(), 4u);
  feed.Advance(1, first);
  EXPECT_EQ(feed.at.state.slot(), first.slot());
  EXPECT_EQ(feed.next_state().slot(), second.slot());
  EXPECT_EQ(feed.next_position(), 7u);
}

TEST(FeedTest, WhatIsTakenBackIsIssuedAgainFromThePlaceThatIsReached) {
  const auto pool = StatePool::Create(2);
  const StateRef fed = pool->Acquire();
  const uint32_t tokens[] = {1, 2, 3};
  Feed feed = Feed::Start({}, tokens);
  feed.Issue(1, fed);
  feed.Issue(1, pool->Acquire());
  feed.Advance(1, fed);
  feed.TakeBack();
  EXPECT_EQ(feed.num_take_backs, 1u);
  EXPECT_THAT(feed.Next(2), ElementsAre(2, 3));
  EXPECT_EQ(feed.next_state().slot(), fed.slot());
  EXPECT_EQ(pool->num_free(), 1u) << "the slot of the part that does not count";
}

TEST(FeedTest, PartsEndAtTheStopsInFrontOfTheStream) {
  StreamState at;
  at.position = 10;
  const std::vector<uint32_t> tokens(20, 1);
  Feed feed = Feed::Start(std::move(at), tokens);
  EXPECT_EQ(feed.num_ready(), 20u);
  for (const uint64_t stop : {25, 12, 10, 3, 25, 40}) feed.AddStop(stop);
  EXPECT_THAT(feed.stops, ElementsAre(3, 10, 12, 25, 40));
  EXPECT_EQ(feed.num_ready(), 2u) << "the stop at the present position is behind the stream";
  feed.Issue(1, StateRef());
  EXPECT_EQ(feed.num_ready(), 1u);
  feed.Issue(1, StateRef());
  EXPECT_EQ(feed.num_ready(), 13u) << "counted from the tokens issued";
  feed.max_issued = 6;
  EXPECT_EQ(feed.num_ready(), 4u);
  feed.TakeBack();
  EXPECT_EQ(feed.num_ready(), 2u);
}

}  // namespace
}  // namespace skein
