#include "tokenizers/bpe/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace skein::tokenizers {
namespace {

using testing::ElementsAre;

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) words.emplace_back(TakeWord(&text));
  return words;
}

TEST(WordsTest, AWordTakesTheSpaceInFrontOfIt) {
  EXPECT_THAT(Words("one two 34 ?!"), ElementsAre("one", " two", " 34", " ?!"));
}

TEST(WordsTest, LettersNumbersAndTheRestAreCutApart) {
  EXPECT_THAT(Words("x1y22,z"), ElementsAre("x", "1", "y", "22", ",", "z"));
  EXPECT_THAT(Words("\u00E9\u00BD\u0664\u65E5+"), ElementsAre("\u00E9", "\u00BD\u0664", "\u65E5", "+"));
}

TEST(WordsTest, ContractionsOfLowerCaseAreWords) {
  EXPECT_THAT(Words("it's I'll we'd've"), ElementsAre("it", "'s", " I", "'ll", " we", "'d", "'ve"));
  EXPECT_THAT(Words("IT'S"), ElementsAre("IT", "'", "S"));
  EXPECT_THAT(Words("a 's"), ElementsAre("a", " '", "s"));
  EXPECT_THAT(Words("''s"), ElementsAre("''", "s"));
}

TEST(WordsTest, WhiteSpaceLeavesItsLastCharacterToTheWordBehind) {
  EXPECT_THAT(Words("a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(Words("a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
  EXPECT_THAT(Words("a \tb"), ElementsAre("a", " ", "\t", "b"));
  EXPECT_THAT(Words("a \u00A0b"), ElementsAre("a", " ", "\u00A0", "b"));
  EXPECT_THAT(Words("a\u3000\u3000b"), ElementsAre("a", "\u3000", "\u3000", "b"));
}

TEST(WordsTest, WhiteSpaceAtTheEndStaysWhole) {
  EXPECT_THAT(Words("a \n "), ElementsAre("a", " \n "));
  EXPECT_THAT(Words(" "), ElementsAre(" "));
}

TEST(WordsTest, BytesThatAreNoCharacterAreLikePunctuation) {
  EXPECT_THAT(Words("a \xFF\xC3!b"), ElementsAre("a", " \xFF\xC3!", "b"));
}

TEST(WordsTest, AnyBytesAreTheSumOfTheirWords) {
  std::mt19937 generator(1);
  for (int round = 0; round < 1000; ++round) {
    std::string text;
    for (size_t size = generator() % 40; text.size() < size;) text.push_back(static_cast<char>(generator() % 256));
    std::string sum;
    for (const std::string& word : Words(text)) {
      ASSERT_FALSE(word.empty());
      sum += word;
    }
    EXPECT_EQ(sum, text);
  }
}

}  // namespace
}  // namespace skein::tokenizers
