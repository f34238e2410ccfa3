#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "support/boundary.h"
#include "tests/unit/plugins/tokenizers/small_bpe.h"
#include "tokenizers/bpe/tokenizer.h"

namespace skein::tokenizers {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

BpeTokenizer Make(const json& definition) { return BpeTokenizer(Bytes(definition.dump())); }

std::vector<uint32_t> Encode(const BpeTokenizer& tokenizer, std::string_view text) {
  std::vector<uint32_t> tokens(tokenizer.Encode(Bytes(text), {}));
  tokenizer.Encode(Bytes(text), tokens);
  return tokens;
}

std::string Decode(const BpeTokenizer& tokenizer, const std::vector<uint32_t>& tokens) {
  std::vector<uint8_t> text(tokenizer.Decode(tokens, {}));
  tokenizer.Decode(tokens, text);
  return std::string(text.begin(), text.end());
}

std::string RandomBytes(std::mt19937& generator, size_t size) {
  std::string bytes;
  while (bytes.size() < size) bytes.push_back(static_cast<char>(generator() % 256));
  return bytes;
}

void ExpectRefused(const std::string& file, int32_t code, const char* what) {
  try {
    const BpeTokenizer tokenizer(Bytes(file));
    ADD_FAILURE() << "accepted; expected: " << what;
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(what));
  }
}

// --- the small vocabulary; ids as Hugging Face `tokenizers` 0.6 for Node gives them for the same file ---

TEST(BpeTokenizerTest, MergesTheLowestRankFirstAndTheLeftmostOfEquals) {
  const BpeTokenizer tokenizer = Make(SmallBpe());
  EXPECT_THAT(Encode(tokenizer, "abc"), ElementsAre(258));
  EXPECT_THAT(Encode(tokenizer, "abcd"), ElementsAre(258, 100));
  EXPECT_THAT(Encode(tokenizer, "bcd"), ElementsAre(259));
  EXPECT_THAT(Encode(tokenizer, "aaa"), ElementsAre(261, 97));
  EXPECT_THAT(Encode(tokenizer, "aaaaa"), ElementsAre(261, 261, 97));
  EXPECT_THAT(Encode(tokenizer, "ab ab"), ElementsAre(256, 260));
  EXPECT_THAT(Encode(tokenizer, ""), ElementsAre());
}

TEST(BpeTokenizerTest, ATokenThatNoMergeMakesIsNotFoundWhole) {
  EXPECT_THAT(Encode(Make(SmallBpe()), "zz"), ElementsAre(122, 122));
}

TEST(BpeTokenizerTest, AddedTokensGoFirstTheLongestFromTheLeft) {
  const BpeTokenizer tokenizer = Make(SmallBpe());
  EXPECT_THAT(Encode(tokenizer, "<|end|>ab"), ElementsAre(262, 256));
  EXPECT_THAT(Encode(tokenizer, "a<|end|"), ElementsAre(97, 60, 124, 101, 110, 100, 124));
  EXPECT_THAT(Encode(tokenizer, "a  b"), ElementsAre(97, 264, 98));
  EXPECT_THAT(Encode(tokenizer, "a   b"), ElementsAre(97, 265, 98));
  EXPECT_THAT(Encode(tokenizer, "a    b"), ElementsAre(97, 265, 32, 98));
  EXPECT_THAT(Encode(tokenizer, "a     b"), ElementsAre(97, 265, 264, 98));
  EXPECT_THAT(Encode(tokenizer, " abc  ab"), ElementsAre(32, 258, 264, 256));
}

TEST(BpeTokenizerTest, NormalisedAddedTokensAreFoundInEitherForm) {
  const BpeTokenizer tokenizer = Make(SmallBpe());
  EXPECT_THAT(Encode(tokenizer, "\u00E9e"), ElementsAre(266));
  EXPECT_THAT(Encode(tokenizer, "e\u0301e"), ElementsAre(266));
}

