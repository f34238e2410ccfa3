#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/boundary.h"
#include "tokenizers/world/tokenizer.h"

namespace skein::tokenizers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::vector<uint32_t> Encode(const WorldTokenizer& tokenizer, std::string_view text) {
  std::vector<uint32_t> tokens(text.size());
  tokens.resize(tokenizer.Encode(Bytes(text), tokens));
  return tokens;
}

std::string Decode(const WorldTokenizer& tokenizer, const std::vector<uint32_t>& tokens) {
  std::vector<uint8_t> text(tokenizer.Decode(tokens, {}));
  tokenizer.Decode(tokens, text);
  return std::string(text.begin(), text.end());
}

std::string RandomBytes(std::mt19937& generator, size_t size) {
  std::string bytes;
  while (bytes.size() < size) bytes.push_back(static_cast<char>(generator() % 256));
  return bytes;
}

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
  const std::string file = SmallVocabulary();
  for (size_t size = 0; size < file.size(); ++size) {
    ExpectSoundOrRefused(file.substr(0, size));
    WorldTokenizer::Probe(Bytes(file.substr(0, size)));
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
  const std::string file = SmallVocabulary();
  for (size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    ExpectSoundOrRefused(flipped);
    WorldTokenizer::Probe(Bytes(flipped));
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

// The published vocabulary.
class PublishedVocabularyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* folder = std::getenv("SKEIN_TEST_DATA");
    if (folder == nullptr) return;
    std::ifstream stream(std::string(folder) + "/tokenizers/rwkv_vocab_v20230424.txt", std::ios::binary);
    file_ = new std::string(std::istreambuf_iterator<char>(stream), {});
    tokenizer_ = new WorldTokenizer(Bytes(*file_));
  }
  static void TearDownTestSuite() {
    delete tokenizer_;
    delete file_;
  }
  void SetUp() override {
    if (tokenizer_ == nullptr) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the published vocabulary is not at hand";
  }

  static inline std::string* file_ = nullptr;
  static inline WorldTokenizer* tokenizer_ = nullptr;
};

TEST_F(PublishedVocabularyTest, IsRecognised) { EXPECT_EQ(WorldTokenizer::Probe(Bytes(*file_)), 90u); }

TEST_F(PublishedVocabularyTest, HasIdsBelow65530) { EXPECT_EQ(tokenizer_->vocab_size(), 65530u); }

TEST_F(PublishedVocabularyTest, GivesKnownIds) {
  EXPECT_THAT(Encode(*tokenizer_, "\n"), ElementsAre(11));
  EXPECT_THAT(Encode(*tokenizer_, "\n\n"), ElementsAre(261));
  EXPECT_THAT(Encode(*tokenizer_, std::string(128, ' ')), ElementsAre(65529));
  EXPECT_EQ(Decode(*tokenizer_, {0}), "");
}

TEST_F(PublishedVocabularyTest, ASingleByteIsItsValueAndOne) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text(1, static_cast<char>(byte));
    EXPECT_THAT(Encode(*tokenizer_, text), ElementsAre(byte + 1));
    EXPECT_EQ(Decode(*tokenizer_, {static_cast<uint32_t>(byte + 1)}), text);
  }
}

TEST_F(PublishedVocabularyTest, EveryTokenEncodesToItself) {
  for (uint32_t id = 1; id < tokenizer_->vocab_size(); ++id) {
    const std::string text = Decode(*tokenizer_, {id});
    ASSERT_FALSE(text.empty()) << "id " << id;
    ASSERT_THAT(Encode(*tokenizer_, text), ElementsAre(id));
  }
}

TEST_F(PublishedVocabularyTest, AnyBytesComeBack) {
  std::mt19937 generator(2);
  for (int round = 0; round < 300; ++round) {
    const std::string text = RandomBytes(generator, generator() % 400);
    ASSERT_EQ(Decode(*tokenizer_, Encode(*tokenizer_, text)), text);
  }
  for (const char* text : {"\xC3", "\xE2\x82", "caf\xC3\xA9 \xF0\x9F\xA6", "\xED\xA0\x80", "\xFF\xFE\xC0\x80"}) {
    EXPECT_EQ(Decode(*tokenizer_, Encode(*tokenizer_, text)), text);
  }
}

TEST_F(PublishedVocabularyTest, AgreesWithTryingEveryLength) {
  std::map<std::string, uint32_t> ids;
  for (uint32_t id = 1; id < tokenizer_->vocab_size(); ++id) ids[Decode(*tokenizer_, {id})] = id;

  // Texts of tokens and of bytes, so that matches are long and are cut short.
  std::mt19937 generator(4);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    while (text.size() < 200) {
      text += generator() % 3 == 0 ? RandomBytes(generator, generator() % 4)
                                   : Decode(*tokenizer_, {static_cast<uint32_t>(1 + generator() % 65529)});
    }
    std::vector<uint32_t> expected;
    for (size_t at = 0; at < text.size();) {
      size_t size = std::min<size_t>(128, text.size() - at);
      while (ids.count(text.substr(at, size)) == 0) --size;
      expected.push_back(ids[text.substr(at, size)]);
      at += size;
    }
    ASSERT_EQ(Encode(*tokenizer_, text), expected);
  }
}

TEST_F(PublishedVocabularyTest, ReadsTheSameWithCrLf) {
  std::string crlf;
  for (const char c : *file_) {
    if (c == '\n') crlf += '\r';
    crlf += c;
  }
  const WorldTokenizer other(Bytes(crlf));
  ASSERT_EQ(other.vocab_size(), tokenizer_->vocab_size());
  for (uint32_t id = 0; id < other.vocab_size(); ++id) ASSERT_EQ(Decode(other, {id}), Decode(*tokenizer_, {id}));
}

TEST_F(PublishedVocabularyTest, ATruncatedCopyIsRefusedOrHasWholeLines) {
  std::mt19937 generator(6);
  for (int round = 0; round < 5; ++round) {
    size_t size = generator() % file_->size();
    while ((*file_)[size] != '\'') ++size;  // inside a line, before a quote
    try {
      const WorldTokenizer tokenizer(Bytes(std::string_view(*file_).substr(0, size)));
      ADD_FAILURE() << "accepted " << size << " bytes";
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_DATA_LOSS);
      const auto line = 1 + std::count(file_->begin(), file_->begin() + static_cast<std::ptrdiff_t>(size), '\n');
      EXPECT_THAT(error.what(), HasSubstr("vocabulary line " + std::to_string(line) + ": "));
    }
  }
}

}  // namespace
}  // namespace skein::tokenizers
