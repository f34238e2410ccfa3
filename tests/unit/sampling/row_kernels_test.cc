#include "sampling/row_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

namespace skein {
namespace {

// Blocks with ordinary values, ties, and the ends of the range.
std::vector<float> Block(uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> block(kLogitBlockSize);
  for (float& logit : block) logit = -20.0f * static_cast<float>(generator()) * 0x1p-32f;
  block[generator() % kLogitBlockSize] = -HUGE_VALF;
  block[generator() % kLogitBlockSize] = -200.0f;
  block[generator() % kLogitBlockSize] = 0.0f;
  return block;
}

TEST(RowKernelsTest, EveryMachineWeighsToTheSameBits) {
  const RowKernels& plainest = *UsableRowKernels().back();
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> block = Block(seed);
    const size_t size = seed % 3 == 0 ? seed % kLogitBlockSize : kLogitBlockSize;
    std::vector<float> expected(kLogitBlockSize, 9.0f);
    const double expected_sum = plainest.weigh_block(block.data(), size, 0.0f, 1.25f, expected.data());
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<float> weights(kLogitBlockSize, 9.0f);
      const double sum = kernels->weigh_block(block.data(), size, 0.0f, 1.25f, weights.data());
      ASSERT_EQ(std::bit_cast<uint64_t>(sum), std::bit_cast<uint64_t>(expected_sum)) << kernels->name;
      ASSERT_EQ(weights, expected) << kernels->name << ", seed " << seed;
    }
  }
}

TEST(RowKernelsTest, EveryMachineFindsTheSameBuckets) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> block = Block(seed);
    const BucketScale scale = {-1.0f, 511 / 17.0f, 511};
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<uint32_t> buckets(kLogitBlockSize);
      kernels->find_buckets(block.data(), scale, buckets.data());
      for (size_t i = 0; i < kLogitBlockSize; ++i) {
        const float expected = std::clamp((scale.high - block[i]) * scale.scale, 0.0f, 511.0f);
        ASSERT_EQ(buckets[i], static_cast<uint32_t>(expected)) << kernels->name << ", logit " << block[i];
      }
    }
  }
}

TEST(RowKernelsTest, EveryMachineSummarisesAlike) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::vector<float> block = Block(seed);
    if (seed % 2 == 1) block[seed % kLogitBlockSize] = std::nanf("");
    for (const RowKernels* kernels : UsableRowKernels()) {
      const BlockSummary summary = kernels->summarise_block(block.data());
      ASSERT_EQ(summary.has_nan, seed % 2 == 1) << kernels->name << ", seed " << seed;
      if (summary.has_nan) continue;
      EXPECT_EQ(summary.max, *std::max_element(block.begin(), block.end())) << kernels->name << ", seed " << seed;
      EXPECT_EQ(summary.min, *std::min_element(block.begin(), block.end())) << kernels->name << ", seed " << seed;
    }
  }
}

TEST(RowKernelsTest, EveryMachineKeepsTheSame) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> block = Block(seed);
    const size_t size = 1 + seed % kLogitBlockSize;
    const float floor = block[seed % kLogitBlockSize];
    std::vector<uint32_t> buckets(kLogitBlockSize);
    for (size_t i = 0; i < kLogitBlockSize; ++i) buckets[i] = block[i] >= floor ? 7 : 8;
    std::vector<float> expected;
    for (size_t i = 0; i < size; ++i) {
      if (block[i] >= floor) expected.push_back(block[i]);
    }
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<uint32_t> tokens(size + kKeepSlack);
      std::vector<float> kept(size + kKeepSlack);
      const size_t num_kept = kernels->keep_from(block.data(), size, floor, 1000, tokens.data(), kept.data());
      ASSERT_EQ(std::vector<float>(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(num_kept)), expected)
          << kernels->name << ", seed " << seed;
      for (size_t i = 0; i < num_kept; ++i) ASSERT_EQ(block[tokens[i] - 1000], kept[i]) << kernels->name;
      // In place: the outputs are the inputs.
      std::vector<float> logits = block;
      std::vector<float> weights = block;
      ASSERT_EQ(
          kernels->keep_bucket(logits.data(), weights.data(), size, buckets.data(), 7, logits.data(), weights.data()),
          expected.size());
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), logits.begin())) << kernels->name;
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), weights.begin())) << kernels->name;
    }
  }
}

}  // namespace
}  // namespace skein
