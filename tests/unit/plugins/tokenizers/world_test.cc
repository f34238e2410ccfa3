#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "support/boundary.h"
#include "tests/unit/plugins/tokenizers/world_calls.h"
#include "tokenizers/world/tokenizer.h"

namespace skein::tokenizers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(WorldTokenizerTest, TakesTheLongestTokenFromTheLeft) {
  const WorldTokenizer tokenizer(Bytes("1 'a' 1\n2 'b' 1\n3 'ab' 2\n4 'bbb' 3\n5 'abbbb' 5\n"));
  EXPECT_THAT(Encode(tokenizer, "abbb"), ElementsAre(3, 2, 2));  // not 1, 4: the longest first
  EXPECT_THAT(Encode(tokenizer, "abbbb"), ElementsAre(5));
  EXPECT_THAT(Encode(tokenizer, "babbb"), ElementsAre(2, 3, 2, 2));
  EXPECT_THAT(Encode(tokenizer, ""), ElementsAre());
}

TEST(WorldTokenizerTest, IdZeroIsTextWhereTheFileHasIt) {
  const WorldTokenizer tokenizer(Bytes("0 'x' 1\n1 'y' 1\n"));
  EXPECT_EQ(tokenizer.vocab_size(), 2u);
  EXPECT_THAT(Encode(tokenizer, "yx"), ElementsAre(1, 0));
  EXPECT_EQ(Decode(tokenizer, {1, 0}), "yx");
}

TEST(WorldTokenizerTest, IdZeroIsTheEndOfTextWhereTheFileHasItNot) {
  const WorldTokenizer tokenizer(Bytes("1 'x' 1\n2 'y' 1\n"));
  EXPECT_EQ(Decode(tokenizer, {1, 0, 2}), "xy");
}

TEST(WorldTokenizerTest, IdZeroIsTheEndOfTextWhereTheFileHasAMarkForIt) {
  for (const std::string mark : {"<s>", "<|rwkv_tokenizer_end_of_text|>", "<|endoftext|>"}) {
    const std::string numbered = "0 '" + mark + "' " + std::to_string(mark.size()) + "\n1 '<' 1\n2 's' 1\n3 '>' 1\n";
    const std::string literals = "b'" + mark + "'\n'<'\n's'\n'>'\n";
    for (const std::string& file : {numbered, literals}) {
      const WorldTokenizer tokenizer(Bytes(file));
      EXPECT_EQ(Decode(tokenizer, {1, 0, 3}), "<>") << file;
      EXPECT_THAT(Encode(tokenizer, "<s>"), ElementsAre(1, 2, 3)) << file;
    }
  }
}

TEST(WorldTokenizerTest, OtherTokensThatLookLikeAMarkAreText) {
  const WorldTokenizer tokenizer(Bytes("'a'\n'<s>'\n'<|x|>'\n"));
  EXPECT_THAT(Encode(tokenizer, "<|x|><s>a"), ElementsAre(2, 1, 0));
}

TEST(WorldTokenizerTest, AByteThatNoTokenStartsWithIsNamedWithItsPlace) {
  const WorldTokenizer tokenizer(Bytes("1 'ab' 2\n"));
  for (const char* text : {"abax", "abx"}) {
    try {
      Encode(tokenizer, text);
      FAIL() << "expected an error";
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_INVALID_ARGUMENT);
      EXPECT_THAT(error.what(), HasSubstr("text, byte 2: "));
    }
  }
}

TEST(WorldTokenizerTest, RefusesAnIdOutsideTheVocabularyByItsPlace) {
  const WorldTokenizer tokenizer(Bytes("1 'x' 1\n"));
  try {
    Decode(tokenizer, {1, 1, 2});
    FAIL() << "expected an error";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(error.what(), HasSubstr("token 2: expected an id below 2, found 2"));
  }
}

TEST(WorldTokenizerTest, ATokenOfTheGreatestLengthIsFound) {
  const std::string token(kMaxTokenBytes, 'z');
  const WorldTokenizer tokenizer(Bytes("1 'z' 1\n2 '" + token + "' " + std::to_string(token.size()) + "\n"));
  EXPECT_THAT(Encode(tokenizer, "z" + token), ElementsAre(2, 1));
}

