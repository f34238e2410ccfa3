#include "base/short_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "base/utf8.h"

namespace skein {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(ShortTextTest, ATextThatFitsStays) {
  EXPECT_EQ(ShortText("", 10), "");
  EXPECT_EQ(ShortText("a \u00E9 \U0001F9A2", 10), "a \u00E9 \U0001F9A2");
  EXPECT_EQ(ShortText("exactly ten", 11), "exactly ten");
}

TEST(ShortTextTest, IsUtf8OfOneLine) {
  EXPECT_EQ(ShortText("a\xFF\xC3 b\xC3", 100), "a\uFFFD\uFFFD b");
  EXPECT_EQ(ShortText(std::string("a\0b", 3), 100), "a\uFFFDb");
  EXPECT_EQ(ShortText("one\ntwo\r\tthree", 100), "one\\ntwo\\r\\tthree");
  EXPECT_EQ(ShortText("\x1b[2J\x7F", 100), "\uFFFD[2J\uFFFD");
  EXPECT_EQ(ShortText("a\u0085b\u2028c\u2029d", 100), "a\uFFFDb\uFFFDc\uFFFDd");
}

TEST(ShortTextTest, ALongPathKeepsItsEndAndTheReasonStays) {
  const std::string path = "/" + std::string(4000, 'x') + "/plugin.so";
  const std::string line = ShortText(path + ": cannot open: No such file or directory", 1007);
  EXPECT_THAT(line, AllOf(StartsWith("/xxx"), HasSubstr("x\u2026x"),
                          EndsWith("/plugin.so: cannot open: No such file or directory")));
}

TEST(ShortTextTest, ThePathsOfOneMessageAreShortenedAlike) {
  const std::string path = std::string(3000, 'x') + "/plugin.so";
  const std::string line = ShortText("/a" + path + ": plugin \"x\" is loaded already, from /b" + path, 500);
  EXPECT_THAT(line, AllOf(StartsWith("/axxx"), HasSubstr("/plugin.so: plugin \"x\" is loaded already, from /bxxx"),
                          EndsWith("/plugin.so")));
  EXPECT_LE(line.size(), 500u);
}

TEST(ShortTextTest, ATextOfManyWordsLosesItsMiddle) {
  std::string text = "first";
  for (int i = 0; i < 1000; ++i) text.append(" ").append(std::to_string(i));
  const std::string line = ShortText(text + " last", 100);
  EXPECT_THAT(line, AllOf(SizeIs(100), StartsWith("first 0 1 2"), HasSubstr("\u2026"), EndsWith("998 999 last")));
}

TEST(ShortTextTest, AMegabyteWithoutASpaceIsShortened) {
  EXPECT_THAT(ShortText(std::string(1 << 20, 'x'), 63), AllOf(StartsWith("xxx"), HasSubstr("\u2026")));
}

// Random bytes in any room: always UTF-8, always in its room, always ended.
TEST(ShortTextTest, AnyBytesFitIntoAnyRoom) {
  std::mt19937 random(1);
  const std::string alphabet("a /\n\x80\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\xA2\xFF\x1b\0", 17);
  for (int i = 0; i < 20000; ++i) {
    std::string text(random() % 400, '\0');
    for (char& byte : text) byte = alphabet[random() % alphabet.size()];
    std::array<char, 200> to;
    to.fill('#');
    const size_t room = 1 + random() % (to.size() - 1);
    const size_t size = WriteShortText(text, absl::MakeSpan(to).first(room));
    ASSERT_LT(size, room);
    ASSERT_EQ(to[size], '\0');
    ASSERT_EQ(to[room], '#');
    ASSERT_TRUE(IsUtf8Text(absl::string_view(to.data(), size))) << EscapeText(text);
    ASSERT_EQ(absl::string_view(to.data(), size).find('\n'), absl::string_view::npos);
  }
}

}  // namespace
}  // namespace skein
