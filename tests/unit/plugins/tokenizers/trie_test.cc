#include "tokenizers/trie.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace skein::tokenizers {
namespace {

Trie::Match Longest(const Trie& trie, std::string_view text) {
  return trie.LongestPrefix({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

TEST(TrieTest, WithoutKeysNothingMatches) {
  const Trie trie({}, {});
  EXPECT_EQ(Longest(trie, "a").size, 0u);
  EXPECT_EQ(Longest(trie, "").size, 0u);
}

TEST(TrieTest, FindsTheLongestKey) {
  const std::vector<std::string_view> keys = {"a", "abc", "b"};
  const std::vector<uint32_t> values = {10, 0, 30};
  const Trie trie(keys, values);
  EXPECT_EQ(Longest(trie, "ab").value, 10u);
  EXPECT_EQ(Longest(trie, "ab").size, 1u);
  EXPECT_EQ(Longest(trie, "abcd").value, 0u);
  EXPECT_EQ(Longest(trie, "abcd").size, 3u);
  EXPECT_EQ(Longest(trie, "c").size, 0u);
}

TEST(TrieTest, AgreesWithASetOfAnyKeys) {
  std::mt19937 generator(3);
  for (const uint32_t alphabet : {2u, 20u, 256u}) {
    std::set<std::string> keys;
    while (keys.size() < (alphabet == 2 ? 500 : 5000)) {
      std::string key;
      for (uint32_t i = 0; i < 1 + generator() % 12; ++i) key.push_back(static_cast<char>(generator() % alphabet));
      keys.insert(key);
    }
    const std::vector<std::string_view> sorted(keys.begin(), keys.end());
    std::vector<uint32_t> values;
    for (uint32_t i = 0; i < sorted.size(); ++i) values.push_back(i);
    const Trie trie(sorted, values);

    for (const std::string_view key : sorted) ASSERT_EQ(Longest(trie, key).size, key.size());
    for (int round = 0; round < 3000; ++round) {
      std::string text;
      for (int i = 0; i < 14; ++i) text.push_back(static_cast<char>(generator() % alphabet));
      size_t longest = text.size();
      while (longest > 0 && keys.count(text.substr(0, longest)) == 0) --longest;
      const Trie::Match match = Longest(trie, text);
      ASSERT_EQ(match.size, longest);
      if (longest > 0) {
        ASSERT_EQ(sorted[match.value], text.substr(0, longest));
      }
    }
  }
}

}  // namespace
}  // namespace skein::tokenizers
