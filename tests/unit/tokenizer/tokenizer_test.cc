#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tokenizers/bytes/tokenizer.h"
#include "tokenizers/table.h"
#include "tokenizers/world/tokenizer.h"

namespace skein {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kWorldVocabulary[] = "1 'a' 1\n2 'b' 1\n3 'ab' 2\n";

std::vector<TokenizerPlugin> Plugins() {
  return {{"bytes", &plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable},
          {"world", &plugin::TokenizerTable<tokenizers::WorldTokenizer>::kTable}};
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Create(const std::vector<TokenizerPlugin>& plugins,
                                                        const std::string& kind, const std::string& vocabulary) {
  const skein_host host = {};
  const auto* bytes = reinterpret_cast<const uint8_t*>(vocabulary.data());
  return Tokenizer::Create(plugins, host, kind, absl::MakeConstSpan(bytes, vocabulary.size()), "vocab.txt");
}

TEST(TokenizerTest, TakesThePluginThatRecognisesTheVocabulary) {
  const auto world = Create(Plugins(), "", kWorldVocabulary);
  ASSERT_TRUE(world.ok()) << world.status();
  EXPECT_EQ((*world)->kind(), "world");
  EXPECT_EQ((*world)->vocab_size(), 4u);
  const auto bytes = Create(Plugins(), "", "bytes");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ((*bytes)->kind(), "bytes");
  EXPECT_EQ((*bytes)->vocab_size(), 256u);
}

TEST(TokenizerTest, TakesTheNamedPlugin) {
  const auto bytes = Create(Plugins(), "bytes", "");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ((*bytes)->kind(), "bytes");
}

TEST(TokenizerTest, EncodesAndDecodes) {
  const auto tokenizer = Create(Plugins(), "world", kWorldVocabulary);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto tokens = (*tokenizer)->Encode("aabb");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_THAT(*tokens, ElementsAre(1, 3, 2));
  const auto text = (*tokenizer)->Decode(*tokens);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "aabb");
  EXPECT_TRUE((*tokenizer)->Encode("")->empty());
  EXPECT_EQ(*(*tokenizer)->Decode({}), "");
}

TEST(TokenizerTest, DecodesTokensThatAreLongerThanItGuesses) {
  const std::string token(300, 'x');
  const auto tokenizer = Create(Plugins(), "world", "1 '" + token + "' 300\n");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ(*(*tokenizer)->Decode({1, 1}), token + token);
}

// Like vocabularies that normalise text.
TEST(TokenizerTest, EncodesTextThatGivesMoreTokensThanBytes) {
  skein_tokenizer_table table = plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable;
  table.encode = [](void*, const uint8_t* text, uint64_t text_bytes, uint32_t* tokens, uint64_t capacity,
                    uint64_t* count, skein_message*) {
    *count = 2 * text_bytes;
    if (capacity < *count) return int32_t{SKEIN_OUT_OF_RANGE};
    for (uint64_t i = 0; i < *count; ++i) tokens[i] = text[i / 2];
    return int32_t{SKEIN_OK};
  };
  const auto tokenizer = Create({{"odd", &table}}, "odd", "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const auto tokens = (*tokenizer)->Encode("ab");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_THAT(*tokens, ElementsAre('a', 'a', 'b', 'b'));
}

TEST(TokenizerTest, AKindThatIsNotLoadedIsNotFound) {
  const absl::Status status = Create(Plugins(), "bpe", kWorldVocabulary).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("vocab.txt: expected tokenizer plugin \"bpe\""));
  EXPECT_THAT(std::string(status.message()), HasSubstr("bytes, world"));
}

TEST(TokenizerTest, AnUnknownVocabularyListsThePluginsAsked) {
  const absl::Status status = Create(Plugins(), "", "{ \"model\": 1 }").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bytes, world"));
  EXPECT_THAT(std::string(Create({}, "", "bytes").status().message()), HasSubstr("plugins: none"));
}

TEST(TokenizerTest, ADamagedVocabularyIsDataLossWithPathAndLine) {
  const absl::Status status = Create(Plugins(), "", "1 'a' 1\n2 'b' 1\n3 'ab' 3\n").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("vocab.txt: world: vocabulary line 3"));
}

TEST(TokenizerTest, TextInUtf16IsNamed) {
  for (const std::string mark : {"\xFF\xFE", "\xFE\xFF"}) {
    EXPECT_THAT(std::string(Create(Plugins(), "", mark + "1").status().message()), HasSubstr("found text in UTF-16"));
  }
}

