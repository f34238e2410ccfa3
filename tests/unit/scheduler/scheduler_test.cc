#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <vector>

namespace skein {
namespace {

constexpr uint32_t kAnySlots = 1000;

Candidate Decode(uint64_t id, uint64_t last_turn = 0) {
  return {.id = id, .last_turn = last_turn, .num_tokens = 1, .decodes = true};
}
Candidate Prompt(uint64_t id, uint64_t num_tokens, uint64_t last_turn = 0) {
  return {.id = id, .last_turn = last_turn, .num_tokens = num_tokens, .decodes = false};
}

uint64_t Total(absl::Span<const Share> shares) {
  uint64_t total = 0;
  for (const Share& share : shares) total += share.num_tokens;
  return total;
}

std::map<uint32_t, uint32_t> ByCandidate(absl::Span<const Share> shares) {
  std::map<uint32_t, uint32_t> result;
  for (const Share& share : shares) EXPECT_TRUE(result.emplace(share.candidate, share.num_tokens).second);
  return result;
}

// The tokens that the candidates get in a step of these limits.
std::map<uint32_t, uint32_t> Plan(StepLimits limits, const std::vector<Candidate>& candidates,
                                  uint32_t max_shares = kAnySlots) {
  return ByCandidate(Scheduler(limits, 100).Plan(candidates, max_shares));
}

// Runs steps over candidates that never end, and counts the steps that each is in.
std::map<uint64_t, int> CountTurns(StepLimits limits, std::vector<Candidate> candidates, int num_steps,
                                   uint32_t max_shares = kAnySlots) {
  Scheduler scheduler(limits, 100);
  std::map<uint64_t, int> turns;
  uint64_t turn = 0;
  for (int step = 1; step <= num_steps; ++step) {
    for (const Share& share : scheduler.Plan(candidates, max_shares)) {
      candidates[share.candidate].last_turn = ++turn;
      ++turns[candidates[share.candidate].id];
    }
  }
  return turns;
}

TEST(SchedulerTest, NoCandidatesNoStep) { EXPECT_TRUE(Plan({8, 4}, {}).empty()); }

TEST(SchedulerTest, NoSlotNoStep) { EXPECT_TRUE(Plan({8, 4}, {Decode(1)}, 0).empty()); }

TEST(SchedulerTest, NoMoreStreamsDecodeThanAllowedAndPromptsHaveTheRest) {
  Scheduler scheduler({16, 8}, 100);
  const std::vector<Candidate> candidates = {Decode(1, 3), Decode(2, 1), Decode(3, 2), Prompt(4, 100)};
  EXPECT_EQ(ByCandidate(scheduler.Plan(candidates, kAnySlots, 2)),
            (std::map<uint32_t, uint32_t>{{1, 1}, {2, 1}, {3, 14}}));
}

TEST(SchedulerTest, OnePromptTakesTheWholeBudget) {
  EXPECT_EQ(Plan({32, 4}, {Prompt(1, 100)}), (std::map<uint32_t, uint32_t>{{0, 32}}));
}

TEST(SchedulerTest, EveryDecodingStreamIsInTheStepBesideALongPrompt) {
  EXPECT_EQ(Plan({16, 8}, {Prompt(1, 1000), Decode(2), Decode(3), Decode(4)}),
            (std::map<uint32_t, uint32_t>{{0, 13}, {1, 1}, {2, 1}, {3, 1}}));
}

TEST(SchedulerTest, PromptsShareEquallyAndWhatOneLeavesGoesToTheOthers) {
  auto shares = Plan({30, 8}, {Prompt(1, 2), Prompt(2, 100), Prompt(3, 100)});
  EXPECT_EQ(shares[0], 2u);
  EXPECT_GE(shares[1], 10u);
  EXPECT_GE(shares[2], 10u);
  EXPECT_EQ(shares[0] + shares[1] + shares[2], 30u);
}

TEST(SchedulerTest, LimitsHoldForAnyMixture) {
  for (uint32_t max_tokens = 1; max_tokens < 20; ++max_tokens) {
    for (uint32_t max_entries = 1; max_entries < 6; ++max_entries) {
      for (uint32_t max_shares = 1; max_shares < 6; ++max_shares) {
        std::vector<Candidate> candidates;
        for (uint64_t i = 0; i < 9; ++i) candidates.push_back(i % 3 == 0 ? Decode(i, i % 4) : Prompt(i, i * i, i % 4));
        Scheduler scheduler({max_tokens, max_entries}, 9);
        const auto shares = scheduler.Plan(candidates, max_shares);
        EXPECT_FALSE(shares.empty());
        EXPECT_LE(shares.size(), std::min(max_entries, max_shares));
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
  const auto turns = CountTurns({100, 2}, {Decode(1), Decode(2), Decode(3), Decode(4), Decode(5)}, 5);
  for (const auto& [id, times] : turns) EXPECT_EQ(times, 2) << "stream " << id;
  EXPECT_EQ(turns.size(), 5u);
}

TEST(SchedulerTest, MoreStreamsThanSlotsTakeTurns) {
  const auto turns = CountTurns({100, 50}, {Prompt(1, 100000), Prompt(2, 100000), Prompt(3, 100000)}, 6, 2);
  for (const auto& [id, times] : turns) EXPECT_EQ(times, 4) << "stream " << id;
}

TEST(SchedulerTest, TurnFollowsTheStreamWhenOthersCome) {
  // Stream 7 had its turn before the others, and comes first although newer streams stand before it in the list.
  EXPECT_EQ(Plan({8, 1}, {Decode(8, 5), Decode(9, 5), Decode(7, 4)}), (std::map<uint32_t, uint32_t>{{2, 1}}));
}

TEST(SchedulerTest, PromptIsReadThoughDecodingStreamsFillTheStep) {
  std::vector<Candidate> candidates(8, Candidate());
  for (uint64_t i = 0; i < 8; ++i) candidates[i] = Decode(i);
  candidates.push_back(Prompt(8, 1000));
  const auto turns = CountTurns({8, 8}, candidates, 20);
  EXPECT_EQ(turns.at(8), 20);
  for (uint64_t i = 0; i < 8; ++i) EXPECT_GE(turns.at(i), 8) << "stream " << i;
}

TEST(SchedulerTest, DecodingStreamsAllFitBesideAShortPrompt) {
  EXPECT_EQ(Plan({4, 8}, {Decode(1), Decode(2), Decode(3), Prompt(4, 1)}).size(), 4u);
}

TEST(SchedulerTest, StepOfOneEntryGoesToBothKindsInTurn) {
  const auto turns = CountTurns({64, 1}, {Decode(1), Prompt(2, 100000)}, 10);
  EXPECT_EQ(turns.at(1), 5);
  EXPECT_EQ(turns.at(2), 5);
}

}  // namespace
}  // namespace skein
