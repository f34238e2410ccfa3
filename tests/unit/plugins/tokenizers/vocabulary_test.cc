#include "tokenizers/world/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/boundary.h"

namespace skein::tokenizers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// "" if the file is accepted.
std::string Failure(std::string_view file) {
  try {
    const Vocabulary vocabulary(Bytes(file));
    return "";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_DATA_LOSS);
    return error.what();
  }
}

TEST(VocabularyTest, ReadsALineAToken) {
  const Vocabulary vocabulary(Bytes("1 'a' 1\n2 b'\\xff' 1\n3 'a \" b' 5\n"));
  EXPECT_EQ(vocabulary.num_ids(), 4u);
  EXPECT_EQ(vocabulary.text(0), "");
  EXPECT_EQ(vocabulary.text(1), "a");
  EXPECT_EQ(vocabulary.text(2), "\xFF");
  EXPECT_EQ(vocabulary.text(3), "a \" b");
  EXPECT_THAT(vocabulary.ids_by_text(), ElementsAre(1, 3, 2));
}

TEST(VocabularyTest, TheLastLineNeedsNoEnd) { EXPECT_EQ(Vocabulary(Bytes("1 'a' 1\n2 'b' 1")).num_ids(), 3u); }

TEST(VocabularyTest, LinesMayEndInCrLf) {
  const Vocabulary vocabulary(Bytes("1 'a' 1\r\n2 ' ' 1\r\n"));
  EXPECT_EQ(vocabulary.text(1), "a");
  EXPECT_EQ(vocabulary.text(2), " ");
}

TEST(VocabularyTest, IdsMayStartAtZeroAndHaveGapsInAnyOrder) {
  const Vocabulary vocabulary(Bytes("7 'x' 1\n0 'y' 1\n"));
  EXPECT_EQ(vocabulary.num_ids(), 8u);
  EXPECT_EQ(vocabulary.text(0), "y");
  EXPECT_EQ(vocabulary.text(3), "");
  EXPECT_EQ(vocabulary.text(7), "x");
}

TEST(VocabularyTest, AnEmptyLiteralIsAnIdWithoutText) {
  const Vocabulary vocabulary(Bytes("0 '' 0\n1 'a' 1\n2 '' 0\n"));
  EXPECT_EQ(vocabulary.num_ids(), 3u);
  EXPECT_THAT(vocabulary.ids_by_text(), ElementsAre(1));
}

TEST(VocabularyTest, SaysTheLineThatIsDamaged) {
  const std::string good = "1 'a' 1\n2 'b' 1\n";
  EXPECT_THAT(Failure(""), HasSubstr("empty"));
  EXPECT_THAT(Failure("\n"), HasSubstr("line 1: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "\n4 'c' 1\n"), HasSubstr("line 3: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "3\n"), HasSubstr("line 3: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "3 'c'\n"), HasSubstr("line 3: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "3  1\n"), HasSubstr("line 3: "));
  EXPECT_THAT(Failure(good + "-3 'c' 1\n"), HasSubstr("line 3: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "3x 'c' 1\n"), HasSubstr("line 3: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "1048576 'c' 1\n"), HasSubstr("line 3: expected an id below 1048576"));
  EXPECT_THAT(Failure(good + "99999999999999999999999999 'c' 1\n"), HasSubstr("line 3: expected an id below"));
  EXPECT_THAT(Failure(good + "3 c 1\n"), HasSubstr("line 3: literal, byte 0"));
  EXPECT_THAT(Failure(good + "3 'c\\q' 1\n"), HasSubstr("line 3: literal, byte 2: unknown escape"));
  EXPECT_THAT(Failure(good + "3 'c' one\n"), HasSubstr("line 3: expected `id literal length`"));
  EXPECT_THAT(Failure(good + "3 'c' 2\n"), HasSubstr("line 3: expected length 1, the size of the literal, found 2"));
  EXPECT_THAT(Failure(good + "3 '\xC3\xA9' 1\n"), HasSubstr("line 3: expected length 2"));
  EXPECT_THAT(Failure(good + "3 'c' 18446744073709551617\n"), HasSubstr("line 3: expected length 1"));
  EXPECT_THAT(Failure(good + "1 'c' 1\n"), HasSubstr("line 3: id 1 is that of line 1"));
  EXPECT_THAT(Failure(good + "3 b'a' 1\n4 'c' 1\n"), HasSubstr("line 3: the text is that of line 1"));
}

TEST(VocabularyTest, LineNOfAFileOfLiteralsIsTokenN) {
  const Vocabulary vocabulary(Bytes("b'<s>'\n'a'\r\n\"b c\"\nb'\\xff'"));
  EXPECT_EQ(vocabulary.num_ids(), 4u);
  EXPECT_EQ(vocabulary.text(0), "");
  EXPECT_EQ(vocabulary.text(1), "a");
  EXPECT_EQ(vocabulary.text(2), "b c");
  EXPECT_EQ(vocabulary.text(3), "\xFF");
  EXPECT_THAT(vocabulary.ids_by_text(), ElementsAre(1, 2, 3));
}

