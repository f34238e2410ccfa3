// The plugins as a host sees them: through the C table alone.
#include "tokenizers/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tokenizers/bytes/tokenizer.h"
#include "tokenizers/world/tokenizer.h"

namespace skein::plugin {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const skein_tokenizer_table& kWorld = TokenizerTable<tokenizers::WorldTokenizer>::kTable;

const uint8_t* Data(const std::string& text) { return reinterpret_cast<const uint8_t*>(text.data()); }

class TokenizerTableTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string vocabulary = "1 'a' 1\n2 'ab' 2\n";
    ASSERT_EQ(kWorld.create(nullptr, Data(vocabulary), vocabulary.size(), &tokenizer_, &message_), SKEIN_OK);
  }
  void TearDown() override { kWorld.destroy(tokenizer_); }

  void* tokenizer_ = nullptr;
  skein_message message_ = {};
};

TEST_F(TokenizerTableTest, EncodesIntoExactRoom) {
  const std::string text = "aab";
  std::vector<uint32_t> tokens(2);
  uint64_t count = 0;
  ASSERT_EQ(kWorld.encode(tokenizer_, Data(text), text.size(), tokens.data(), 2, &count, &message_), SKEIN_OK);
  EXPECT_EQ(count, 2u);
  EXPECT_THAT(tokens, ElementsAre(1, 2));
}

TEST_F(TokenizerTableTest, WithoutRoomSaysWhatIsNeededAndWritesNothing) {
  const std::string text = "aab";
  std::vector<uint32_t> tokens(1, 99);
  uint64_t count = 0;
  EXPECT_EQ(kWorld.encode(tokenizer_, Data(text), text.size(), tokens.data(), 1, &count, &message_),
            SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(tokens[0], 99u);

  const std::vector<uint32_t> ids = {1, 2};
  std::vector<uint8_t> bytes(2, 99);
  uint64_t size_bytes = 0;
  EXPECT_EQ(kWorld.decode(tokenizer_, ids.data(), 2, bytes.data(), 2, &size_bytes, &message_), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(size_bytes, 3u);
  EXPECT_THAT(bytes, ElementsAre(99, 99));
}

TEST_F(TokenizerTableTest, NothingGivesNothingFromNullPointers) {
  uint64_t count = 1;
  EXPECT_EQ(kWorld.encode(tokenizer_, nullptr, 0, nullptr, 0, &count, &message_), SKEIN_OK);
  EXPECT_EQ(count, 0u);
  count = 1;
  EXPECT_EQ(kWorld.decode(tokenizer_, nullptr, 0, nullptr, 0, &count, &message_), SKEIN_OK);
  EXPECT_EQ(count, 0u);
}

TEST_F(TokenizerTableTest, ErrorsComeAsCodeAndMessage) {
  const std::string text = "ax";
  uint64_t count = 1;
  EXPECT_EQ(kWorld.encode(tokenizer_, Data(text), text.size(), nullptr, 0, &count, &message_), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(count, 0u);
  EXPECT_THAT(message_.text, HasSubstr("byte 1: expected the start of a token, found byte 120"));
}

TEST(TokenizerTableCreateTest, ADamagedVocabularyGivesNoTokenizer) {
  const std::string vocabulary = "1 'a' 2\n";
  int something = 0;
  void* tokenizer = &something;
  skein_message message = {};
  EXPECT_EQ(kWorld.create(nullptr, Data(vocabulary), vocabulary.size(), &tokenizer, &message), SKEIN_DATA_LOSS);
  EXPECT_EQ(tokenizer, nullptr);
  EXPECT_THAT(message.text, HasSubstr("line 1"));
}

TEST(TokenizerTableOwnVocabularyTest, IsWrittenWhereThereIsRoom) {
  uint64_t size = 0;
  skein_message message = {};
  ASSERT_EQ(kWorld.own_vocabulary(nullptr, 0, &size, &message), SKEIN_OUT_OF_RANGE);
  EXPECT_THAT(message.text, HasSubstr("found room for 0"));
  std::vector<uint8_t> vocabulary(size);
  ASSERT_EQ(kWorld.own_vocabulary(vocabulary.data(), size, &size, &message), SKEIN_OK);
  EXPECT_EQ(size, vocabulary.size());
  EXPECT_EQ(tokenizers::WorldTokenizer(vocabulary).vocab_size(), 65530u);
}

TEST(TokenizerTableOwnVocabularyTest, IsLeftOutWhereThereIsNone) {
  EXPECT_EQ(TokenizerTable<tokenizers::BytesTokenizer>::kTable.own_vocabulary, nullptr);
}

}  // namespace
}  // namespace skein::plugin
