#include "sampling/log_probability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace skein {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> RandomLogits(size_t size, float spread, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(-3.0f, spread);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

double SumInFloat64(const std::vector<float>& logits) {
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  return std::log(sum);
}

TEST(LogSumExpTest, AgreesWithFloat64ForAnyLength) {
  for (const size_t size : {1, 7, 63, 64, 65, 256, 1000, 65536}) {
    const std::vector<float> logits = RandomLogits(size, 4.0f, static_cast<uint32_t>(size));
    const absl::StatusOr<double> sum = LogSumExp(logits);
    ASSERT_TRUE(sum.ok()) << sum.status();
    EXPECT_NEAR(*sum, SumInFloat64(logits), 2e-6) << size;
  }
}

TEST(LogSumExpTest, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {1000.0f, 1000.0f, -1000.0f};
  EXPECT_NEAR(*LogSumExp(logits), 1000.0 + std::log(2.0), 1e-6);
}

TEST(LogSumExpTest, TokensThatCannotBeDrawnCountNothing) {
  std::vector<float> logits(100, -kInfinity);
  logits[70] = 2.0f;
  EXPECT_NEAR(*LogSumExp(logits), 2.0, 1e-6);
}

TEST(LogSumExpTest, WhatNoSoundModelGivesIsNamed) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), kInfinity}) {
    for (const size_t at : {5, 129}) {  // in a whole block, and behind the last one
      std::vector<float> logits(130, 0.0f);
      logits[at] = bad;
      const absl::Status status = LogSumExp(logits).status();
      EXPECT_TRUE(absl::IsDataLoss(status));
      EXPECT_THAT(std::string(status.message()), HasSubstr("token " + std::to_string(at)));
    }
  }
  EXPECT_TRUE(absl::IsDataLoss(LogSumExp(std::vector<float>(70, -kInfinity)).status()));
}

TEST(FindTopLogprobsTest, FallsAndPutsTheLowerIdFirst) {
  const std::vector<float> logits = {1, 3, 2, 3, 0};
  const double sum = *LogSumExp(logits);
  std::vector<TokenLogprob> top(3);
  FindTopLogprobs(logits, sum, absl::MakeSpan(top));
  EXPECT_THAT(top,
              ElementsAre(TokenLogprob{1, static_cast<float>(3 - sum)}, TokenLogprob{3, static_cast<float>(3 - sum)},
                          TokenLogprob{2, static_cast<float>(2 - sum)}));
}

TEST(FindTopLogprobsTest, AgreesWithASort) {
  std::vector<float> logits = RandomLogits(5000, 2.0f, 3);
  for (float& logit : logits) logit = std::round(logit * 4) / 4;  // many equals
  std::vector<uint32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
  for (const size_t count : {1, 2, 64}) {
    std::vector<TokenLogprob> top(count);
    FindTopLogprobs(logits, 0, absl::MakeSpan(top));
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(top[i].token, order[i]) << i;
      EXPECT_EQ(top[i].logprob, logits[order[i]]) << i;
    }
  }
}

TEST(FindTopLogprobsTest, AsManyAsThereAre) {
  const std::vector<float> logits = {-kInfinity, 1, -kInfinity};
  std::vector<TokenLogprob> top(3);
  FindTopLogprobs(logits, 1, absl::MakeSpan(top));
  EXPECT_THAT(top, ElementsAre(TokenLogprob{1, 0}, TokenLogprob{0, -kInfinity}, TokenLogprob{2, -kInfinity}));
}

}  // namespace
}  // namespace skein