TEST(BpeTokenizerTest, NormalisingMayGiveMoreTokensThanBytes) {
  EXPECT_THAT(Encode(Make(SmallBpe()), "\u0958"), ElementsAre(224, 164, 149, 224, 164, 188));
}

TEST(BpeTokenizerTest, WithoutNormalizerTextStaysAsItIs) {
  json definition = SmallBpe();
  definition["normalizer"] = nullptr;
  EXPECT_THAT(Encode(Make(definition), "e\u0301"), ElementsAre(101, 204, 129));
}

TEST(BpeTokenizerTest, MergesMayBeWrittenAsPairs) {
  json definition = SmallBpe();
  for (json& merge : definition["model"]["merges"]) {
    const std::string text = merge.get<std::string>();
    const size_t space = text.find(' ');
    merge = {text.substr(0, space), text.substr(space + 1)};
  }
  EXPECT_THAT(Encode(Make(definition), "abcd ab"), ElementsAre(258, 100, 260));
}

TEST(BpeTokenizerTest, SpecialTokensAndGapsDecodeToNothing) {
  json definition = SmallBpe();
  definition["added_tokens"][1]["id"] = 300;
  const BpeTokenizer tokenizer = Make(definition);
  EXPECT_EQ(tokenizer.vocab_size(), 301u);
  EXPECT_EQ(Decode(tokenizer, {258, 262, 290, 300, 256}), "abc  ab");
}

TEST(BpeTokenizerTest, RefusesAnIdOutsideTheVocabularyByItsPlace) {
  try {
    Decode(Make(SmallBpe()), {1, 267});
    FAIL() << "expected an error";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(error.what(), HasSubstr("token 1: expected an id below 267, found 267"));
  }
}

TEST(BpeTokenizerTest, AnyBytesComeBackWhereTheVocabularyHasThem) {
  json definition = SmallBpe();
  definition["normalizer"] = nullptr;
  const BpeTokenizer tokenizer = Make(definition);
  std::mt19937 generator(1);
  for (int round = 0; round < 500; ++round) {
    const std::string text = RandomBytes(generator, generator() % 200);
    EXPECT_EQ(Decode(tokenizer, Encode(tokenizer, text)), text);
  }
}

TEST(BpeTokenizerTest, AByteThatTheVocabularyLacksIsLeftOut) {
  json definition = SmallBpe();
  definition["model"]["vocab"].erase(CharacterOfByte(0xFF));
  const BpeTokenizer tokenizer = Make(definition);
  EXPECT_THAT(Encode(tokenizer,
                     "a\xFF"
                     "b"),
              ElementsAre(97, 98));
}

TEST(BpeTokenizerTest, AMegabyteWithoutASpaceTakesNoTime) {
  const BpeTokenizer tokenizer = Make(SmallBpe());
  const std::string text(1 << 20, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Encode(tokenizer, text), std::vector<uint32_t>(text.size() / 2, 261));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));  // quadratic: hours
}

// --- files that are not supported, or damaged ---

TEST(BpeDefinitionTest, IsRecognisedByItsKeys) {
  EXPECT_EQ(BpeTokenizer::Probe(Bytes(SmallBpe().dump())), 90u);
  EXPECT_EQ(BpeTokenizer::Probe(Bytes(" {\n \"model\": {\"type\": \"Unigram\"}}")), 90u);
  EXPECT_EQ(BpeTokenizer::Probe(Bytes("1 'model' 5\n")), 0u);
  EXPECT_EQ(BpeTokenizer::Probe(Bytes("{\"format\": \"pt\"}")), 0u);
  EXPECT_EQ(BpeTokenizer::Probe({}), 0u);
}

TEST(BpeDefinitionTest, AByteOrderMarkInFrontIsSkipped) {
  const std::string file = "\xEF\xBB\xBF" + SmallBpe().dump();
  EXPECT_EQ(BpeTokenizer::Probe(Bytes(file)), 90u);
  EXPECT_THAT(Encode(BpeTokenizer(Bytes(file)), "abcd"), ElementsAre(258, 100));
}

