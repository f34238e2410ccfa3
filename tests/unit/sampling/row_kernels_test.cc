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
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> block = Block(seed);
    const size_t size = seed % 3 == 0 ? seed % kLogitBlockSize : kLogitBlockSize;
    std::vector<float> plain(kLogitBlockSize, 9.0f);
    std::vector<float> best(kLogitBlockSize, 9.0f);
    const double plain_sum = PlainRowKernels().weigh_block(block.data(), size, 0.0f, 1.25f, plain.data());
    const double best_sum = BestRowKernels().weigh_block(block.data(), size, 0.0f, 1.25f, best.data());
    ASSERT_EQ(std::bit_cast<uint64_t>(plain_sum), std::bit_cast<uint64_t>(best_sum)) << "seed " << seed;
    ASSERT_EQ(plain, best) << "seed " << seed;
  }
}

TEST(RowKernelsTest, EveryMachineFindsTheSameBuckets) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> block = Block(seed);
    const BucketScale scale = {0.0f, 511 / 17.0f, 511};
    std::vector<uint32_t> plain(kLogitBlockSize);
    std::vector<uint32_t> best(kLogitBlockSize);
    PlainRowKernels().find_buckets(block.data(), scale, plain.data());
    BestRowKernels().find_buckets(block.data(), scale, best.data());
    ASSERT_EQ(plain, best) << "seed " << seed;
    for (size_t i = 0; i < kLogitBlockSize; ++i) {
      ASSERT_EQ(plain[i], static_cast<uint32_t>(std::min(511.0f, -block[i] * scale.scale))) << "logit " << block[i];
    }
  }
}

TEST(RowKernelsTest, EveryMachineCopiesAndSummarisesAlike) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::vector<float> block = Block(seed);
    if (seed % 2 == 1) block[seed % kLogitBlockSize] = std::nanf("");
    for (const RowKernels* kernels : {&PlainRowKernels(), &BestRowKernels()}) {
      std::vector<float> copy(kLogitBlockSize);
      const BlockSummary summary = kernels->copy_block(block.data(), copy.data());
      ASSERT_EQ(summary.has_nan, seed % 2 == 1) << kernels->name << ", seed " << seed;
      if (summary.has_nan) continue;
      EXPECT_EQ(copy, block) << kernels->name << ", seed " << seed;
      EXPECT_EQ(summary.max, *std::max_element(block.begin(), block.end())) << kernels->name << ", seed " << seed;
      EXPECT_EQ(summary.min, *std::min_element(block.begin(), block.end())) << kernels->name << ", seed " << seed;
    }
  }
}

}  // namespace
}  // namespace skein