TEST(VocabularyTest, SaysTheLineOfAFileOfLiteralsThatIsDamaged) {
  const std::string good = "'x'\n'a'\n'b'\n";
  EXPECT_THAT(Failure(good + "'c"), HasSubstr("line 4: literal, byte 2: expected a closing '"));
  EXPECT_THAT(Failure(good + "\n'c'\n"), HasSubstr("line 4: literal, byte 0: expected ' or \" or b' or b\""));
  EXPECT_THAT(Failure(good + "[PAD]\n"), HasSubstr("line 4: literal, byte 0"));
  EXPECT_THAT(Failure(good + "4 'c' 1\n"), HasSubstr("line 4: literal, byte 0"));
  EXPECT_THAT(Failure(good + "'\\q'\n"), HasSubstr("line 4: literal, byte 1: unknown escape"));
  EXPECT_THAT(Failure(good + "b'a'\n"), HasSubstr("line 4: the text is that of line 2"));
}

TEST(VocabularyTest, AByteOrderMarkInFrontIsSkipped) {
  for (const std::string file : {"1 'a' 1\n2 'b' 1\n", "''\n'a'\n'b'\n"}) {
    EXPECT_TRUE(FormOf(Bytes("\xEF\xBB\xBF" + file)) != VocabularyForm::kNone);
    const Vocabulary vocabulary(Bytes("\xEF\xBB\xBF" + file));
    EXPECT_EQ(vocabulary.num_ids(), 3u);
    EXPECT_EQ(vocabulary.text(1), "a");
  }
  EXPECT_THAT(Failure("\xEF\xBB\xBF"), HasSubstr("empty file"));
  EXPECT_THAT(Failure("1 'a' 1\n\xEF\xBB\xBF"
                      "2 'b' 1\n"),
              HasSubstr("line 2: expected `id literal length`"));
}

TEST(VocabularyTest, GivesAFileThatGivesItAgain) {
  const Vocabulary vocabulary(Bytes("0 '<s>' 3\n5 \"'\" 1\n1 '\\\\' 1\n7 b'\\xff\\x00 \\n' 4\n3 '\xC3\xA9' 2\n"));
  EXPECT_EQ(vocabulary.ToFile(), "1 b'\\x5c' 1\n3 b'\\xc3\\xa9' 2\n5 b'\\x27' 1\n7 b'\\xff\\x00 \\x0a' 4\n");
  const Vocabulary again(Bytes(vocabulary.ToFile()));
  ASSERT_EQ(again.num_ids(), vocabulary.num_ids());
  for (uint32_t id = 0; id < again.num_ids(); ++id) EXPECT_EQ(again.text(id), vocabulary.text(id));
}

TEST(VocabularyTest, BoundsWhatAFileMayMakeItAllocate) {
  EXPECT_THAT(Failure("1 '" + std::string(kMaxTokenBytes + 1, 'a') + "' " + std::to_string(kMaxTokenBytes + 1)),
              HasSubstr("line 1: expected at most 1024 bytes"));
  std::string many;
  while (many.size() < 3 * (size_t{kMaxVocabularyIds} + 1)) many += "''\n";
  EXPECT_THAT(Failure(many), HasSubstr("line 1048577: expected an id below 1048576"));
  EXPECT_THAT(Failure(std::string(kMaxVocabularyBytes + 1, 'a')), HasSubstr("expected at most 16777216 bytes"));
}

TEST(VocabularyFormTest, IsThatOfMostLines) {
  EXPECT_EQ(FormOf(Bytes("1 'a' 1\n")), VocabularyForm::kNumbered);
  EXPECT_EQ(FormOf(Bytes("0 \"'\" 1\r\n1 b'\\xff' 1")), VocabularyForm::kNumbered);
  EXPECT_EQ(FormOf(Bytes("b'<s>'\r\nb'\\x00'\n\"'\"\n' '")), VocabularyForm::kLiterals);
}

TEST(VocabularyFormTest, OfADamagedFileIsThatOfTheLinesThatAreLeft) {
  EXPECT_EQ(FormOf(Bytes("! 'a' 1\n2 'b' 1\n3 'c' 1\n")), VocabularyForm::kNumbered);
  EXPECT_EQ(FormOf(Bytes("1 'a' 1\n2 'b' 1\n3 'c")), VocabularyForm::kNumbered);
  EXPECT_EQ(FormOf(Bytes("<s>\n'a'\n'b'\n")), VocabularyForm::kLiterals);
}

TEST(VocabularyFormTest, OtherTextHasNone) {
  for (const char* other : {"", "bytes", "world", "\n\n\n", "{\"a\": 1}\n", "hello world again\n", "1 2 3\n",
                            "PK\x03\x04", "'", "b'\n", "[PAD]\n[UNK]\nthe\n"}) {
    EXPECT_EQ(FormOf(Bytes(other)), VocabularyForm::kNone) << other;
  }
}

TEST(VocabularyFormTest, AContainerThatHoldsAFileHasNone) {
  const std::string lines = "1 'a' 1\n2 'b' 1\n3 'c' 1\n";
  EXPECT_EQ(FormOf(Bytes("SKEIN" + std::string(3, '\0') + lines)), VocabularyForm::kNone);
}

TEST(VocabularyFormTest, IsThatOfTheFirst4096Bytes) {
  std::string file;
  while (file.size() < 4096) file += "1 'a' 1\n";
  EXPECT_EQ(FormOf(Bytes(file + std::string(100000, '!'))), VocabularyForm::kNumbered);
}

}  // namespace
}  // namespace skein::tokenizers
