#include "sampling/row_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "numbers/exp.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

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

// A row of three blocks and a part of a fourth.
std::vector<float> Row(uint32_t seed) {
  std::vector<float> row;
  for (uint32_t i = 0; i < 4; ++i) {
    const std::vector<float> block = Block(seed * 4 + i);
    row.insert(row.end(), block.begin(), block.end());
  }
  row.resize(row.size() - seed % kLogitBlockSize);
  return row;
}

TEST(RowKernelsTest, EveryMachineWeighsToTheSameBits) {
  const RowKernels& plainest = *UsableRowKernels().back();
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> row = Row(seed);
    std::vector<float> expected(row.size());
    std::vector<double> expected_sums(4);
    plainest.weigh(row.data(), row.size(), 0.0f, 1.25f, expected.data());
    plainest.sum_blocks(expected.data(), row.size(), expected_sums.data());
    for (size_t i = 0; i < row.size(); ++i) ASSERT_EQ(expected[i], ExpNonPositive(row[i] * 1.25f));
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<float> weights(row.size());
      std::vector<double> sums(4);
      kernels->weigh(row.data(), row.size(), 0.0f, 1.25f, weights.data());
      kernels->sum_blocks(weights.data(), row.size(), sums.data());
      ASSERT_EQ(weights, expected) << kernels->name << ", seed " << seed;
      ASSERT_EQ(sums, expected_sums) << kernels->name << ", seed " << seed;
    }
  }
}

TEST(RowKernelsTest, EveryMachineSumsFromTheSameFloors) {
  const std::vector<float> floors = {kInfinity, 0.0f, -1.0f, -2.5f, -2.5f, -10.0f, -200.0f, -kInfinity};
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> row = Row(seed);
    std::vector<float> weights(row.size());
    for (size_t i = 0; i < row.size(); ++i) weights[i] = static_cast<float>(i % 7);
    std::vector<float> expected(kNumFloors);
    std::vector<float> expected_counts(kNumFloors);
    for (size_t k = 0; k < kNumFloors; ++k) {
      for (size_t i = 0; i < row.size(); ++i) {
        expected[k] += row[i] >= floors[k] ? weights[i] : 0;
        expected_counts[k] += row[i] >= floors[k] ? 1 : 0;
      }
    }
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<float> sums(kNumFloors);
      kernels->sum_from(row.data(), weights.data(), row.size(), floors.data(), sums.data());
      ASSERT_EQ(sums, expected) << kernels->name << ", seed " << seed;
      kernels->sum_from(row.data(), nullptr, row.size(), floors.data(), sums.data());
      ASSERT_EQ(sums, expected_counts) << kernels->name << ", seed " << seed;
    }
  }
}

TEST(RowKernelsTest, EveryMachineKeepsTheSameBetween) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    const std::vector<float> row = Row(seed);
    const float high = seed % 5 == 0 ? kInfinity : row[seed % row.size()];
    const float low = seed % 7 == 0 ? -kInfinity : high - 5.0f;
    std::vector<float> expected;
    double above = 0;
    for (const float logit : row) {
      above += logit >= high ? 1 : 0;
      if (logit >= low && !(logit >= high)) expected.push_back(logit);
    }
    const std::vector<float> weights(row.size(), 0.5f);
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<float> kept(row.size() + kKeepSlack);
      std::vector<float> kept_weights(row.size() + kKeepSlack);
      const Kept counted =
          kernels->keep_between(row.data(), nullptr, row.size(), high, low, kept.data(), kept_weights.data());
      EXPECT_EQ(counted.above, above) << kernels->name << ", seed " << seed;
      EXPECT_EQ(counted.within, static_cast<double>(expected.size())) << kernels->name << ", seed " << seed;
      const Kept weighed =
          kernels->keep_between(row.data(), weights.data(), row.size(), high, low, kept.data(), kept_weights.data());
      ASSERT_EQ(weighed.size, expected.size()) << kernels->name << ", seed " << seed;
      EXPECT_EQ(weighed.above, above / 2) << kernels->name << ", seed " << seed;
      EXPECT_EQ(weighed.within, static_cast<double>(expected.size()) / 2) << kernels->name << ", seed " << seed;
      kept.resize(expected.size());
      ASSERT_EQ(kept, expected) << kernels->name << ", seed " << seed;
      for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(kept_weights[i], 0.5f) << kernels->name;
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
    std::vector<float> values(block);
    for (float& value : values) value = -value;
    std::vector<float> expected;
    uint64_t expected_mask = 0;
    for (size_t i = 0; i < size; ++i) {
      if (block[i] < floor) continue;
      expected.push_back(block[i]);
      expected_mask |= uint64_t{1} << i;
    }
    for (const RowKernels* kernels : UsableRowKernels()) {
      std::vector<float> kept(size + kKeepSlack);
      const uint64_t mask = kernels->keep_from(block.data(), values.data(), size, floor, kept.data());
      ASSERT_EQ(mask, expected_mask) << kernels->name << ", seed " << seed;
      for (size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(kept[i], -expected[i]) << kernels->name;
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
