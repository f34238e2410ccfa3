#include "serving/embed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "skein/score.h"
#include "tests/unit/serving/serving_harness.h"

namespace skein {
namespace {

using test::FakeStepRunner;
using testing::HasSubstr;

constexpr uint32_t kSize = FakeStepRunner::kHiddenSize;

class EmbedTest : public test::ServingTest {
 protected:
  // The embedding of one item, or its error.
  absl::StatusOr<std::vector<float>> EmbedOne(EmbedItem item) {
    std::vector<float> embedding(kSize, 1e9f);
    item.embedding = absl::MakeSpan(embedding);
    std::vector<absl::StatusOr<EmbedItem>> items = {item};
    const absl::Status status = Embed(model_, absl::MakeSpan(items))[0];
    if (!status.ok()) return status;
    return embedding;
  }
};

TEST_F(EmbedTest, LastIsTheRowBehindTheLastToken) {
  const std::vector<uint32_t> tokens(150, 3);
  const auto embedding = EmbedOne({.tokens = tokens});
  ASSERT_TRUE(embedding.ok()) << embedding.status();
  EXPECT_EQ(*embedding, FakeStepRunner::Hidden(tokens));
}

TEST_F(EmbedTest, MeanIsOverTheTokensOfTheTextAlone) {
  const auto stream = NewStream();
  const std::vector<uint32_t> written = Run(NewRequest(stream, {1, 2}, 1)).tokens;  // it stays pending
  const std::vector<uint32_t> tokens = {10, 20, 60};
  const auto embedding = EmbedOne({.stream = stream, .tokens = tokens, .pooling = SKEIN_POOLING_MEAN});
  ASSERT_TRUE(embedding.ok()) << embedding.status();
  EXPECT_FLOAT_EQ((*embedding)[0], 5.0f) << "the mean of 4, 5 and 6 tokens";
  EXPECT_FLOAT_EQ((*embedding)[1], 30.0f);
  EXPECT_EQ((*embedding)[2], 0.0f);
  EXPECT_EQ(stream->Committed().position, 2u);
}

TEST_F(EmbedTest, LengthIsOneIfThatIsWished) {
  const std::vector<uint32_t> tokens = {1, 2, 4};
  for (const uint32_t pooling : {SKEIN_POOLING_LAST, SKEIN_POOLING_MEAN}) {
    const auto plain = EmbedOne({.tokens = tokens, .pooling = pooling});
    const auto embedding = EmbedOne({.tokens = tokens, .pooling = pooling, .normalise = true});
    ASSERT_TRUE(embedding.ok()) << embedding.status();
    const double length = std::hypot((*plain)[0], (*plain)[1]);
    EXPECT_NEAR((*embedding)[0], (*plain)[0] / length, 1e-6);
    EXPECT_NEAR((*embedding)[1], (*plain)[1] / length, 1e-6);
  }
}

TEST_F(EmbedTest, TextIsEncodedByTheModelsTokenizer) {
  const auto of_text = EmbedOne({.text = "ab"});
  ASSERT_TRUE(of_text.ok()) << of_text.status();
  EXPECT_EQ(*of_text, FakeStepRunner::Hidden({'a', 'b'}));
}

TEST_F(EmbedTest, ManyTextsShareSteps) {
  std::vector<std::vector<uint32_t>> tokens;
  std::vector<std::vector<float>> embeddings(20, std::vector<float>(kSize));
  std::vector<absl::StatusOr<EmbedItem>> items;
  for (uint32_t i = 0; i < 20; ++i) tokens.push_back(std::vector<uint32_t>(i % 5 + 1, i));
  for (uint32_t i = 0; i < 20; ++i) {
    items.push_back(EmbedItem{.tokens = tokens[i], .embedding = absl::MakeSpan(embeddings[i])});
  }
  const std::vector<absl::Status> statuses = Embed(model_, absl::MakeSpan(items));
  for (uint32_t i = 0; i < 20; ++i) {
    EXPECT_TRUE(statuses[i].ok()) << statuses[i];
    EXPECT_EQ(embeddings[i], FakeStepRunner::Hidden(tokens[i]));
    EXPECT_EQ(items[i]->num_read, tokens[i].size());
  }
  EXPECT_LT(num_steps_, 15);
}

TEST_F(EmbedTest, BadItemsAreRefusedByName) {
  const std::vector<uint32_t> tokens = {1};
  EXPECT_THAT(std::string(EmbedOne({.text = ""}).status().message()), HasSubstr("at least one token"));
  EXPECT_THAT(std::string(EmbedOne({.tokens = tokens, .pooling = 2}).status().message()), HasSubstr("pooling 2"));
  const std::vector<uint32_t> outside = {1, 300};
  EXPECT_THAT(std::string(EmbedOne({.tokens = outside}).status().message()), HasSubstr("token 1 is 300"));
  std::vector<float> small(kSize - 1);
  std::vector<absl::StatusOr<EmbedItem>> items = {EmbedItem{.tokens = tokens, .embedding = absl::MakeSpan(small)}};
  EXPECT_TRUE(absl::IsOutOfRange(Embed(model_, absl::MakeSpan(items))[0]));
}

}  // namespace
}  // namespace skein