TEST(BpeDefinitionTest, WhatWouldEncodeDifferentlyIsRefusedByName) {
  const std::vector<std::tuple<const char*, json, const char*>> changes = {
      {"/model/type", "WordPiece", "model \"WordPiece\""},
      {"/model/type", "Unigram", "model \"Unigram\""},
      {"/model/dropout", 0.1, "model.dropout"},
      {"/model/ignore_merges", true, "model.ignore_merges"},
      {"/model/end_of_word_suffix", "</w>", "model.end_of_word_suffix"},
      {"/model/continuing_subword_prefix", "##", "model.continuing_subword_prefix"},
      {"/pre_tokenizer", nullptr, "pre_tokenizer \"\""},
      {"/pre_tokenizer/type", "Metaspace", "pre_tokenizer \"Metaspace\""},
      {"/pre_tokenizer/type", "Sequence", "pre_tokenizer \"Sequence\""},
      {"/pre_tokenizer/add_prefix_space", true, "pre_tokenizer.add_prefix_space"},
      {"/pre_tokenizer/use_regex", false, "pre_tokenizer.use_regex"},
      {"/normalizer/type", "NFKC", "normalizer \"NFKC\""},
      {"/decoder/type", "WordPiece", "decoder \"WordPiece\""},
      {"/added_tokens/0/lstrip", true, "added_tokens[0].lstrip"},
      {"/added_tokens/1/single_word", true, "added_tokens[1].single_word"},
  };
  for (const auto& [path, value, what] : changes) {
    json definition = SmallBpe();
    definition[json::json_pointer(path)] = value;
    ExpectRefused(definition.dump(), SKEIN_UNIMPLEMENTED, what);
  }
}

TEST(BpeDefinitionTest, DamageIsNamedWithItsPlace) {
  const std::vector<std::tuple<const char*, json, const char*>> changes = {
      {"/model", 7, "model: expected an object, found number"},
      {"/model/vocab", json::array(), "model.vocab: expected an object, found array"},
      {"/model/vocab/ab", 255, "id 255 is that of another token as well"},
      {"/model/vocab/ab", -1, "model.vocab[\"ab\"]: expected an id below"},
      {"/model/vocab/ab", uint64_t{1} << 40, "model.vocab[\"ab\"]: expected an id below"},
      {"/model/vocab/ab", "1", "model.vocab[\"ab\"]: expected an id below"},
      {"/model/merges", 0, "model.merges: expected an array"},
      {"/model/merges/2", "abc", "model.merges[2]: expected two tokens"},
      {"/model/merges/2", "a b c", "model.merges[2]: expected two tokens"},
      {"/model/merges/2", json::array({"a"}), "model.merges[2]: expected two tokens"},
      {"/model/merges/2", "a q", "model.merges[2]: \"aq\" is not in the vocabulary"},
      {"/model/merges/2", "\u65E5 a", "model.merges[2]: \"\u65E5\" is not in the vocabulary"},
      {"/added_tokens", "x", "added_tokens: expected an array"},
      {"/added_tokens/0/id", 5, "added_tokens[0]: expected id 262"},
      {"/added_tokens/1/id", 5, "added_tokens[1]: id 5 is that of a token of the vocabulary"},
      {"/added_tokens/2/id", 264, "added_tokens[2]: its id or its content"},
      {"/added_tokens/1/content", "", "added_tokens[1].content: expected a text"},
      {"/added_tokens/1/special", 1, "added_tokens[1].special: expected true or false"},
      {"/normalizer", "NFC", "normalizer: expected an object"},
  };
  for (const auto& [path, value, what] : changes) {
    json definition = SmallBpe();
    definition[json::json_pointer(path)] = value;
    ExpectRefused(definition.dump(), SKEIN_DATA_LOSS, what);
  }
  ExpectRefused("", SKEIN_DATA_LOSS, "not well-formed JSON");
  ExpectRefused("[]", SKEIN_DATA_LOSS, "expected an object, found array");
}

