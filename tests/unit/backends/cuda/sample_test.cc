// The kernel that finishes logits, against libskein's sampler and the reference device.
#include "cuda/kernels/sample.h"

#include <gtest/gtest.h>

#include <numeric>
#include <tuple>

#include "cuda_emulator/control.h"
#include "host/logit_reduction.h"
#include "sampling/random.h"
#include "tests/unit/backends/cuda/logit_rows.h"

namespace skein::cuda {
namespace {

double LogSumExp(const std::vector<float>& logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

SamplingParams RandomParams(std::mt19937_64& random) {
  SamplingParams params;
  params.temperature = OneOf<double>(random, {0, 0.3, 0.8, 1, 1, 1.7, 100});
  params.top_k = OneOf<uint64_t>(random, {0, 0, 1, 5, 40, 70000});
  params.top_p = OneOf<double>(random, {0, 0.3, 0.85, 0.99, 1, 1});
  params.min_p = OneOf<double>(random, {0, 0, 0.05, 0.5, 1});
  params.seed = random();
  return params;
}

std::vector<skein_bias> RandomBiases(std::mt19937_64& random, uint32_t vocab_size) {
  std::vector<skein_bias> biases;
  for (uint64_t i = random() % 5; i > 0; --i) {
    const auto token = static_cast<uint32_t>(random() % vocab_size);
    for (uint64_t j = 1 + random() % 2; j > 0; --j) {
      biases.push_back({token, OneOf<float>(random, {-kInfinity, 3.25f, -1.1f, 0.3f})});
    }
  }
  std::stable_sort(biases.begin(), biases.end(), [](auto& a, auto& b) { return a.token < b.token; });
  return biases;
}

std::vector<uint32_t> MaskWithout(const std::vector<uint32_t>& banned, uint32_t vocab_size) {
  std::vector<uint32_t> mask((vocab_size + 31) / 32, 0xFFFFFFFFu);
  for (const uint32_t id : banned) mask[id / 32] &= ~(1u << id % 32);
  return mask;
}

enum class Blocks { kOne, kSeveral };

class SampleTest : public testing::TestWithParam<std::tuple<uint32_t, Blocks>> {
 protected:
  void SetUp() override { emulator::Configure({}); }
  void TearDown() override {
    for (const emulator::Error& error : emulator::TakeErrors()) ADD_FAILURE() << error.message;
  }

  uint32_t vocab_size() const { return std::get<0>(GetParam()); }
  // Of a row that blocks share: as on a GPU, or as little as a warp.
  [[nodiscard]] bool Finish(LogitRows& rows) const {
    const uint32_t least = vocab_size() > 10000 ? 2048 : vocab_size() > 500 ? 64 : 8;
    return rows.Finish(1, std::get<1>(GetParam()) == Blocks::kSeveral ? least : 0);
  }
  int num_rows() const { return vocab_size() > 10000 ? 24 : vocab_size() > 500 ? 200 : 600; }
};

// The logits that a row has after bias and mask.
std::vector<float> Changed(std::vector<float> logits, const std::vector<skein_bias>& biases,
                           const std::vector<uint32_t>& mask = {}) {
  skein_step_entry entry = {};
  entry.bias = biases.data();
  entry.num_bias = static_cast<uint32_t>(biases.size());
  entry.mask = mask.empty() ? nullptr : mask.data();
  kit::ApplyBiasAndMask(entry, logits);
  return logits;
}

TEST_P(SampleTest, DrawsTheTokensOfTheHost) {
  std::mt19937_64 random(vocab_size());
  LogitRows rows(vocab_size());
  SamplingScratch scratch;
  std::vector<uint32_t> expected;
  std::vector<std::vector<float>> changed;
  while (rows.size() < static_cast<size_t>(num_rows())) {
    const SamplingParams params = RandomParams(random);
    const uint64_t position = random() % 1000;
    const std::vector<float> logits = RandomLogits(random, vocab_size());
    const std::vector<skein_bias> biases = RandomBiases(random, vocab_size());
    changed.push_back(Changed(logits, biases));
    expected.push_back(Sampler(params).Sample(changed.back(), position, scratch).value());
    rows.Add(logits, WishFor(params, UniformAt(params.seed, 0, position)), biases);
  }
  ASSERT_TRUE(Finish(rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    const LogitResult& result = rows.result(i);
    ASSERT_EQ(result.status, LogitStatus::kGood) << "row " << i;
    ASSERT_EQ(result.token, expected[i]) << "row " << i;
    EXPECT_EQ(result.logit, changed[i][result.token]) << "row " << i;
    EXPECT_NEAR(result.log_sum_exp, LogSumExp(changed[i]), 2e-6 * std::fabs(LogSumExp(changed[i])) + 2e-6);
  }
}

TEST_P(SampleTest, GreatestAreThoseOfTheReference) {
  std::mt19937_64 random(vocab_size() + 1);
  LogitRows rows(vocab_size());
  std::vector<std::vector<float>> changed;
  std::vector<uint32_t> top_ks;
  while (rows.size() < static_cast<size_t>(num_rows()) / 4) {
    top_ks.push_back(std::min(vocab_size(), OneOf<uint32_t>(random, {1, 2, 20, SKEIN_MAX_TOP_K})));
    const std::vector<float> logits = RandomLogits(random, vocab_size());
    const std::vector<skein_bias> biases = RandomBiases(random, vocab_size());
    const bool bans_most = random() % 4 == 0;
    std::vector<uint32_t> banned(bans_most ? vocab_size() - std::min(5u, vocab_size()) : 0);
    std::iota(banned.begin(), banned.end(), 0u);
    const std::vector<uint32_t> mask = MaskWithout(banned, vocab_size());
    changed.push_back(Changed(logits, biases, mask));
    rows.Add(logits, WishFor(LogitOutput::kGreatest, top_ks.back()), biases, mask);
  }
  ASSERT_TRUE(Finish(rows));
  kit::LogitReduction reference;
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint32_t top_k = top_ks[i];
    if (*std::max_element(changed[i].begin(), changed[i].end()) == -kInfinity) {
      EXPECT_EQ(rows.result(i).status, LogitStatus::kNoToken);
      continue;
    }
    std::vector<float> logits(top_k + 1);
    std::vector<uint32_t> tokens(top_k);
    reference.TopK(changed[i], top_k, logits.data(), tokens.data());
    ASSERT_EQ(rows.result(i).status, LogitStatus::kGood);
    for (uint32_t rank = 0; rank < top_k; ++rank) {
      ASSERT_EQ(rows.greatest(i)[rank].token, tokens[rank]) << "row " << i << ", rank " << rank;
      ASSERT_EQ(rows.greatest(i)[rank].logit, logits[rank]) << "row " << i << ", rank " << rank;
    }
    EXPECT_NEAR(rows.result(i).log_sum_exp, logits[top_k], 2e-6 * std::fabs(logits[top_k]) + 2e-6);
  }
}

TEST_P(SampleTest, ARowOfLogitsIsChangedByBiasAndMask) {
  std::mt19937_64 random(3);
  LogitRows rows(vocab_size());
  std::vector<std::vector<float>> changed;
  for (int i = 0; i < 4; ++i) {
    const std::vector<float> logits = RandomLogits(random, vocab_size());
    const std::vector<skein_bias> biases = {{1, 0.1f}, {1, 1e-3f}, {1, -7.7f}, {4, -kInfinity}, {vocab_size() - 1, 2}};
    const std::vector<uint32_t> mask =
        i < 2 ? MaskWithout({0, 4, vocab_size() / 2, vocab_size() - 1}, vocab_size()) : std::vector<uint32_t>();
    changed.push_back(Changed(logits, biases, mask));
    rows.Add(logits, WishFor(LogitOutput::kLogits), biases, mask);
  }
  ASSERT_TRUE(Finish(rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows.result(i).status, LogitStatus::kGood);
    EXPECT_EQ(rows.logits(i), changed[i]);
  }
}

TEST_P(SampleTest, EqualLogitsAndZerosOfBothSignsAreTies) {
  LogitRows rows(vocab_size());
  std::vector<uint32_t> expected;
  std::vector<float> zeros(vocab_size(), 0.0f);
  for (uint32_t i = 0; i < vocab_size(); i += 3) zeros[i] = -0.0f;
  SamplingScratch scratch;
  for (const std::vector<float>& logits : {std::vector<float>(vocab_size(), 7.25f), zeros}) {
    for (const uint64_t top_k : {0, 3, 17}) {
      for (const double top_p : {0.5, 1.0}) {
        SamplingParams params;
        params.top_k = top_k;
        params.top_p = top_p;
        for (uint64_t position = 0; position < 4; ++position) {
          expected.push_back(Sampler(params).Sample(logits, position, scratch).value());
          rows.Add(logits, WishFor(params, UniformAt(0, 0, position)));
        }
      }
    }
  }
  ASSERT_TRUE(Finish(rows));
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows.result(i).token, expected[i]) << "row " << i;
}

// More tokens than the kernel has places for may be among the greatest.
TEST_P(SampleTest, OfEqualLogitsTheFirstAreTheGreatest) {
  LogitRows rows(vocab_size());
  std::vector<float> one_above(vocab_size(), -3.0f);
  one_above.back() = -2.5f;
  const uint32_t top_k = std::min<uint32_t>(vocab_size(), SKEIN_MAX_TOP_K);
  rows.Add(std::vector<float>(vocab_size(), 7.25f), WishFor(LogitOutput::kGreatest, top_k));
  rows.Add(one_above, WishFor(LogitOutput::kGreatest, top_k));
  ASSERT_TRUE(Finish(rows));
  for (uint32_t rank = 0; rank < top_k; ++rank) {
    EXPECT_EQ(rows.greatest(0)[rank].token, rank);
    EXPECT_EQ(rows.greatest(1)[rank].token, rank == 0 ? vocab_size() - 1 : rank - 1);
  }
}

TEST_P(SampleTest, TheFirstAndTheLastShareDrawTheFirstAndTheLastToken) {
  LogitRows rows(vocab_size());
  const std::vector<float> logits(vocab_size(), 1.0f);
  SamplingParams params;
  rows.Add(logits, WishFor(params, 0));
  rows.Add(logits, WishFor(params, 1 - 0x1p-53));
  params.top_k = 5;
  rows.Add(logits, WishFor(params, 1 - 0x1p-53));
  ASSERT_TRUE(Finish(rows));
  EXPECT_EQ(rows.result(0).token, 0u);
  EXPECT_EQ(rows.result(1).token, vocab_size() - 1);
  EXPECT_EQ(rows.result(2).token, 4u);
}

TEST_P(SampleTest, LogitsThatAreNotFiniteAreSeenWhateverBiasAndMask) {
  LogitRows rows(vocab_size());
  for (const float bad : {kInfinity, -kInfinity, std::nanf("")}) {
    for (const uint32_t at : {0u, vocab_size() / 2, vocab_size() - 1}) {
      std::vector<float> logits(vocab_size(), 0.5f);
      logits[at] = bad;
      const LogitWish wish = WishFor(SamplingParams(), 0.5);
      rows.Add(logits, wish);
      rows.Add(logits, wish, {{at, -kInfinity}});
      rows.Add(logits, wish, {}, MaskWithout({at}, vocab_size()));
      rows.Add(logits, WishFor(LogitOutput::kLogits));
    }
  }
  rows.Add(std::vector<float>(vocab_size(), 3e38f), WishFor(SamplingParams(), 0.5), {{3, 3e38f}});
  ASSERT_TRUE(Finish(rows));
  for (size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows.result(i).status, LogitStatus::kNotFinite) << "row " << i;
}

TEST_P(SampleTest, ARowWithoutTokensIsSeen) {
  LogitRows rows(vocab_size());
  const std::vector<float> logits(vocab_size(), 0.5f);
  const std::vector<uint32_t> nothing((vocab_size() + 31) / 32, 0);
  rows.Add(logits, WishFor(SamplingParams(), 0.5), {}, nothing);
  rows.Add(logits, WishFor(LogitOutput::kGreatest, 3), {{2, 1}}, nothing);
  rows.Add(logits, WishFor(LogitOutput::kLogits), {}, nothing);
  ASSERT_TRUE(Finish(rows));
  EXPECT_EQ(rows.result(0).status, LogitStatus::kNoToken);
  EXPECT_EQ(rows.result(1).status, LogitStatus::kNoToken);
  EXPECT_EQ(rows.result(2).status, LogitStatus::kGood);
  EXPECT_EQ(rows.logits(2), std::vector<float>(vocab_size(), -kInfinity));
}

TEST_P(SampleTest, TheLargestFiniteLogitsAreDrawn) {
  LogitRows rows(vocab_size());
  std::vector<float> logits(vocab_size(), -3e38f);
  logits[vocab_size() - 2] = 3e38f;
  rows.Add(logits, WishFor(SamplingParams(), 0.5));
  LogitWish cold = WishFor(SamplingParams(), 0.999);
  cold.scale = std::numeric_limits<float>::max();
  cold.top_p = 0.9;
  rows.Add(logits, cold);
  ASSERT_TRUE(Finish(rows));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows.result(i).token, vocab_size() - 2);
    EXPECT_EQ(rows.result(i).log_sum_exp, 3e38f);
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, SampleTest,
                         testing::Combine(testing::Values(20, 77, 1000, 1025, 65536),
                                          testing::Values(Blocks::kOne, Blocks::kSeveral)));

// Bit by bit, so that a graph or a switch changes nothing.
TEST(SampleSlicesTest, ResultsDoNotDependOnTheNumberOfBlocks) {
  emulator::Configure({});
  for (const uint32_t vocab_size : {333u, 5000u}) {
    std::mt19937_64 random(vocab_size);
    LogitRows one(vocab_size), several(vocab_size);
    for (int i = 0; i < 120; ++i) {
      const SamplingParams params = RandomParams(random);
      const std::vector<float> logits = RandomLogits(random, vocab_size);
      const std::vector<skein_bias> biases = RandomBiases(random, vocab_size);
      const LogitWish wish = i % 3 == 0 ? WishFor(LogitOutput::kGreatest, 1 + static_cast<uint32_t>(random() % 64))
                                        : WishFor(params, UniformAt(params.seed, 0, 7));
      for (LogitRows* rows : {&one, &several}) rows->Add(logits, wish, biases);
    }
    ASSERT_TRUE(one.Finish());
    ASSERT_TRUE(several.Finish(1, 17));
    EXPECT_EQ(several.most_slices(), 16u);
    for (size_t i = 0; i < one.size(); ++i) {
      ASSERT_EQ(one.logits(i), several.logits(i)) << "row " << i;
      ASSERT_EQ(one.result(i).log_sum_exp, several.result(i).log_sum_exp) << "row " << i;
      if (i % 3 != 0) {
        ASSERT_EQ(one.result(i).token, several.result(i).token) << "row " << i;
      }
    }
  }
}

TEST(SampleSlicesTest, AFewRowsHaveSeveralBlocksEach) {
  LogitSlice slice;
  const auto slices = [&](uint32_t rows, uint32_t width) {
    return NumSlices({nullptr, rows, width}, {.slices = &slice, .counts = nullptr});
  };
  EXPECT_EQ(slices(1, 65536), 16u);
  EXPECT_EQ(slices(8, 65536), 16u);
  EXPECT_EQ(slices(9, 65536), 8u);
  EXPECT_EQ(slices(64, 65536), 2u);
  EXPECT_EQ(slices(65, 65536), 1u);
  EXPECT_EQ(slices(1, 4095), 1u);
  EXPECT_EQ(NumSlices({nullptr, 1, 65536}, {}), 1u);
}

}  // namespace
}  // namespace skein::cuda
