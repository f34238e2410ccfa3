#include "serving/device_sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "host/logit_reduction.h"
#include "sampling/random.h"

namespace skein {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint32_t kAll = SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_MASK_AND_BIAS;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<std::pair<uint32_t, float>> BiasesOf(const skein_step_entry& entry) {
  std::vector<std::pair<uint32_t, float>> biases;
  for (uint32_t i = 0; i < entry.num_bias; ++i) biases.emplace_back(entry.bias[i].token, entry.bias[i].bias);
  return biases;
}

bool Asks(uint32_t features, const SamplingParams& params) {
  DeviceSampling sampling(features);
  skein_step_entry entry = {};
  const bool asks = sampling.Ask(Sampler(params), 3, entry);
  EXPECT_EQ(sampling.is_asked(), asks);
  EXPECT_EQ(entry.output, static_cast<uint32_t>(asks ? SKEIN_STEP_SAMPLE : SKEIN_STEP_NO_OUTPUT));
  return asks;
}

TEST(DeviceSamplingTest, AsksOnlyDevicesThatDraw) {
  EXPECT_TRUE(Asks(SKEIN_FEATURE_SAMPLE, {}));
  EXPECT_FALSE(Asks(SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS, {}));
}

TEST(DeviceSamplingTest, BiasesNeedAFeatureOfTheirOwn) {
  SamplingParams params;
  params.biases = {{1, 2}};
  EXPECT_TRUE(Asks(kAll, params));
  EXPECT_FALSE(Asks(SKEIN_FEATURE_SAMPLE, params));
}

TEST(DeviceSamplingTest, HandsOnTheParameters) {
  SamplingParams params;
  params.temperature = 0.7;
  params.top_k = 40;
  params.top_p = 0.9;
  params.min_p = 0.05;
  params.seed = 5;
  params.sample_index = 2;
  DeviceSampling sampling(kAll);
  skein_step_entry entry = {};
  ASSERT_TRUE(sampling.Ask(Sampler(params), 17, entry));
  EXPECT_EQ(entry.sampling->struct_size, sizeof(skein_sampling));
  EXPECT_EQ(entry.sampling->temperature, 0.7);
  EXPECT_EQ(entry.sampling->top_k, 40u);
  EXPECT_EQ(entry.sampling->top_p, 0.9);
  EXPECT_EQ(entry.sampling->min_p, 0.05);
  EXPECT_EQ(*entry.sampling->uniforms, UniformAt(5, 2, 17));
  EXPECT_EQ(entry.bias, nullptr);
  EXPECT_EQ(entry.mask, nullptr);
}

TEST(DeviceSamplingTest, BiasesAndPenaltiesAreOneListInOrderOfToken) {
  SamplingParams params;
  params.biases = {{9, 1.5f}, {2, -kInfinity}};
  params.presence_penalty = 0.5;
  params.frequency_penalty = 0.25;
  Sampler sampler(params);
  DeviceSampling sampling(kAll);
  skein_step_entry entry = {};
  ASSERT_TRUE(sampling.Ask(sampler, 0, entry));
  EXPECT_THAT(BiasesOf(entry), ElementsAre(std::pair(2u, -kInfinity), std::pair(9u, 1.5f)));
  for (const uint32_t token : {9u, 4u, 9u}) {
    sampler.Accept(token);
    ASSERT_TRUE(sampling.Ask(sampler, 1, entry));
  }
  EXPECT_THAT(BiasesOf(entry),
              ElementsAre(std::pair(2u, -kInfinity), std::pair(4u, -0.75f), std::pair(9u, 1.5f), std::pair(9u, -1.0f)));
}

TEST(DeviceSamplingTest, AListThatIsTooLongIsTheHostsAffair) {
  SamplingParams params;
  params.biases = {{0, 1}};
  params.presence_penalty = 1;
  Sampler sampler(params);
  DeviceSampling sampling(kAll);
  skein_step_entry entry = {};
  for (uint32_t token = 0; token < SKEIN_MAX_BIAS - 1; ++token) sampler.Accept(token);
  ASSERT_TRUE(sampling.Ask(sampler, 0, entry));
  EXPECT_EQ(entry.num_bias, uint32_t{SKEIN_MAX_BIAS});
  sampler.Accept(SKEIN_MAX_BIAS);
  entry = {};
  EXPECT_FALSE(sampling.Ask(sampler, 1, entry));
  EXPECT_FALSE(sampling.is_asked());
  EXPECT_EQ(entry.output, uint32_t{SKEIN_STEP_NO_OUTPUT});
  EXPECT_EQ(entry.num_bias, 0u);
}

TEST(DeviceSamplingTest, ATokenOutsideTheVocabularyIsAnError) {
  DeviceSampling sampling(kAll);
  skein_step_entry entry = {};
  ASSERT_TRUE(sampling.Ask(Sampler({}), 0, entry));
  EXPECT_EQ(sampling.Token(0, 65536).status().code(), absl::StatusCode::kInternal) << "the device has written nothing";
  entry.output_tokens[0] = 100;
  EXPECT_EQ(sampling.Token(0, 101).value(), 100u);
  EXPECT_THAT(std::string(sampling.Token(0, 100).status().message()), HasSubstr("token 100; expected an id below"));
}

TEST(DeviceSamplingTest, ATokenMayBeAskedForBeforeTheOneInFrontIsTaken) {
  SamplingParams params;
  params.biases = {{2, 1.5f}, {9, -1.0f}};
  const Sampler sampler(params);
  DeviceSampling sampling(kAll);
  skein_step_entry first = {}, second = {}, third = {};
  ASSERT_TRUE(sampling.Ask(sampler, 6, first));
  const skein_bias* const biases = first.bias;
  const_cast<skein_bias&>(biases[1]).bias = 77;  // shows whether it is written again
  ASSERT_TRUE(sampling.Ask(sampler, 7, second));
  EXPECT_EQ(second.bias, biases);
  EXPECT_EQ(second.bias[1].bias, 77) << "a device may be looking at them";
  EXPECT_THAT(BiasesOf(first), BiasesOf(second));
  EXPECT_NE(*first.sampling->uniforms, *second.sampling->uniforms);
  first.output_tokens[0] = 11;
  second.output_tokens[0] = 12;
  EXPECT_EQ(sampling.Token(6, 100).value(), 11u);
  ASSERT_TRUE(sampling.Ask(sampler, 8, third));
  EXPECT_EQ(sampling.Token(7, 100).value(), 12u);
}

// --- the same tokens as the host draws ---

// A device that computes as `reference`.
void DrawOnDevice(skein_step_entry& entry, std::vector<float> logits, kit::LogitReduction& reduction) {
  kit::ApplyBiasAndMask(entry, logits);
  reduction.Sample(logits, *entry.sampling, entry.sampling->uniforms[0], entry.output_rows, entry.output_tokens);
}

// A number of a list, by chance.
template <typename T>
T OneOf(std::mt19937_64& random, const std::vector<T>& values) {
  return values[random() % values.size()];
}

SamplingParams RandomParams(std::mt19937_64& random, uint32_t vocab_size) {
  SamplingParams params;
  params.temperature = OneOf<double>(random, {0, 0.3, 0.8, 1, 1, 1.7, 100});
  params.top_k = OneOf<uint64_t>(random, {0, 0, 1, 5, 40, 4294967295});
  params.top_p = OneOf<double>(random, {0, 0.3, 0.85, 0.99, 1, 1});
  params.min_p = OneOf<double>(random, {0, 0, 0.05, 0.5, 1});
  params.presence_penalty = OneOf<double>(random, {0, 0, 0.4, -0.2});
  params.frequency_penalty = OneOf<double>(random, {0, 0, 0.4, 2});
  params.penalty_decay = OneOf<double>(random, {0.996, 0.5});
  params.seed = random();
  for (uint64_t i = random() % 4; i > 0; --i) {
    const auto token = static_cast<uint32_t>(random() % vocab_size);
    params.biases.push_back({token, OneOf<float>(random, {-kInfinity, 3.25f, -1.1f})});
  }
  return params;
}

// Logits of a peaked or a flat distribution; some rows are coarse, so that many tokens are equal.
std::vector<float> RandomLogits(std::mt19937_64& random, uint32_t vocab_size) {
  std::normal_distribution<float> normal(0, OneOf<float>(random, {0, 0.5f, 2, 6}));
  const bool is_coarse = random() % 3 == 0;
  std::vector<float> logits(vocab_size);
  for (float& logit : logits) logit = is_coarse ? std::round(normal(random)) : normal(random);
  return logits;
}

// Writes `num_tokens` tokens by the host's sampler and by the device, with equal penalties. Expects the same.
void ExpectSameTokens(uint64_t seed, uint32_t vocab_size, int num_tokens) {
  std::mt19937_64 random(seed);
  Sampler sampler(RandomParams(random, vocab_size));
  SamplingScratch scratch;
  DeviceSampling sampling(kAll);
  kit::LogitReduction reduction;
  for (int position = 0; position < num_tokens; ++position) {
    const std::vector<float> logits = RandomLogits(random, vocab_size);
    const absl::StatusOr<uint32_t> expected = sampler.Sample(logits, static_cast<uint64_t>(position), scratch);
    ASSERT_TRUE(expected.ok()) << expected.status();
    skein_step_entry entry = {};
    ASSERT_TRUE(sampling.Ask(sampler, static_cast<uint64_t>(position), entry));
    DrawOnDevice(entry, logits, reduction);
    ASSERT_EQ(sampling.Token(static_cast<uint64_t>(position), vocab_size).value(), *expected)
        << "seed " << seed << ", position " << position;
    sampler.Accept(*expected);
  }
}

TEST(DeviceSamplingTest, TheReferenceDeviceDrawsTheTokensOfTheHost) {
  for (uint64_t seed = 0; seed < 400; ++seed) ExpectSameTokens(seed, 77, 20);
  for (uint64_t seed = 1000; seed < 1100; ++seed) ExpectSameTokens(seed, 1000, 10);
  for (uint64_t seed = 2000; seed < 2010; ++seed) ExpectSameTokens(seed, 65536, 4);
}

}  // namespace
}  // namespace skein
