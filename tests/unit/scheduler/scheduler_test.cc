#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace skein {
namespace {

uint64_t Total(const std::vector<Share>& shares) {
  uint64_t total = 0;
  for (const Share& share : shares) total += share.num_tokens;
  return total;
}

std::map<uint32_t, uint32_t> ByCandidate(const std::vector<Share>& shares) {
  std::map<uint32_t, uint32_t> result;
  for (const Share& share : shares) EXPECT_TRUE(result.emplace(share.candidate, share.num_tokens).second);
  return result;
}

TEST(SchedulerTest, NoCandidatesNoStep) { EXPECT_TRUE(Scheduler({8, 4}).Plan({}).empty()); }

TEST(SchedulerTest, OnePromptTakesTheWholeBudget) {
  const std::vector<Candidate> candidates = {{100, false}};
  EXPECT_EQ(ByCandidate(Scheduler({32, 4}).Plan(candidates)), (std::map<uint32_t, uint32_t>{{0, 32}}));
}

TEST(SchedulerTest, EveryDecodingStreamIsInTheStepBesideALongPrompt) {
  const std::vector<Candidate> candidates = {{1000, false}, {1, true}, {1, true}, {1, true}};
  EXPECT_EQ(ByCandidate(Scheduler({16, 8}).Plan(candidates)),
            (std::map<uint32_t, uint32_t>{{0, 13}, {1, 1}, {2, 1}, {3, 1}}));
}

TEST(SchedulerTest, PromptsShareEquallyAndWhatOneLeavesGoesToTheOthers) {
  const std::vector<Candidate> candidates = {{2, false}, {100, false}, {100, false}};
  const auto shares = Scheduler({30, 8}).Plan(candidates);
  EXPECT_EQ(ByCandidate(shares)[0], 2u);
  EXPECT_GE(ByCandidate(shares)[1], 10u);
  EXPECT_GE(ByCandidate(shares)[2], 10u);
  EXPECT_EQ(Total(shares), 30u);
}

TEST(SchedulerTest, LimitsHoldForAnyMixture) {
  for (uint32_t max_tokens = 1; max_tokens < 20; ++max_tokens) {
    for (uint32_t max_entries = 1; max_entries < 6; ++max_entries) {
      Scheduler scheduler({max_tokens, max_entries});
      std::vector<Candidate> candidates;
      for (uint64_t i = 0; i < 9; ++i) candidates.push_back({i % 3 == 0 ? 1 : i * i, i % 3 == 0});
      for (int step = 0; step < 5; ++step) {
        const auto shares = scheduler.Plan(candidates);
        EXPECT_FALSE(shares.empty());
        EXPECT_LE(shares.size(), max_entries);
        EXPECT_LE(Total(shares), max_tokens);
        for (const auto& [candidate, num_tokens] : ByCandidate(shares)) {
          EXPECT_GE(num_tokens, 1u);
          EXPECT_LE(num_tokens, candidates[candidate].num_tokens);
        }
      }
    }
  }
}

TEST(SchedulerTest, MoreStreamsThanEntriesTakeTurns) {
  Scheduler scheduler({100, 2});
  const std::vector<Candidate> candidates(5, Candidate{1, true});
  std::map<uint32_t, int> times;
  for (int step = 0; step < 5; ++step) {
    for (const Share& share : scheduler.Plan(candidates)) ++times[share.candidate];
  }
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(times[i], 2) << "stream " << i;
}

}  // namespace
}  // namespace skein
