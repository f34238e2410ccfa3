#include "tokenizers/world/literal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/boundary.h"

namespace skein::tokenizers {
namespace {

std::string Value(std::string_view literal) {
  std::string bytes;
  AppendLiteral(literal, &bytes);
  return bytes;
}

// "" if the literal is accepted.
std::string Failure(std::string_view literal) {
  try {
    Value(literal);
    return "";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_DATA_LOSS);
    return error.what();
  }
}

TEST(LiteralTest, ReadsStringsInEitherQuotes) {
  EXPECT_EQ(Value("'a b'"), "a b");
  EXPECT_EQ(Value("\"it's\""), "it's");
  EXPECT_EQ(Value("'\"'"), "\"");
  EXPECT_EQ(Value("''"), "");
  EXPECT_EQ(Value("'b'"), "b");
}

TEST(LiteralTest, ReadsEscapes) {
  EXPECT_EQ(Value(R"('\\ \' \" \a \b \f \n \r \t \v')"), "\\ ' \" \a \b \f \n \r \t \v");
  EXPECT_EQ(Value(R"('\\')"), "\\");
  EXPECT_EQ(Value(R"('\\\'')"), "\\'");
  EXPECT_EQ(Value(R"('\x00')"), std::string(1, '\0'));
}

TEST(LiteralTest, HexIsACodePointInAStringAndAByteInAByteString) {
  EXPECT_EQ(Value(R"('\xa0')"), "\xC2\xA0");
  EXPECT_EQ(Value(R"(b'\xa0')"), "\xA0");
  EXPECT_EQ(Value(R"(b"\xE6\x8a'")"), "\xE6\x8A'");
}

TEST(LiteralTest, WritesCodePointsAsUtf8) {
  EXPECT_EQ(Value(R"('\u007f\u0080\u07ff\u0800\uffff')"), "\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF");
  EXPECT_EQ(Value(R"('\U0001f9a2\U0010ffff')"), "\xF0\x9F\xA6\xA2\xF4\x8F\xBF\xBF");
  EXPECT_EQ(Value("'\xF0\x9F\xA6\xA2\xC3\xA9\xE2\x82\xAC'"), "\xF0\x9F\xA6\xA2\xC3\xA9\xE2\x82\xAC");
}

TEST(LiteralTest, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(Failure(""), testing::HasSubstr("byte 0: expected ' or \""));
  EXPECT_THAT(Failure("b"), testing::HasSubstr("byte 1: expected ' or \""));
  EXPECT_THAT(Failure("abc"), testing::HasSubstr("byte 0: expected ' or \""));
  EXPECT_THAT(Failure("'"), testing::HasSubstr("expected a closing '"));
  EXPECT_THAT(Failure("'ab"), testing::HasSubstr("expected a closing '"));
  EXPECT_THAT(Failure("'ab\""), testing::HasSubstr("expected a closing '"));
  EXPECT_THAT(Failure(R"('\')"), testing::HasSubstr("found it escaped"));
  EXPECT_THAT(Failure("'a'b'"), testing::HasSubstr("byte 2: expected the end"));
  EXPECT_THAT(Failure(R"('a\q')"), testing::HasSubstr("byte 2: unknown escape"));
  EXPECT_THAT(Failure(R"('\x4')"), testing::HasSubstr("byte 4: expected 2 hexadecimal digits"));
  EXPECT_THAT(Failure(R"('\xg0')"), testing::HasSubstr("byte 3: expected 2 hexadecimal digits"));
  EXPECT_THAT(Failure(R"('\u12')"), testing::HasSubstr("expected 4 hexadecimal digits"));
  EXPECT_THAT(Failure(R"('\ud800')"), testing::HasSubstr("byte 1: expected a code point"));
  EXPECT_THAT(Failure(R"('\U00110000')"), testing::HasSubstr("byte 1: expected a code point"));
  EXPECT_THAT(Failure(R"(b'\u0041')"), testing::HasSubstr("byte 2: unknown escape"));
  EXPECT_THAT(Failure("b'\xC3\xA9'"), testing::HasSubstr("byte 2: expected ASCII"));
}

TEST(LiteralTest, RefusesBytesThatAreNotUtf8) {
  for (const char* literal : {"'\x80'", "'\xC3'", "'\xC0\x80'", "'\xE0\x80\x80'", "'\xED\xA0\x80'",
                              "'\xF0\x80\x80\x80'", "'\xF4\x90\x80\x80'", "'\xF8\x88\x80\x80\x80'"}) {
    EXPECT_THAT(Failure(literal), testing::HasSubstr("byte 1: expected UTF-8")) << literal;
  }
}

}  // namespace
}  // namespace skein::tokenizers
