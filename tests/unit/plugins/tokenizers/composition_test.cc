#include "tokenizers/bpe/composition.h"

#include <gtest/gtest.h>

#include <string>

namespace skein::tokenizers {
namespace {

std::string Composed(const std::string& text) {
  std::string buffer;
  return std::string(Compose(text, &buffer));
}

// Expected values are those of Unicode's NormalizationTest and of UAX #15.
TEST(CompositionTest, MarksJoinTheirLetter) {
  EXPECT_EQ(Composed("e\u0301te\u0301"), "\u00E9t\u00E9");
  EXPECT_EQ(Composed("\u0438\u0306"), "\u0439");
  EXPECT_EQ(Composed("\u304B\u3099"), "\u304C");
  EXPECT_EQ(Composed("\u1100\u1161\u11A8"), "\uAC01");
}

TEST(CompositionTest, MarksAreOrderedBeforeTheyJoin) {
  EXPECT_EQ(Composed("D\u0307\u0323"), "\u1E0C\u0307");
  EXPECT_EQ(Composed("D\u0323\u0307"), "\u1E0C\u0307");
  EXPECT_EQ(Composed("\u1E0A\u0323"), "\u1E0C\u0307");
}

TEST(CompositionTest, SingletonsAndExclusionsAreReplaced) {
  EXPECT_EQ(Composed("\u212B"), "\u00C5");
  EXPECT_EQ(Composed("\u0958"), "\u0915\u093C");
  EXPECT_EQ(Composed("\u0344"), "\u0308\u0301");
}

TEST(CompositionTest, CompatibilityCharactersStay) { EXPECT_EQ(Composed("\uFB01\u00B2\u2460"), "\uFB01\u00B2\u2460"); }

TEST(CompositionTest, NothingJoinsAcrossBytesThatAreNoCharacter) {
  EXPECT_EQ(Composed("e\xFF\u0301"), "e\xFF\u0301");
  EXPECT_EQ(Composed("\xCCx\xE2\x82"), "\xCCx\xE2\x82");
}

TEST(CompositionTest, TextWithoutMarksIsNotCopied) {
  const std::string text = "plain caf\u00E9 \u02B0";
  std::string buffer;
  EXPECT_EQ(Compose(text, &buffer).data(), text.data());
}

// A sort that swaps neighbours would take hours.
TEST(CompositionTest, AMegabyteOfMarksInTheWrongOrderTakesNoTime) {
  std::string text = "e";
  while (text.size() < 1 << 20) text += "\u0307\u0323";
  const std::string composed = Composed(text);
  EXPECT_EQ(composed.size(), text.size() + 3 - 1 - 2);  // e and one U+0323 became U+1EB9
  EXPECT_EQ(composed.substr(0, 5), "\u1EB9\u0323");
}

}  // namespace
}  // namespace skein::tokenizers
