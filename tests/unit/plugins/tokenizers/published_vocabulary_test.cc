// The World vocabulary in the box, and the published file that it was made from, which SKEIN_TEST_DATA has.
#include "tokenizers/world/published_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "support/boundary.h"
#include "support/crc32.h"
#include "tests/unit/plugins/tokenizers/world_calls.h"
#include "tokenizers/world/tokenizer.h"

namespace skein::tokenizers {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PublishedVocabularyTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { tokenizer_ = new WorldTokenizer(Bytes("world")); }
  static void TearDownTestSuite() { delete tokenizer_; }

  static inline WorldTokenizer* tokenizer_ = nullptr;
};

TEST_F(PublishedVocabularyTest, IsKnownByItsNames) {
  for (const char* name : {"world", "rwkv_vocab_v20230424"}) {
    EXPECT_EQ(WorldTokenizer::Probe(Bytes(name)), 100u) << name;
    EXPECT_EQ(WorldTokenizer(Bytes(name)).vocab_size(), 65530u) << name;
  }
  for (const char* other : {"", "World", "worlds", "world\n", "rwkv_vocab_v20230424.txt"}) {
    EXPECT_EQ(WorldTokenizer::Probe(Bytes(other)), 0u) << other;
    EXPECT_THROW(WorldTokenizer{Bytes(other)}, plugin::Error) << other;
  }
}

// make_published.py prints the number of tokens, their bytes and this checksum of the published file.
TEST_F(PublishedVocabularyTest, IsThatOfThePublishedFile) {
  std::string tokens;
  const Vocabulary vocabulary = Vocabulary::Published();
  for (uint32_t id = 1; id < vocabulary.num_ids(); ++id) {
    const auto size = static_cast<uint32_t>(vocabulary.text(id).size());
    for (int shift = 0; shift < 32; shift += 8) tokens.push_back(static_cast<char>(size >> shift));
    tokens += vocabulary.text(id);
  }
  EXPECT_EQ(vocabulary.num_ids(), 1 + 65529u);
  EXPECT_EQ(tokens.size(), 4 * 65529u + 373358u);
  EXPECT_EQ(plugin::Crc32(Bytes(tokens)), 0xc2c25dc6u);
}

TEST_F(PublishedVocabularyTest, ListsItsIdsInOrderOfTheirText) {
  const Vocabulary vocabulary = Vocabulary::Published();
  const std::vector<uint32_t>& ids = vocabulary.ids_by_text();
  ASSERT_EQ(ids.size(), 65529u);
  for (size_t i = 1; i < ids.size(); ++i) ASSERT_LT(vocabulary.text(ids[i - 1]), vocabulary.text(ids[i]));
}

TEST_F(PublishedVocabularyTest, AsAFileGivesTheSameVocabulary) {
  const std::string file = WorldTokenizer::OwnVocabulary();
  EXPECT_EQ(WorldTokenizer::Probe(Bytes(file)), 90u);
  const Vocabulary read(Bytes(file));
  const Vocabulary vocabulary = Vocabulary::Published();
  ASSERT_EQ(read.num_ids(), vocabulary.num_ids());
  for (uint32_t id = 0; id < read.num_ids(); ++id) ASSERT_EQ(read.text(id), vocabulary.text(id));
  EXPECT_EQ(read.ids_by_text(), vocabulary.ids_by_text());
}

TEST_F(PublishedVocabularyTest, GivesKnownIds) {
  EXPECT_THAT(Encode(*tokenizer_, "\n"), ElementsAre(11));
  EXPECT_THAT(Encode(*tokenizer_, "\n\n"), ElementsAre(261));
  EXPECT_THAT(Encode(*tokenizer_, std::string(128, ' ')), ElementsAre(65529));
  EXPECT_THAT(Encode(*tokenizer_, "User: hi"), ElementsAre(24281, 59, 4571));
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

// The published file itself.
class PublishedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("SKEIN_TEST_DATA");
    if (folder == nullptr) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: the published vocabulary is not at hand";
    std::ifstream stream(std::string(folder) + "/tokenizers/rwkv_vocab_v20230424.txt", std::ios::binary);
    file_.assign(std::istreambuf_iterator<char>(stream), {});
  }

  std::string file_;
};

TEST_F(PublishedFileTest, IsRecognised) { EXPECT_EQ(WorldTokenizer::Probe(Bytes(file_)), 90u); }

TEST_F(PublishedFileTest, HasTheEntriesOfTheVocabularyInTheBox) {
  const Vocabulary published = Vocabulary::Published();
  std::string crlf;
  for (const char c : file_) crlf.append(c == '\n' ? 1 : 0, '\r').push_back(c);
  for (const std::string& file : {file_, crlf, "\xEF\xBB\xBF" + file_}) {
    const Vocabulary read(Bytes(file));
    ASSERT_EQ(read.num_ids(), published.num_ids());
    for (uint32_t id = 0; id < read.num_ids(); ++id) ASSERT_EQ(read.text(id), published.text(id)) << "id " << id;
    EXPECT_EQ(read.ids_by_text(), published.ids_by_text());
  }
}

TEST_F(PublishedFileTest, ATruncatedCopyIsRefusedNamingTheLine) {
  std::mt19937 generator(6);
  for (int round = 0; round < 5; ++round) {
    size_t size = generator() % file_.size();
    while (file_[size] != '\'') ++size;  // inside a line, before a quote
    try {
      const WorldTokenizer tokenizer(Bytes(std::string_view(file_).substr(0, size)));
      ADD_FAILURE() << "accepted " << size << " bytes";
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_DATA_LOSS);
      const auto line = 1 + std::count(file_.begin(), file_.begin() + static_cast<std::ptrdiff_t>(size), '\n');
      EXPECT_THAT(error.what(), HasSubstr("vocabulary line " + std::to_string(line) + ": "));
    }
  }
}

}  // namespace
}  // namespace skein::tokenizers