TEST(BpeDefinitionHostileTest, DeepNestingIsRefused) {
  ExpectRefused(std::string(1 << 20, '['), SKEIN_DATA_LOSS, "nested");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"model\":";
  ExpectRefused(objects, SKEIN_DATA_LOSS, "nested");
}

TEST(BpeDefinitionHostileTest, ATruncatedFileIsRefused) {
  const std::string file = SmallBpe().dump();
  for (size_t size = 0; size < file.size(); size += 7) ExpectRefused(file.substr(0, size), SKEIN_DATA_LOSS, "JSON");
}

TEST(BpeDefinitionHostileTest, FlippedBitsAreRefusedOrGiveATokenizerThatWorks) {
  const std::string file = SmallBpe().dump();
  std::mt19937 generator(3);
  for (int round = 0; round < 3000; ++round) {
    std::string flipped = file;
    const size_t bit = generator() % (file.size() * 8);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    try {
      const BpeTokenizer tokenizer(Bytes(flipped));
      Decode(tokenizer, Encode(tokenizer, "abcd  e\u0301e <|end|> zz\xFF"));
    } catch (const plugin::Error& error) {
      EXPECT_THAT(error.code(), testing::AnyOf(SKEIN_DATA_LOSS, SKEIN_UNIMPLEMENTED)) << error.what();
    }
  }
}

// --- GPT-NeoX's published file ---

class NeoxTokenizerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* folder = std::getenv("SKEIN_TEST_DATA");
    if (folder == nullptr) return;
    std::ifstream stream(std::string(folder) + "/tokenizers/20B_tokenizer.json", std::ios::binary);
    const std::string file(std::istreambuf_iterator<char>(stream), {});
    ASSERT_EQ(BpeTokenizer::Probe(Bytes(file)), 90u);
    tokenizer_ = new BpeTokenizer(Bytes(file));
  }
  static void TearDownTestSuite() { delete tokenizer_; }
  void SetUp() override {
    if (tokenizer_ == nullptr) GTEST_SKIP() << "SKEIN_TEST_DATA is not set: 20B_tokenizer.json is not at hand";
  }

  static inline BpeTokenizer* tokenizer_ = nullptr;
};

TEST_F(NeoxTokenizerTest, HasIdsBelow50277) { EXPECT_EQ(tokenizer_->vocab_size(), 50277u); }

// bpe_20b_cases.jsonl: one text and its ids a line, as Hugging Face `tokenizers` (the Rust library, through the package
// @anush008/tokenizers 0.6.0) encodes it with this file and without added special tokens.
TEST_F(NeoxTokenizerTest, AgreesWithHuggingFaceTokenizers) {
  std::ifstream cases(std::string(SKEIN_TESTS_DIR) + "/unit/plugins/tokenizers/bpe_20b_cases.jsonl");
  size_t num_cases = 0;
  for (std::string line; std::getline(cases, line); ++num_cases) {
    const json entry = json::parse(line);
    EXPECT_EQ(Encode(*tokenizer_, entry.at("text").get<std::string>()), entry.at("ids").get<std::vector<uint32_t>>())
        << line;
  }
  EXPECT_GT(num_cases, 80u);
}

TEST_F(NeoxTokenizerTest, TextInFormCComesBackExactly) {
  for (const char* text : {"Hello, world!\n\n", "   \t\r\n  x    y", "caf\u00E9 \u65E5\u672C \U0001F600",
                           "cut \xE2\x82", "\x80\xBF\xED\xA0\x80 surrogate"}) {
    EXPECT_EQ(Decode(*tokenizer_, Encode(*tokenizer_, text)), text);
  }
}

TEST_F(NeoxTokenizerTest, BytesThatUtf8NeverHasAreLeftOut) {
  EXPECT_EQ(Decode(*tokenizer_, Encode(*tokenizer_, "a\xFF\xC0 b\xC1\x80\xF5\xF4")), "a b\x80\xF4");
}

}  // namespace
}  // namespace skein::tokenizers
