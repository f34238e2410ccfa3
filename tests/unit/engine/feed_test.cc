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
  feed.Advance(2, StateRef());
  EXPECT_EQ(feed.num_waiting(), 1u);
  EXPECT_EQ(feed.at.position, 2u);
  EXPECT_THAT(feed.Next(1), ElementsAre(3));
}

TEST(FeedTest, GoesOnWithASampledToken) {
  const uint32_t tokens[] = {1, 2, 3};
  Feed feed = Feed::Start({}, tokens);
  feed.Advance(3, StateRef());
  feed.GoOnWith(8);
  EXPECT_THAT(feed.Next(1), ElementsAre(8));
  EXPECT_EQ(feed.num_waiting(), 1u);
  EXPECT_TRUE(feed.decodes);
}

}  // namespace
}  // namespace skein
