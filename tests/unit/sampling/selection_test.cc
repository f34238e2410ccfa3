#include "sampling/selection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "numbers/exp.h"

namespace skein {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

LogitBlocks Blocks(const std::vector<float>& logits) {
  LogitBlocks blocks;
  blocks.Assign(logits);
  EXPECT_TRUE(blocks.Summarise().ok());
  return blocks;
}

// One weight for each logit and for the padding of its blocks.
std::vector<float> WeightsOf(const LogitBlocks& row) {
  std::vector<float> weights(row.num_blocks() * LogitBlocks::kBlockSize, 0.0f);
  for (size_t i = 0; i < row.logits().size(); ++i) weights[i] = ExpNonPositive(row.logits()[i] - row.max());
  return weights;
}

// By a sort of the whole row.
Crossing Sorted(const LogitBlocks& row, bool has_weights, double wanted) {
  std::vector<float> sorted(row.logits().begin(), row.logits().end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  Crossing crossing{sorted[0], 0};
  double sum = 0;
  for (const float logit : sorted) {
    if (logit != crossing.logit) crossing = {logit, sum};
    sum += has_weights ? double{ExpNonPositive(logit - row.max())} : 1.0;
    if (sum >= wanted) break;
  }
  return crossing;
}

struct Row {
  const char* name;
  float (*logit)(uint32_t random, size_t token);
};

std::vector<float> Logits(const Row& row, size_t size, std::mt19937& generator) {
  std::vector<float> logits(size);
  for (size_t token = 0; token < size; ++token) logits[token] = row.logit(generator(), token);
  return logits;
}

constexpr Row kRows[] = {
    {"flat", [](uint32_t random, size_t) { return static_cast<float>(random) * 0x1p-32f; }},
    {"far_from_zero", [](uint32_t random, size_t) { return 1e6f + static_cast<float>(random % 16) / 16; }},
    {"steep", [](uint32_t random, size_t) { return -80 * static_cast<float>(random) * 0x1p-32f; }},
    {"cliff", [](uint32_t random, size_t token) { return token == 5 ? 12.0f : static_cast<float>(random) * 0x1p-42f; }},
    {"neighbours", [](uint32_t random, size_t) { return std::nextafter(1.0f, random % 2 == 0 ? 2.0f : 0.0f); }},
    {"banned", [](uint32_t random, size_t) { return random % 4 == 0 ? static_cast<float>(random >> 8) : -kInfinity; }},
    {"huge", [](uint32_t random, size_t) { return random % 2 == 0 ? 3e38f : -3e38f; }},
    {"tiny", [](uint32_t random, size_t) { return static_cast<float>(random % 7) * 1e-45f; }},
    {"below_a_huge_one",
     [](uint32_t random, size_t token) { return token == 5 ? 1e30f : static_cast<float>(random % 9); }},
};

class SelectionTest : public testing::TestWithParam<Row> {
 protected:
  // Rows of several sizes, none of which bans every token.
  static std::vector<std::vector<float>> RowsOfSizes(uint32_t seed) {
    std::mt19937 generator(seed);
    std::vector<std::vector<float>> rows;
    for (const size_t size : {3000, 20, 1, 64, 129}) {
      rows.push_back(Logits(GetParam(), size, generator));
      if (*std::max_element(rows.back().begin(), rows.back().end()) == -kInfinity) rows.pop_back();
    }
    return rows;
  }
};

TEST_P(SelectionTest, FindsTheTokenOfARank) {
  SelectionScratch scratch;
  for (const std::vector<float>& logits : RowsOfSizes(7)) {
    const size_t size = logits.size();
    const LogitBlocks row = Blocks(logits);
    for (const double share : {0.0, 0.01, 0.3, 0.7, 1.0}) {
      const double rank = 1 + std::floor(share * static_cast<double>(size - 1));
      const Crossing expected = Sorted(row, false, rank);
      const Crossing found = FindCount(row, rank, -kInfinity, scratch);
      EXPECT_EQ(found.logit, expected.logit) << "rank " << rank << " of " << size;
      EXPECT_EQ(found.above, expected.above) << "rank " << rank << " of " << size;
    }
  }
}

TEST_P(SelectionTest, FindsTheTokenThatCompletesAMass) {
  SelectionScratch scratch;
  for (const std::vector<float>& logits : RowsOfSizes(11)) {
    const size_t size = logits.size();
    const LogitBlocks row = Blocks(logits);
    const std::vector<float> weights = WeightsOf(row);
    double total = 0;
    for (const float weight : weights) total += weight;
    // Not where a sum of equal weights meets it up to rounding.
    for (const double share : {0.0, 0.012345678, 0.3456789, 0.9123456, 0.9999123}) {
      const Crossing expected = Sorted(row, true, share * total);
      const Crossing found = FindMass(row, weights.data(), share * total, -kInfinity, scratch);
      EXPECT_EQ(found.logit, expected.logit) << "share " << share << " of " << size;
      EXPECT_NEAR(found.above, expected.above, 1e-9 * total) << "share " << share << " of " << size;
    }
  }
}

// Whatever is found below `least` is not above it, and what is found from it on is the same as without.
TEST_P(SelectionTest, FindsTheSameAboveTheLeast) {
  std::mt19937 generator(13);
  SelectionScratch scratch;
  const std::vector<float> logits = Logits(GetParam(), 3000, generator);
  const LogitBlocks row = Blocks(logits);
  for (const double rank : {1.0, 100.0, 1500.0, 2999.0}) {
    const Crossing all = FindCount(row, rank, -kInfinity, scratch);
    for (const size_t token : {5, 100, 2000}) {
      const float least = logits[token];
      const Crossing found = FindCount(row, rank, least, scratch);
      if (all.logit < least) {
        EXPECT_LE(found.logit, least) << "rank " << rank;
      } else {
        EXPECT_EQ(found.logit, all.logit) << "rank " << rank;
        EXPECT_EQ(found.above, all.above) << "rank " << rank;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, SelectionTest, testing::ValuesIn(kRows),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(FindMassTest, WithAMassThatIsNotThereGivesTheLeastToken) {
  const LogitBlocks row = Blocks({1, 3, 2});
  SelectionScratch scratch;
  EXPECT_EQ(FindMass(row, WeightsOf(row).data(), 100.0, -kInfinity, scratch).logit, 1.0f);
}

}  // namespace
}  // namespace skein
