#include "tokenizer/stop_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace skein {
namespace {

StopMatcher Matcher(const std::vector<std::string>& stops) {
  absl::StatusOr<StopMatcher> matcher = StopMatcher::Create(stops);
  EXPECT_TRUE(matcher.ok()) << matcher.status();
  return *std::move(matcher);
}

TEST(StopMatcherTest, WithoutStopsEverythingPasses) {
  StopMatcher matcher;
  EXPECT_EQ(matcher.Push("anything"), "anything");
  EXPECT_FALSE(matcher.matched());
  EXPECT_EQ(Matcher({}).Push("at all"), "at all");
}

TEST(StopMatcherTest, DropsTheStopAndWhatFollows) {
  StopMatcher matcher = Matcher({"\n\nUser:"});
  EXPECT_EQ(matcher.Push("Fine.\n\nUser: and you"), "Fine.");
  EXPECT_TRUE(matcher.matched());
  EXPECT_EQ(matcher.Push("more"), "");
  EXPECT_EQ(matcher.Flush(), "");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, HoldsBackWhatMayBecomeAStop) {
  StopMatcher matcher = Matcher({"\n\nUser:"});
  EXPECT_EQ(matcher.Push("Fine.\n"), "Fine.");
  EXPECT_EQ(matcher.Push("\nUs"), "");
  EXPECT_EQ(matcher.pending(), "\n\nUs");
  EXPECT_EQ(matcher.Push("e the other"), "\n\nUse the other");
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcherTest, KeepsTheEndThatStillFitsWhenTheStartDoesNot) {
  StopMatcher matcher = Matcher({"aab"});
  EXPECT_EQ(matcher.Push("aaa"), "a");
  EXPECT_EQ(matcher.pending(), "aa");
  EXPECT_EQ(matcher.Push("b"), "");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, FlushGivesWhatWasHeldBack) {
  StopMatcher matcher = Matcher({"END"});
  EXPECT_EQ(matcher.Push("the EN"), "the ");
  EXPECT_EQ(matcher.Flush(), "EN");
  EXPECT_EQ(matcher.Push("D"), "D");  // the held back bytes are gone
  EXPECT_FALSE(matcher.matched());
}

TEST(StopMatcherTest, TheStopThatIsCompleteFirstWins) {
  StopMatcher matcher = Matcher({"abcd", "bc"});
  EXPECT_EQ(matcher.Push("xabcd"), "xa");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, OfStopsCompleteAtOnceTheLongestIsDropped) {
  EXPECT_EQ(Matcher({"c", "abc", "bc"}).Push("xabc"), "x");
  EXPECT_EQ(Matcher({"abc", "c"}).Push("xabc"), "x");
}

TEST(StopMatcherTest, AStopInsideAnotherIsSeenByWayOfIt) {
  StopMatcher matcher = Matcher({"abcx", "bc"});
  EXPECT_EQ(matcher.Push("ab"), "");
  EXPECT_EQ(matcher.Push("c"), "a");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, MatchesAnyBytes) {
  StopMatcher matcher = Matcher({std::string("\0\xFF", 2)});
  EXPECT_EQ(matcher.Push(absl::string_view("a\0", 2)), "a");
  EXPECT_EQ(matcher.Push("\xFF"), "");
  EXPECT_TRUE(matcher.matched());
}

TEST(StopMatcherTest, ACopyContinuesIndependently) {
  StopMatcher matcher = Matcher({"ab"});
  EXPECT_EQ(matcher.Push("a"), "");
  StopMatcher copy = matcher;
  EXPECT_EQ(copy.Push("b"), "");
  EXPECT_TRUE(copy.matched());
  EXPECT_EQ(matcher.Push("c"), "ac");
}

TEST(StopMatcherTest, RefusesAnEmptyStop) {
  EXPECT_EQ(StopMatcher::Create({"a", ""}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StopMatcherTest, RefusesMoreThanAMebibyteOfStops) {
  EXPECT_TRUE(StopMatcher::Create({std::string(1 << 20, 'a')}).ok());
  EXPECT_EQ(StopMatcher::Create({std::string(1 << 20, 'a'), "b"}).status().code(), absl::StatusCode::kInvalidArgument);
}

struct Released {
  std::string text;
  bool matched = false;
};

// By the definition: the text up to the first byte at which a stop string ends, less the longest one that ends there.
Released NaiveRelease(const std::vector<std::string>& stops, const std::string& input) {
  for (size_t end = 1; end <= input.size(); ++end) {
    size_t longest = 0;
    for (const std::string& stop : stops) {
      if (end >= stop.size() && input.compare(end - stop.size(), stop.size(), stop) == 0) {
        longest = std::max(longest, stop.size());
      }
    }
    if (longest > 0) return {input.substr(0, end - longest), true};
  }
  return {input, false};
}

size_t NaiveHeld(const std::vector<std::string>& stops, const std::string& input) {
  size_t held = 0;
  for (const std::string& stop : stops) {
    for (size_t size = 1; size < stop.size() && size <= input.size(); ++size) {
      if (input.compare(input.size() - size, size, stop, 0, size) == 0) held = std::max(held, size);
    }
  }
  return held;
}

TEST(StopMatcherTest, AgreesWithTheDefinitionHoweverTheTextIsCut) {
  std::mt19937 generator(5);
  const auto random_text = [&](size_t size) {
    std::string text;
    while (text.size() < size) text.push_back(static_cast<char>('a' + generator() % 2));
    return text;
  };
  int num_matched = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::string> stops;
    for (uint32_t i = 0; i < 1 + generator() % 4; ++i) stops.push_back(random_text(3 + generator() % 7));
    const std::string input = random_text(generator() % 40);
    const Released expected = NaiveRelease(stops, input);

    StopMatcher matcher = Matcher(stops);
    std::string text;
    for (size_t at = 0; at < input.size() && !matcher.matched();) {
      const size_t size = generator() % 6;
      text += matcher.Push(input.substr(at, size));
      at = std::min(at + size, input.size());
      if (!matcher.matched()) {
        ASSERT_EQ(matcher.pending().size(), NaiveHeld(stops, input.substr(0, at)));
      }
    }
    text += matcher.Flush();
    ASSERT_EQ(text, expected.text);
    ASSERT_EQ(matcher.matched(), expected.matched);
    num_matched += expected.matched ? 1 : 0;
  }
  EXPECT_GT(num_matched, 200);
  EXPECT_LT(num_matched, 1800);
}

}  // namespace
}  // namespace skein
