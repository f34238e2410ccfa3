#include "sampling/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace skein {
namespace {

using testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

LogitBlocks Blocks(const std::vector<float>& logits) {
  LogitBlocks blocks;
  blocks.Assign(logits);
  EXPECT_TRUE(blocks.Summarise().ok());
  return blocks;
}

// Logits of the given probabilities.
LogitBlocks FromProbabilities(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return Blocks(logits);
}

std::vector<uint32_t> Kept(const LogitBlocks& logits, Cutoff cutoff) {
  Candidates candidates;
  KeepCandidates(logits, cutoff, logits.logits().data(), candidates);
  std::vector<uint32_t> tokens;
  for (size_t i = 0; i < candidates.values().size(); ++i) {
    tokens.push_back(candidates.TokenAt(i));
    EXPECT_EQ(candidates.values()[i], logits.logits()[tokens.back()]);
  }
  return tokens;
}

std::vector<uint32_t> TopK(const LogitBlocks& logits, uint64_t top_k) {
  FilterScratch scratch;
  return Kept(logits, TopKCutoff(logits, top_k, -kInfinity, scratch));
}

std::vector<uint32_t> TopP(const LogitBlocks& logits, double top_p) {
  FilterScratch scratch;
  return Kept(logits, TopPCutoff(logits, top_p, -kInfinity, scratch));
}

std::vector<uint32_t> MinP(const LogitBlocks& logits, double min_p) { return Kept(logits, MinPCutoff(logits, min_p)); }

// 0.05 0.5 0.15 0.3
const LogitBlocks& Four() {
  static const LogitBlocks& blocks = *new LogitBlocks(FromProbabilities({0.05, 0.5, 0.15, 0.3}));
  return blocks;
}

TEST(TopKTest, KeepsTheMostProbable) {
  EXPECT_THAT(TopK(Four(), 1), ElementsAre(1));
  EXPECT_THAT(TopK(Four(), 2), ElementsAre(1, 3));
  EXPECT_THAT(TopK(Four(), 3), ElementsAre(1, 2, 3));
}

TEST(TopKTest, ZeroAndTheWholeVocabularyKeepAll) {
  EXPECT_THAT(TopK(Four(), 0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(TopK(Four(), 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(TopK(Four(), ~uint64_t{0}), ElementsAre(0, 1, 2, 3));
}

TEST(TopKTest, OfEqualsKeepsTheLowestIds) {
  EXPECT_THAT(TopK(Blocks({1, 2, 1, 1, 3}), 3), ElementsAre(0, 1, 4));
  EXPECT_THAT(TopK(Blocks(std::vector<float>(100, 0.5f)), 2), ElementsAre(0, 1));
}

TEST(TopKTest, KeepsNoBannedTokenToReachItsNumber) {
  EXPECT_THAT(TopK(Blocks({-kInfinity, 0, -kInfinity, -kInfinity, 1}), 3), ElementsAre(1, 4));
}

TEST(TopPTest, KeepsTheSmallestSetWithTheMass) {
  EXPECT_THAT(TopP(Four(), 0.3), ElementsAre(1));
  EXPECT_THAT(TopP(Four(), 0.51), ElementsAre(1, 3));
  EXPECT_THAT(TopP(Four(), 0.79), ElementsAre(1, 3));
  EXPECT_THAT(TopP(Four(), 0.81), ElementsAre(1, 2, 3));
  EXPECT_THAT(TopP(Four(), 0.96), ElementsAre(0, 1, 2, 3));
}

TEST(TopPTest, OneAndAboveKeepAll) {
  const LogitBlocks logits = Blocks({0, -80, -200, 1});
  EXPECT_THAT(TopP(logits, 1.0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(TopP(logits, 7.0), ElementsAre(0, 1, 2, 3));
}

TEST(TopPTest, KeepsTiesWithTheCutoff) {
  EXPECT_THAT(TopP(FromProbabilities({0.2, 0.4, 0.2, 0.2}), 0.5), ElementsAre(0, 1, 2, 3));
}

TEST(TopPTest, ZeroKeepsTheMaximumAndItsEquals) {
  EXPECT_THAT(TopP(Four(), 0), ElementsAre(1));
  EXPECT_THAT(TopP(Blocks({2, 1, 2}), 0), ElementsAre(0, 2));
}

TEST(TopPTest, MassIsOfTheWholeDistributionAndNotOfTheLikelyPart) {
  // One token has 0.2, and 800 have 0.001 each, six nats below it.
  std::vector<double> probabilities(801, 0.001);
  probabilities[400] = 0.2;
  const LogitBlocks logits = FromProbabilities(probabilities);
  EXPECT_THAT(TopP(logits, 0.19), ElementsAre(400));
  EXPECT_EQ(TopP(logits, 0.21).size(), 801u);  // ties stay
}

TEST(MinPTest, KeepsAShareOfTheMostProbable) {
  EXPECT_THAT(MinP(Four(), 0.0), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(MinP(Four(), 0.2), ElementsAre(1, 2, 3));
  EXPECT_THAT(MinP(Four(), 0.5), ElementsAre(1, 3));
  EXPECT_THAT(MinP(Four(), 0.7), ElementsAre(1));
}

TEST(MinPTest, OneKeepsTheMaximumAndItsEquals) { EXPECT_THAT(MinP(Blocks({2, 1, 2}), 1), ElementsAre(0, 2)); }

TEST(StricterTest, KeepsWhatBothKeep) {
  const LogitBlocks logits = Blocks({1, 2, 1, 1, 3});
  FilterScratch scratch;
  const Cutoff three = TopKCutoff(logits, 3, -kInfinity, scratch);
  EXPECT_THAT(Kept(logits, Stricter(three, {1.0f, Cutoff::kAllTies})), ElementsAre(0, 1, 4));
  EXPECT_THAT(Kept(logits, Stricter({1.0f, Cutoff::kAllTies}, three)), ElementsAre(0, 1, 4));
  EXPECT_THAT(Kept(logits, Stricter(three, {2.0f, Cutoff::kAllTies})), ElementsAre(1, 4));
  EXPECT_THAT(Kept(logits, Stricter(three, {0.0f, Cutoff::kAllTies})), ElementsAre(0, 1, 4));
}

// The reference implementation's steps, in its order and in float64: sort, accumulate, cut.
std::vector<uint32_t> ReferenceTopP(const std::vector<float>& logits, double top_p) {
  std::vector<double> p;
  for (const float logit : logits) p.push_back(std::exp(static_cast<double>(logit)));
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  std::vector<double> sorted = p;
  std::sort(sorted.rbegin(), sorted.rend());
  double sum = 0;
  double cutoff = 0;
  for (const double value : sorted) {
    sum += value / total;
    cutoff = value;
    if (sum >= top_p) break;
  }
  std::vector<uint32_t> kept;
  for (uint32_t i = 0; i < p.size(); ++i) {
    if (p[i] >= cutoff) kept.push_back(i);
  }
  return kept;
}

TEST(FiltersTest, AgreeWithSortingTheWholeDistribution) {
  std::mt19937 generator(20240607);  // the standard fixes its numbers
  for (int round = 0; round < 60; ++round) {
    const size_t size = 1 + generator() % 5000;
    const float spread = 0.25f * static_cast<float>(1 + round % 40);
    std::vector<float> logits;
    // Coarse values, so that there are ties.
    for (size_t i = 0; i < size; ++i) logits.push_back(spread * static_cast<float>(generator() % 64) / 16.0f);
    const LogitBlocks blocks = Blocks(logits);

    // Not where a sum of equal weights meets it up to rounding.
    const double top_p = static_cast<double>(generator() % 1000) / 1000.0 + 0.000123;
    EXPECT_EQ(TopP(blocks, top_p), ReferenceTopP(logits, top_p)) << "round " << round << ", top_p " << top_p;

    const uint64_t top_k = 1 + generator() % size;
    std::vector<uint32_t> by_rank(size);
    std::iota(by_rank.begin(), by_rank.end(), 0u);
    std::stable_sort(by_rank.begin(), by_rank.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
    by_rank.resize(top_k);
    std::sort(by_rank.begin(), by_rank.end());
    EXPECT_EQ(TopK(blocks, top_k), by_rank) << "round " << round << ", top_k " << top_k;
  }
}

TEST(ArgmaxTest, OfEqualsGivesTheLowestId) {
  EXPECT_EQ(Argmax(Blocks({0, 3, 1, 3})), 1u);
  std::vector<float> logits(300, 0.0f);
  logits[200] = logits[290] = 1.0f;
  EXPECT_EQ(Argmax(Blocks(logits)), 200u);
}

TEST(ApplyPenaltiesTest, SubtractsPresenceOnceAndFrequencyPerOccurrence) {
  LogitBlocks logits = Blocks({1, 1, 1, 1});
  ApplyPenalties({{1, 2.0}, {3, 0.5}, {9, 1.0}}, 0.25, 0.5, logits);
  EXPECT_THAT(logits.logits(), ElementsAre(1, 1 - 0.25f - 1.0f, 1, 1 - 0.25f - 0.25f));
}

TEST(ApplyPenaltiesTest, PresenceCountsForATokenOfNoWeight) {
  LogitBlocks logits = Blocks({1, 1});
  ApplyPenalties({{0, 0.0}}, 0.25, 0.5, logits);
  EXPECT_THAT(logits.logits(), ElementsAre(0.75f, 1));
}

TEST(ApplyBiasTest, AddsAndBans) {
  LogitBlocks logits = Blocks({1, 1, 1});
  ApplyBias({{0, 0.5f}, {2, -kInfinity}, {0, 0.25f}, {3, 1.0f}}, logits);
  EXPECT_THAT(logits.logits(), ElementsAre(1.75f, 1, -kInfinity));
}

TEST(DrawIndexTest, WalksTheDistributionInOrderOfIndex) {
  const std::vector<float> logits = {std::log(0.25f), std::log(0.5f), std::log(0.25f)};
  Weights weights;
  const auto draw = [&](double uniform) { return DrawIndex(logits, logits[1], 1.0, uniform, weights); };
  EXPECT_EQ(draw(0.0), 0u);
  EXPECT_EQ(draw(0.24), 0u);
  EXPECT_EQ(draw(0.26), 1u);
  EXPECT_EQ(draw(0.74), 1u);
  EXPECT_EQ(draw(0.76), 2u);
  EXPECT_EQ(draw(1.0 - 0x1p-53), 2u);
}

TEST(DrawIndexTest, NeverDrawsWhatHasNoWeight) {
  std::vector<float> logits(1000, -kInfinity);
  logits[300] = 0;
  logits[700] = -1;
  Weights weights;
  EXPECT_EQ(DrawIndex(logits, 0, 1.0, 0.0, weights), 300u);
  EXPECT_EQ(DrawIndex(logits, 0, 1.0, 1.0 - 0x1p-53, weights), 700u);
}

TEST(DrawIndexTest, EveryIndexOfManyIsReached) {
  const std::vector<float> logits(1000, 2.5f);
  Weights weights;
  for (size_t i = 0; i < logits.size(); ++i) {
    ASSERT_EQ(DrawIndex(logits, 2.5f, 1.0, (static_cast<double>(i) + 0.5) / 1000.0, weights), i);
  }
}

TEST(DrawIndexTest, TemperatureIsAPowerOfTheProbabilities) {
  // 1/5 and 4/5 at temperature 0.5 are 1/17 and 16/17, at 2 they are 1/3 and 2/3.
  const std::vector<float> logits = {std::log(0.2f), std::log(0.8f)};
  Weights weights;
  EXPECT_EQ(DrawIndex(logits, logits[1], 0.5, 0.999 / 17, weights), 0u);
  EXPECT_EQ(DrawIndex(logits, logits[1], 0.5, 1.001 / 17, weights), 1u);
  EXPECT_EQ(DrawIndex(logits, logits[1], 2.0, 0.999 / 3, weights), 0u);
  EXPECT_EQ(DrawIndex(logits, logits[1], 2.0, 1.001 / 3, weights), 1u);
}

TEST(DrawIndexTest, ATemperatureBelowFloat32IsGreedy) {
  Weights weights;
  EXPECT_EQ(DrawIndex({0.0f, 0.001f}, 0.001f, 1e-300, 0.0, weights), 1u);
}

TEST(KeepCandidatesTest, LeavesOutTheBannedAndThePadding) {
  EXPECT_THAT(Kept(Blocks({-kInfinity, 1, -kInfinity, 2}), {}), ElementsAre(1, 3));
}

}  // namespace
}  // namespace skein
