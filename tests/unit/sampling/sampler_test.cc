#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> LogitsOf(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

uint32_t SampleOne(const Sampler& sampler, const std::vector<float>& logits, uint64_t position = 0) {
  SamplingScratch scratch;
  const absl::StatusOr<uint32_t> token = sampler.Sample(logits, position, scratch);
  EXPECT_TRUE(token.ok()) << token.status();
  return token.ok() ? *token : 0xFFFFFFFF;
}

// Pearson's statistic of 20,000 draws at successive positions against `expected`; infinite if a token is drawn that is
// not expected at all.
double ChiSquare(const SamplingParams& params, const std::vector<float>& logits, const std::vector<double>& expected) {
  constexpr int kNumDraws = 20000;
  const Sampler sampler(params);
  SamplingScratch scratch;
  std::vector<int> counts(expected.size(), 0);
  for (int i = 0; i < kNumDraws; ++i) {
    const absl::StatusOr<uint32_t> token = sampler.Sample(logits, static_cast<uint64_t>(i), scratch);
    if (!token.ok() || *token >= expected.size() || expected[*token] == 0) return HUGE_VAL;
    ++counts[*token];
  }
  double sum = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == 0) continue;
    const double difference = counts[i] - kNumDraws * expected[i];
    sum += difference * difference / (kNumDraws * expected[i]);
  }
  return sum;
}

// The value that Pearson's statistic exceeds by chance once in a thousand, for 1 to 3 degrees of freedom.
constexpr double kChance[] = {0, 10.83, 13.82, 16.27};

TEST(SamplerTest, DrawsTheDistributionOfTheLogits) {
  const std::vector<double> p = {0.1, 0.2, 0.3, 0.4};
  EXPECT_LT(ChiSquare(SamplingParams(), LogitsOf(p), p), kChance[3]);
}

TEST(SamplerTest, TemperatureActsAfterTopP) {
  // Untempered, top-p 0.65 keeps 0.4 and 0.3. At temperature 0.5 it would keep 0.4 and 0.3 of 0.16, 0.09, 0.04, 0.01 as
  // well, but at temperature 2 three of them; then 0.4 and 0.3 are drawn as their roots.
  SamplingParams params;
  params.top_p = 0.65;
  params.temperature = 2.0;
  const double total = std::sqrt(0.3) + std::sqrt(0.4);
  EXPECT_LT(ChiSquare(params, LogitsOf({0.1, 0.2, 0.3, 0.4}), {0, 0, std::sqrt(0.3) / total, std::sqrt(0.4) / total}),
            kChance[1]);
}

TEST(SamplerTest, MinPActsBeforeTemperature) {
  // 0.3 is 3/4 of 0.4, and at temperature 10 so would be 0.1, the root of whose share is 0.87.
  SamplingParams params;
  params.min_p = 0.7;
  params.temperature = 10.0;
  const double share = std::pow(0.75, 0.1);
  EXPECT_LT(ChiSquare(params, LogitsOf({0.1, 0.2, 0.3, 0.4}), {0, 0, share / (1 + share), 1 / (1 + share)}),
            kChance[1]);
}

TEST(SamplerTest, TopKAndTopPAreBothOfTheFullDistribution) {
  // Top-k 3 leaves 0.9 of the mass. Top-p 0.75 of the full distribution needs three tokens, of what top-k leaves only
  // two.
  SamplingParams params;
  params.top_k = 3;
  params.top_p = 0.72;
  EXPECT_LT(ChiSquare(params, LogitsOf({0.1, 0.2, 0.3, 0.4}), {0, 0.2 / 0.9, 0.3 / 0.9, 0.4 / 0.9}), kChance[2]);
}

