#include "sampling/logit_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(LogitBlocksTest, FindsTheMaximumWhereverItIs) {
  for (const size_t size : {1, 63, 64, 65, 200}) {
    for (size_t at = 0; at < size; ++at) {
      std::vector<float> logits(size, -3.0f);
      logits[at] = -1.0f;
      LogitBlocks blocks;
      blocks.Assign(logits);
      ASSERT_TRUE(blocks.Summarise().ok());
      ASSERT_EQ(blocks.max(), -1.0f) << "size " << size << ", at " << at;
    }
  }
}

TEST(LogitBlocksTest, VisitsOnlyBlocksThatReachTheFloor) {
  std::vector<float> logits(3 * LogitBlocks::kBlockSize, 0.0f);
  logits[LogitBlocks::kBlockSize + 5] = 2.0f;
  LogitBlocks blocks;
  blocks.Assign(logits);
  ASSERT_TRUE(blocks.Summarise().ok());
  std::vector<uint32_t> visited;
  blocks.ForEachBlockFrom(2.0f, [&](uint32_t first_token, absl::Span<const float>) { visited.push_back(first_token); });
  EXPECT_THAT(visited, testing::ElementsAre(LogitBlocks::kBlockSize));
}

TEST(LogitBlocksTest, AChangeMovesTheExtremes) {
  std::vector<float> logits(200, 1.0f);
  logits[150] = 3.0f;
  LogitBlocks blocks;
  blocks.Assign(logits);
  blocks.Add(150, -2.5f);
  blocks.Add(70, 1.0f);
  blocks.Add(71, 2.0f);
  blocks.Add(70, 0.5f);
  blocks.Add(200, 9.0f);  // no token
  ASSERT_TRUE(blocks.Summarise().ok());
  EXPECT_EQ(blocks.max(), 3.0f);
  EXPECT_EQ(blocks.min(), 0.5f);
  EXPECT_EQ(blocks.logits()[70], 2.5f);
  EXPECT_EQ(blocks.NumBlocksFrom(2.0f), 1u);
}

TEST(LogitBlocksTest, ThePaddingIsNoMinimum) {
  LogitBlocks blocks;
  blocks.Assign(std::vector<float>(70, 1.0f));
  ASSERT_TRUE(blocks.Summarise().ok());
  EXPECT_EQ(blocks.min(), 1.0f);
}

TEST(LogitBlocksTest, AShorterRowForgetsTheLonger) {
  LogitBlocks blocks;
  blocks.Assign(std::vector<float>(100, 5.0f));
  blocks.Assign(std::vector<float>(70, 1.0f));
  ASSERT_TRUE(blocks.Summarise().ok());
  EXPECT_EQ(blocks.max(), 1.0f);
  EXPECT_EQ(blocks.logits().size(), 70u);
}

TEST(LogitBlocksTest, RefusesNaNNamingTheToken) {
  for (const size_t at : {0, 17, 64, 99}) {
    std::vector<float> logits(100, 0.0f);
    logits[at] = std::numeric_limits<float>::quiet_NaN();
    LogitBlocks blocks;
    blocks.Assign(logits);
    const absl::Status status = blocks.Summarise();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("token " + std::to_string(at) + ":"));
  }
}

TEST(LogitBlocksTest, RefusesPlusInfinity) {
  LogitBlocks blocks;
  blocks.Assign({0.0f, kInfinity});
  const absl::Status status = blocks.Summarise();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("token 1:"));
}

TEST(LogitBlocksTest, RefusesARowWithNothingToDraw) {
  LogitBlocks blocks;
  blocks.Assign({-kInfinity, -kInfinity});
  EXPECT_EQ(blocks.Summarise().code(), absl::StatusCode::kFailedPrecondition);
  blocks.Assign({});
  EXPECT_EQ(blocks.Summarise().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace skein
