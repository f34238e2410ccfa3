#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string_view>
#include <vector>

#include "support/boundary.h"
#include "tokenizers/bytes/tokenizer.h"

namespace skein::tokenizers {
namespace {

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(BytesTokenizerTest, RecognisesItsNameAlone) {
  EXPECT_EQ(BytesTokenizer::Probe(Bytes("bytes")), 100u);
  for (const char* other : {"", "byte", "bytes\n", "Bytes", "1 'a' 1\n"}) {
    EXPECT_EQ(BytesTokenizer::Probe(Bytes(other)), 0u) << other;
  }
}

TEST(BytesTokenizerTest, IsMadeFromItsNameOrFromNothing) {
  EXPECT_EQ(BytesTokenizer(Bytes("bytes")).vocab_size(), 256u);
  EXPECT_EQ(BytesTokenizer({}).vocab_size(), 256u);
  try {
    const BytesTokenizer tokenizer(Bytes("bites"));
    FAIL() << "expected an error";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_INVALID_ARGUMENT);
  }
}

TEST(BytesTokenizerTest, EveryByteIsItsOwnId) {
  const BytesTokenizer tokenizer({});
  std::vector<uint8_t> text(256);
  std::iota(text.begin(), text.end(), uint8_t{0});
  std::vector<uint32_t> tokens(256);
  ASSERT_EQ(tokenizer.Encode(text, tokens), 256u);
  for (uint32_t i = 0; i < 256; ++i) EXPECT_EQ(tokens[i], i);
  std::vector<uint8_t> decoded(256);
  ASSERT_EQ(tokenizer.Decode(tokens, decoded), 256u);
  EXPECT_EQ(decoded, text);
}

TEST(BytesTokenizerTest, WritesNothingWithoutRoomForAll) {
  const BytesTokenizer tokenizer({});
  std::vector<uint32_t> tokens(2, 7);
  EXPECT_EQ(tokenizer.Encode(Bytes("abc"), tokens), 3u);
  EXPECT_THAT(tokens, testing::ElementsAre(7, 7));
  std::vector<uint8_t> text(2, 7);
  EXPECT_EQ(tokenizer.Decode(std::vector<uint32_t>{1, 2, 3}, text), 3u);
  EXPECT_THAT(text, testing::ElementsAre(7, 7));
}

TEST(BytesTokenizerTest, RefusesAnIdAbove255ByItsPlace) {
  try {
    BytesTokenizer({}).Decode(std::vector<uint32_t>{65, 256}, {});
    FAIL() << "expected an error";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(error.what(), testing::HasSubstr("token 1: expected an id below 256, found 256"));
  }
}

}  // namespace
}  // namespace skein::tokenizers