TEST(SamplerTest, PenaltiesActBeforeTheFilters) {
  // With weight 1, presence and frequency take ln 2 + ln 2 off token 3: 0.1, 0.2, 0.3, 0.1. Top-k 2 keeps tokens 1
  // and 2.
  SamplingParams params;
  params.top_k = 2;
  params.presence_penalty = std::log(2.0);
  params.frequency_penalty = std::log(2.0);
  const std::vector<float> logits = LogitsOf({0.1, 0.2, 0.3, 0.4});
  Sampler sampler(params);
  sampler.Accept(3);
  SamplingScratch scratch;
  int counts[4] = {};
  for (uint64_t i = 0; i < 10000; ++i) ++counts[*sampler.Sample(logits, i, scratch)];
  EXPECT_EQ(counts[0] + counts[3], 0);
  const double difference = counts[1] - 4000.0;
  EXPECT_LT(difference * difference / 4000 + difference * difference / 6000, kChance[1]);
}

TEST(SamplerTest, BiasActsBeforeTheFilters) {
  SamplingParams params;
  params.top_k = 1;
  params.biases = {{3, -kInfinity}, {0, 5.0f}};
  EXPECT_EQ(SampleOne(Sampler(params), LogitsOf({0.1, 0.2, 0.3, 0.4})), 0u);
}

TEST(SamplerTest, ZeroTemperatureIsGreedyWithTheLowestIdOfEquals) {
  SamplingParams params;
  params.temperature = 0;
  const Sampler sampler(params);
  for (uint64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(SampleOne(sampler, {1, 4, 4, 2, 4}, position), 1u);
  }
}

TEST(SamplerTest, GreedyComesAfterBiasAndPenalties) {
  SamplingParams params;
  params.temperature = 0;
  params.presence_penalty = 0.6;
  params.biases = {{0, -kInfinity}};
  Sampler sampler(params);
  const std::vector<float> logits = {9, 1.5f, 1};
  EXPECT_EQ(SampleOne(sampler, logits), 1u);
  sampler.Accept(1);
  EXPECT_EQ(SampleOne(sampler, logits), 2u);
}

TEST(SamplerTest, RepeatsItselfForTheSameSeedIndexAndPosition) {
  const std::vector<float> logits(500, 0.0f);
  SamplingParams params;
  params.seed = 42;
  params.sample_index = 3;
  const Sampler one(params);
  const Sampler other(params);
  for (uint64_t position = 0; position < 100; ++position) {
    EXPECT_EQ(SampleOne(one, logits, position), SampleOne(other, logits, position));
  }
}

TEST(SamplerTest, SeedSampleIndexAndPositionEachChangeTheDraws) {
  const std::vector<float> logits(500, 0.0f);
  const auto draws = [&](uint64_t seed, uint64_t sample_index, uint64_t first_position) {
    SamplingParams params;
    params.seed = seed;
    params.sample_index = sample_index;
    std::vector<uint32_t> tokens;
    for (uint64_t i = 0; i < 20; ++i) tokens.push_back(SampleOne(Sampler(params), logits, first_position + i));
    return tokens;
  };
  EXPECT_NE(draws(1, 0, 0), draws(2, 0, 0));
  EXPECT_NE(draws(1, 0, 0), draws(1, 1, 0));
  EXPECT_NE(draws(1, 0, 0), draws(1, 0, 100));
}

TEST(SamplerTest, ScratchOfALargerVocabularyDoesNotMatter) {
  SamplingScratch scratch;
  SamplingParams params;
  params.top_p = 0.85;
  const Sampler sampler(params);
  ASSERT_TRUE(sampler.Sample(std::vector<float>(5000, 3.0f), 0, scratch).ok());
  const std::vector<float> logits = {0, 1, 0.5f};
  for (uint64_t position = 0; position < 50; ++position) {
    EXPECT_EQ(*sampler.Sample(logits, position, scratch), SampleOne(sampler, logits, position));
  }
}

