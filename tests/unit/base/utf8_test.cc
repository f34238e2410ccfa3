#include "base/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace skein {
namespace {

TEST(Utf8Test, AcceptsSequencesOfEveryLength) {
  EXPECT_TRUE(IsUtf8Text(""));
  EXPECT_TRUE(IsUtf8Text("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\xA2\n"));
  EXPECT_TRUE(IsUtf8Text("\xF4\x8F\xBF\xBF"));
}

TEST(Utf8Test, RefusesWhatIsNoUtf8) {
  for (const std::string text :
       {"\x80", "\xC3", "\xC3(", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82"}) {
    EXPECT_FALSE(IsUtf8Text(text)) << EscapeText(text);
  }
}

TEST(Utf8Test, RefusesNul) { EXPECT_FALSE(IsUtf8Text(std::string(1, '\0'))); }

TEST(Utf8Test, ReplacesWhatIsNoUtf8AndKeepsTheRest) {
  const std::string good = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\xA2\n";
  EXPECT_EQ(ToUtf8Text(good), good);
  EXPECT_EQ(ToUtf8Text("a\xFF\xC3(b"), "a\uFFFD\uFFFD(b");
  EXPECT_EQ(ToUtf8Text(std::string("a\0b", 3)), "a\uFFFDb");
  EXPECT_EQ(ToUtf8Text("\xE2\x82x"), "\uFFFDx");
}

TEST(Utf8Test, LeavesOutASequenceThatTheEndCuts) {
  EXPECT_EQ(ToUtf8Text("a\xC3"), "a");
  EXPECT_EQ(ToUtf8Text("a\xF0\x9F\xA6"), "a");
  EXPECT_EQ(ToUtf8Text("a\xFF"), "a\uFFFD");
  EXPECT_EQ(ToUtf8Text(""), "");
}

TEST(Utf8Test, ReplacesACutEndWhereItIsNotLeftOut) {
  EXPECT_EQ(ReplaceNonUtf8("a\xC3"), "a\uFFFD");
  EXPECT_EQ(ReplaceNonUtf8("\xF0\x9F\xA6"), "\uFFFD");
  EXPECT_EQ(ReplaceNonUtf8(std::string("\0\xFF\xE2\x82x\xF0", 6)), "\uFFFD\uFFFD\uFFFDx\uFFFD");
  EXPECT_EQ(ReplaceNonUtf8("a\xC3\xA9"), "a\xC3\xA9");
  EXPECT_EQ(ReplaceNonUtf8(""), "");
}

TEST(Utf8Test, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(EscapeText("a\x1b[2J\n"), "a\\x1b[2J\\n");
  EXPECT_EQ(EscapeText("\xC3\xA9"), "\xC3\xA9");
  EXPECT_EQ(EscapeText("\xC3"), "\\xc3");
  EXPECT_EQ(EscapeText("\\n \\"), "\\\\n \\\\");
  EXPECT_EQ(EscapeText("\xC3\\'"), "\\xc3\\\\'");
}

TEST(Utf8Test, KeepsQuotes) {
  EXPECT_EQ(EscapeText("the model's \"head\""), "the model's \"head\"");
  EXPECT_EQ(EscapeText("\\'"), "\\\\'");
}

}  // namespace
}  // namespace skein
