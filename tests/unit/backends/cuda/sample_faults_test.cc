// The kernel that finishes logits under the detector: it accesses nothing that is not its own, and each of its barriers
// is missed when it is left out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "cuda/kernels/sample.h"
#include "cuda_emulator/control.h"
#include "tests/unit/backends/cuda/logit_rows.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kVocabSize = 150;  // five warps have a part of it
constexpr uint32_t kSeeds = 8;

// Rows of all kinds of wishes.
LogitRows AllKinds() {
  std::mt19937_64 random(1);
  LogitRows rows(kVocabSize);
  const std::vector<skein_bias> biases = {{1, 0.5f}, {1, -0.25f}, {140, 1.0f}, {149, -2.0f}};
  const std::vector<uint32_t> mask = {0xFFFFFFF0u, 0x7FFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, 0x003FFFFFu};
  const auto logits = [&] { return RandomLogits(random, kVocabSize); };
  SamplingParams params;
  // Borders behind more tokens than a warp has threads: of a nucleus, and among ties.
  std::vector<float> flat(kVocabSize), ties(kVocabSize, 1.0f);
  for (uint32_t i = 0; i < kVocabSize; ++i) flat[i] = 2 - 0.001f * static_cast<float>(i * 7 % kVocabSize);
  for (uint32_t i = 0; i < 60; ++i) ties[i * 7 % kVocabSize] = 3 - 0.001f * static_cast<float>(i);
  for (uint32_t i = 60; i < 80; ++i) ties[i * 7 % kVocabSize] = 2.5f;
  params.top_p = 0.4;
  rows.Add(flat, WishFor(params, 0.99));
  params.top_p = 1;
  params.top_k = 70;
  rows.Add(ties, WishFor(params, 0.3));
  params.top_k = 0;
  rows.Add(logits(), WishFor(params, 0.7), biases);
  params.top_k = 9;
  params.top_p = 0.8;
  rows.Add(logits(), WishFor(params, 0.2), biases, mask);
  rows.Add(std::vector<float>(kVocabSize, 2.0f), WishFor(params, 0.9));
  params.temperature = 0;
  rows.Add(logits(), WishFor(params, 0.7), {}, mask);
  rows.Add(logits(), WishFor(LogitOutput::kGreatest, 10), biases);
  rows.Add(std::vector<float>(kVocabSize, 2.0f), WishFor(LogitOutput::kGreatest, 40));
  rows.Add(logits(), WishFor(LogitOutput::kLogits), biases, mask);
  // Fewer tokens than are wanted.
  rows.Add(logits(), WishFor(LogitOutput::kGreatest, 10), {}, {0x00001110u, 0u, 0u, 0u, 0u});
  return rows;
}

// A run in words: results, or what the detector found. `least_slice`: as of LogitRows.
std::string Outcome(uint64_t seed, uint32_t least_slice, const std::function<void()>& spoil) {
  emulator::Options options;
  options.seed = seed;
  emulator::Configure(options);
  emulator::TakeErrors();
  LogitRows rows = AllKinds();
  spoil();
  const bool is_finished = rows.Finish(2, least_slice);
  std::string text;
  for (const emulator::Error& error : emulator::TakeErrors()) text += error.message + "\n";
  if (!is_finished) text += "the device stopped\n";
  if (!text.empty()) return text;
  for (size_t i = 0; i < rows.size(); ++i) {
    const LogitResult& result = rows.result(i);
    text += std::to_string(static_cast<int>(result.status)) + " ";
    if (i < 6) text += std::to_string(result.token) + " " + std::to_string(result.log_sum_exp);
    for (uint32_t rank = 0; i >= 6 && i != 8 && rank < 10; ++rank) {
      text += " " + std::to_string(rows.greatest(i)[rank].token);
    }
    text += "\n";
  }
  return text;
}

// With one block a row, and with several.
std::string Outcome(uint64_t seed, const std::function<void()>& spoil) {
  const std::string one = Outcome(seed, 0, spoil);
  return one + Outcome(seed, 16, spoil);
}

TEST(SampleFaultsTest, EverySeedGivesTheSameAndNothingIsAccused) {
  const std::string expected = Outcome(1, [] {});
  EXPECT_THAT(expected, testing::Not(testing::HasSubstr("thread")));
  for (uint64_t seed = 2; seed <= kSeeds; ++seed) EXPECT_EQ(Outcome(seed, [] {}), expected);
}

bool IsSeen(const std::string& expected, const std::function<void()>& spoil) {
  bool is_seen = false;
  for (uint64_t seed = 1; seed <= kSeeds && !is_seen; ++seed) {
    is_seen = Outcome(seed, spoil) != expected;
    emulator::EnableBarriers();
    emulator::ShiftIndex(emulator::IndexFault::kNone, 0);
  }
  return is_seen;
}

TEST(SampleFaultsTest, EachBarrierIsNeeded) {
  const std::string expected = Outcome(1, [] {});
  const std::vector<emulator::BarrierSite> sites = emulator::BarrierSites();
  for (const emulator::BarrierSite& site : sites) {
    EXPECT_TRUE(IsSeen(expected, [&] { emulator::DisableBarrier(site); })) << site.kind << " at line " << site.line;
  }
  EXPECT_EQ(sites.size(), 26u);
}

TEST(SampleFaultsTest, AThreadOrABlockInTheWrongPlaceIsSeen) {
  const std::string expected = Outcome(1, [] {});
  using emulator::IndexFault;
  for (const int by : {-1, 1}) {
    EXPECT_TRUE(IsSeen(expected, [&] { emulator::ShiftIndex(IndexFault::kThread, by); })) << "thread by " << by;
    EXPECT_TRUE(IsSeen(expected, [&] { emulator::ShiftIndex(IndexFault::kBlock, by); })) << "block by " << by;
  }
  EXPECT_TRUE(IsSeen(expected, [&] { emulator::ShiftIndex(IndexFault::kExtraBlock, 1); }));
}

}  // namespace
}  // namespace skein::cuda