// A vocabulary of 60 lines with every kind of line that the published one has.
std::string SmallVocabulary() {
  std::string file;
  for (int i = 0; i < 26; ++i) {
    file += std::to_string(i + 1) + " '" + static_cast<char>('a' + i) + "' 1\n";
  }
  for (int i = 0; i < 26; ++i) {
    file += std::to_string(i + 27) + " ' " + static_cast<char>('a' + i) + "s' 3\n";
  }
  file +=
      "53 '\\n' 1\n54 \"'\" 1\n55 '\"' 1\n56 '\\\\' 1\n57 '\xC3\xA9' 2\n58 b'\\xc3' 1\n59 '\\u200b' 3\n60 '\\xa0' 2\n";
  return file;
}

// The same as lines of literals.
std::string SmallLiterals() {
  std::string file = "b'<s>'\n";
  const std::string numbered = SmallVocabulary();
  for (size_t at = 0; at < numbered.size();) {
    const size_t end = numbered.find('\n', at);
    const std::string line = numbered.substr(at, end - at);
    const size_t first = line.find(' ') + 1;
    file += line.substr(first, line.rfind(' ') - first) + "\n";
    at = end + 1;
  }
  return file;
}

TEST(WorldTokenizerTest, LinesOfLiteralsGiveTheVocabularyOfNumberedLines) {
  const WorldTokenizer numbered(Bytes(SmallVocabulary()));
  const WorldTokenizer literals(Bytes(SmallLiterals()));
  EXPECT_EQ(WorldTokenizer::Probe(Bytes(SmallLiterals())), 90u);
  ASSERT_EQ(literals.vocab_size(), numbered.vocab_size());
  for (uint32_t id = 0; id < numbered.vocab_size(); ++id) EXPECT_EQ(Decode(literals, {id}), Decode(numbered, {id}));
}

// Makes a tokenizer of a file that is not the one that was written. It must refuse with a line number, or work.
void ExpectSoundOrRefused(const std::string& file) {
  try {
    const WorldTokenizer tokenizer(Bytes(file));
    for (uint32_t id = 0; id < tokenizer.vocab_size(); ++id) {
      const std::string text = Decode(tokenizer, {id});
      if (!text.empty()) {
        EXPECT_THAT(Encode(tokenizer, text), ElementsAre(id));
      }
    }
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_DATA_LOSS);
    EXPECT_THAT(error.what(), testing::AnyOf(HasSubstr("vocabulary line "), HasSubstr("empty file")));
  }
}

TEST(WorldTokenizerHostileTest, ATruncatedFileIsRefusedOrHasWholeLines) {
  for (const std::string& file : {SmallVocabulary(), SmallLiterals()}) {
    for (size_t size = 0; size < file.size(); ++size) {
      ExpectSoundOrRefused(file.substr(0, size));
      WorldTokenizer::Probe(Bytes(file.substr(0, size)));
    }
  }
}

TEST(WorldTokenizerHostileTest, ATruncationInsideALineIsRefusedNamingIt) {
  const std::string file = SmallVocabulary();
  const size_t line_start = file.rfind("59 ");
  for (size_t size = line_start + 1; size < file.find('\n', line_start) - 1; ++size) {
    try {
      const WorldTokenizer tokenizer(Bytes(file.substr(0, size)));
      ADD_FAILURE() << "accepted " << file.substr(line_start, size - line_start);
    } catch (const plugin::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("vocabulary line 59: "));
    }
  }
}

TEST(WorldTokenizerHostileTest, FlippedBitsAreRefusedOrGiveASoundVocabulary) {
  for (const std::string& file : {SmallVocabulary(), SmallLiterals()}) {
    for (size_t bit = 0; bit < file.size() * 8; ++bit) {
      std::string flipped = file;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      ExpectSoundOrRefused(flipped);
      WorldTokenizer::Probe(Bytes(flipped));
    }
  }
}

TEST(WorldTokenizerHostileTest, RandomBytesAreRefused) {
  std::mt19937 generator(1);
  for (int round = 0; round < 500; ++round) {
    const std::string file = RandomBytes(generator, 1 + generator() % 300);
    EXPECT_EQ(WorldTokenizer::Probe(Bytes(file)), 0u);
    EXPECT_THROW(WorldTokenizer{Bytes(file)}, plugin::Error);
  }
}

}  // namespace
}  // namespace skein::tokenizers