TEST(SamplerTest, AcceptDecaysWhatWasThenAddsTheToken) {
  SamplingParams params;
  params.frequency_penalty = 0.1;
  params.penalty_decay = 0.5;
  Sampler sampler(params);
  for (const uint32_t token : {7u, 9u, 7u, 8u}) sampler.Accept(token);
  // 7: ((1 * 0.5) * 0.5 + 1) * 0.5; 9: 1 * 0.5 * 0.5; 8: 1
  ASSERT_EQ(sampler.occurrences().size(), 3u);
  EXPECT_EQ(sampler.occurrences()[0].token, 7u);
  EXPECT_DOUBLE_EQ(sampler.occurrences()[0].weight, 0.625);
  EXPECT_EQ(sampler.occurrences()[1].token, 9u);
  EXPECT_DOUBLE_EQ(sampler.occurrences()[1].weight, 0.25);
  EXPECT_EQ(sampler.occurrences()[2].token, 8u);
  EXPECT_DOUBLE_EQ(sampler.occurrences()[2].weight, 1.0);
}

TEST(SamplerTest, CountsNothingWithoutPenalties) {
  Sampler sampler{SamplingParams()};
  sampler.Accept(3);
  EXPECT_TRUE(sampler.occurrences().empty());
}

// The tokens that `sampler` draws and accepts at successive positions, from logits that depend on the position.
std::vector<uint32_t> Draw(Sampler& sampler, uint64_t first_position, size_t num_tokens) {
  std::vector<uint32_t> tokens;
  for (uint64_t position = first_position; tokens.size() < num_tokens; ++position) {
    std::vector<float> logits(200);
    for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>((i * 37 + position * 11) % 17) / 8;
    tokens.push_back(SampleOne(sampler, logits, position));
    sampler.Accept(tokens.back());
  }
  return tokens;
}

SamplingParams Penalised() {
  SamplingParams params;
  params.presence_penalty = 0.7;
  params.frequency_penalty = 0.9;
  params.penalty_decay = 0.93;
  params.seed = 0xFEDCBA9876543210;
  params.sample_index = 5;
  return params;
}

TEST(SamplerTest, AnImportedStateGoesOnAsIfNeverInterrupted) {
  Sampler uninterrupted(Penalised());
  const std::vector<uint32_t> all = Draw(uninterrupted, 100, 400);
  Sampler first(Penalised());
  Draw(first, 100, 150);
  SamplingParams params = Penalised();
  params.seed = 0;
  params.sample_index = 0;
  Sampler second(params);
  second.ImportState(first.ExportState());
  EXPECT_EQ(Draw(second, 250, 250), std::vector<uint32_t>(all.begin() + 150, all.end()));
  EXPECT_EQ(second.ExportState(), uninterrupted.ExportState());  // weights to the bit
}

TEST(SamplerTest, OccurrencesThatAreLostChangeWhatIsDrawn) {
  // Otherwise the test above would show nothing.
  Sampler first(Penalised());
  Draw(first, 100, 150);
  Sampler forgetful(Penalised());
  EXPECT_NE(Draw(forgetful, 250, 250), Draw(first, 250, 250));
}

TEST(SamplerTest, ImportForgetsWhatWasAccepted) {
  Sampler sampler(Penalised());
  Draw(sampler, 0, 20);
  sampler.ImportState(SamplerState());
  EXPECT_EQ(sampler.ExportState(), SamplerState());
}

TEST(SamplerTest, ACopyIsIndependent) {
  SamplingParams params;
  params.temperature = 0;
  params.presence_penalty = 5;
  Sampler sampler(params);
  Sampler copy = sampler;
  copy.Accept(0);
  EXPECT_EQ(SampleOne(sampler, {1, 0}), 0u);
  EXPECT_EQ(SampleOne(copy, {1, 0}), 1u);
}

TEST(SamplerTest, RefusesNaN) {
  SamplingScratch scratch;
  EXPECT_EQ(Sampler(SamplingParams()).Sample({0.0f, std::nanf(""), 1.0f}, 0, scratch).status().code(),
            absl::StatusCode::kInternal);
}

TEST(SamplerTest, RefusesWhenEveryTokenIsBanned) {
  SamplingParams params;
  params.biases = {{0, -kInfinity}, {1, -kInfinity}};
  SamplingScratch scratch;
  EXPECT_EQ(Sampler(params).Sample({0.0f, 1.0f}, 0, scratch).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace skein
