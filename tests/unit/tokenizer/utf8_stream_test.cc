#include "tokenizer/utf8_stream.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace skein {
namespace {

TEST(Utf8StreamTest, PassesWholeSequencesAtOnce) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("plain"), "plain");
  EXPECT_EQ(stream.Push("\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\xA2"), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\xA2");
  EXPECT_EQ(stream.Push(""), "");
  EXPECT_EQ(stream.pending(), "");
}

TEST(Utf8StreamTest, HoldsBackASequenceUntilItIsWhole) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("a\xF0"), "a");
  EXPECT_EQ(stream.Push("\x9F"), "");
  EXPECT_EQ(stream.Push("\xA6"), "");
  EXPECT_EQ(stream.pending(), "\xF0\x9F\xA6");
  EXPECT_EQ(stream.Push("\xA2\xE2"), "\xF0\x9F\xA6\xA2");
  EXPECT_EQ(stream.pending(), "\xE2");
}

TEST(Utf8StreamTest, PassesBytesThatNothingCanComplete) {
  const std::vector<std::string> hopeless = {
      "\x80",  // a continuation without a lead
      "\xC0",
      "\xC1",  // leads of overlong forms
      "\xF5",
      "\xFF",              // leads above U+10FFFF
      "\xE0\x9F",          // overlong
      "\xED\xA0",          // a surrogate
      "\xF0\x8F",          // overlong
      "\xF4\x90",          // above U+10FFFF
      "\xE2\x61",          // a lead that something else follows
      "\xC3\xA9\xA9\xA9",  // more continuations than the lead has
      "\x80\x80\x80\x80\x80",
  };
  for (const std::string& bytes : hopeless) {
    Utf8Stream stream;
    EXPECT_EQ(stream.Push(bytes), bytes);
    EXPECT_EQ(stream.pending(), "");
  }
}

TEST(Utf8StreamTest, ReleasesAnUnfinishedSequenceThatIsBroken) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("\xE2\x82"), "");
  EXPECT_EQ(stream.Push("x"), "\xE2\x82x");
}

TEST(Utf8StreamTest, FlushGivesTheRestOnce) {
  Utf8Stream stream;
  EXPECT_EQ(stream.Push("a\xE2\x82"), "a");
  EXPECT_EQ(stream.Flush(), "\xE2\x82");
  EXPECT_EQ(stream.Flush(), "");
  EXPECT_EQ(stream.Push("b"), "b");
}

TEST(Utf8StreamTest, ChangesNoByteAndHoldsAtMostThree) {
  std::mt19937 generator(11);
  for (int round = 0; round < 300; ++round) {
    std::string input;
    for (int i = 0; i < 200; ++i) input.push_back(static_cast<char>(generator() % 2 ? 0x80 + generator() % 128 : 'a'));
    Utf8Stream stream;
    std::string output;
    for (size_t at = 0; at < input.size();) {
      const size_t size = generator() % 5;
      output += stream.Push(input.substr(at, size));
      at += size;
      ASSERT_LE(stream.pending().size(), 3u);
    }
    output += stream.Flush();
    ASSERT_EQ(output, input);
  }
}

}  // namespace
}  // namespace skein