TEST(TokenizerTest, KnowsItsOriginAndPlace) {
  const skein_host host = {};
  const auto tokenizer = Tokenizer::Create(Plugins(), host, "bytes", {}, "a/b", VocabularyOrigin::kBeside);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->origin(), VocabularyOrigin::kBeside);
  EXPECT_EQ((*tokenizer)->where(), "a/b");
}

TEST(VocabularyNameTest, IsKnownToThePluginThatCarriesIt) {
  EXPECT_EQ(FindVocabularyName(Plugins(), "world")->id, "world");
  EXPECT_EQ(FindVocabularyName(Plugins(), "bytes")->id, "bytes");
  for (const char* other : {"", "bpe", "./world", "world.txt", "1 'a' 1"}) {
    EXPECT_FALSE(FindVocabularyName(Plugins(), other).has_value()) << other;
  }
}

TEST(OwnVocabularyTest, IsAFileThatGivesTheTokenizerAgain) {
  const auto vocabulary = OwnVocabulary(Plugins()[1]);
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  const auto tokenizer = Create(Plugins(), "world", *vocabulary);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocab_size(), 65530u);
  EXPECT_EQ(*OwnVocabulary(Plugins()[0]), "");
}

TEST(OwnVocabularyTest, OfAnOlderOrLyingPluginIsRefused) {
  skein_tokenizer_table table = plugin::TokenizerTable<tokenizers::WorldTokenizer>::kTable;
  table.struct_size = offsetof(skein_tokenizer_table, own_vocabulary);
  EXPECT_EQ(*OwnVocabulary({"old", &table}), "");
  table.struct_size = sizeof(table);
  table.own_vocabulary = [](uint8_t*, uint64_t capacity, uint64_t* size_bytes, skein_message*) {
    *size_bytes = capacity + 1;
    return int32_t{SKEIN_OK};
  };
  EXPECT_TRUE(absl::IsInternal(OwnVocabulary({"odd", &table}).status()));
  table.own_vocabulary = [](uint8_t*, uint64_t, uint64_t* size_bytes, skein_message*) {
    *size_bytes = UINT64_MAX;
    return int32_t{SKEIN_OUT_OF_RANGE};
  };
  EXPECT_TRUE(absl::IsInternal(OwnVocabulary({"odd", &table}).status()));
}

TEST(TokenizerTest, ErrorsOfThePluginKeepTheirCode) {
  const auto tokenizer = Create(Plugins(), "world", kWorldVocabulary);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const absl::Status encode = (*tokenizer)->Encode("abx").status();
  EXPECT_EQ(encode.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(encode.message()), HasSubstr("byte 2"));
  EXPECT_EQ((*tokenizer)->Decode({4}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TokenizerTest, ATableWithoutAFunctionIsRefusedByName) {
  skein_tokenizer_table table = plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable;
  table.decode = nullptr;
  const absl::Status status = Create({{"odd", &table}}, "odd", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("decode"));
}

TEST(TokenizerTest, AShortTableIsNotReadPastItsEnd) {
  skein_tokenizer_table table = plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable;
  table.struct_size = offsetof(skein_tokenizer_table, encode);
  const absl::Status status = Create({{"odd", &table}}, "", "bytes").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("has 40 bytes; expected at least 56, up to decode"));
}

TEST(TokenizerTest, APluginThatClaimsMoreThanThereIsRoomForIsADefect) {
  skein_tokenizer_table table = plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable;
  table.encode = [](void*, const uint8_t*, uint64_t, uint32_t*, uint64_t, uint64_t* count, skein_message*) {
    *count = 1000;
    return int32_t{SKEIN_OK};
  };
  table.decode = [](void*, const uint32_t*, uint64_t, uint8_t*, uint64_t, uint64_t* size, skein_message*) {
    *size = ~uint64_t{0};
    return int32_t{SKEIN_OUT_OF_RANGE};
  };
  const auto tokenizer = Create({{"odd", &table}}, "odd", "");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->Encode("abc").status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ((*tokenizer)->Decode({1}).status().code(), absl::StatusCode::kInternal);
}

TEST(TokenizerTest, AMessageWithoutItsEndIsCut) {
  skein_tokenizer_table table = plugin::TokenizerTable<tokenizers::BytesTokenizer>::kTable;
  table.create = [](const skein_host*, const uint8_t*, uint64_t, void**, skein_message* message) {
    std::memset(message->text, 'x', sizeof(message->text));
    return int32_t{SKEIN_DATA_LOSS};
  };
  const absl::Status status = Create({{"odd", &table}}, "odd", "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(std::string(status.message()), "vocab.txt: odd: " + std::string(sizeof(skein_message), 'x'));
}

}  // namespace
}  // namespace skein
