#include "state/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/failing_allocator.h"

namespace skein {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<uint32_t> TokensOf(const History& history) {
  std::vector<uint32_t> tokens(history.end() - history.begin());
  history.ReadTokens(history.begin(), absl::MakeSpan(tokens));
  return tokens;
}

std::shared_ptr<const SamplerState> SamplerWith(std::vector<Occurrence> occurrences) {
  SamplerState state;
  state.occurrences = std::move(occurrences);
  return std::make_shared<const SamplerState>(std::move(state));
}

class HistoryTest : public testing::Test {
 protected:
  explicit HistoryTest(uint64_t max_states = 8) : store_(std::make_shared<CheckpointStore>(max_states, 100)) {}

  History NewHistory(uint64_t position = 0) const { return History(store_, position, StateRef()); }
  History Fed(uint64_t num_tokens) const {
    History history = NewHistory();
    Feed(history, num_tokens);
    return history;
  }
  static void Feed(History& history, uint64_t num_tokens) {
    std::vector<uint32_t> tokens(num_tokens);
    std::iota(tokens.begin(), tokens.end(), static_cast<uint32_t>(history.end()));
    history.Append(tokens);
  }
  StateRef NewState() const { return pool_->Acquire(); }
  void Keep(History& history, CheckpointKind kind = CheckpointKind::kPart) const { history.Keep(NewState(), kind, 0); }
  static std::vector<uint64_t> Kept(const History& history) {
    std::vector<uint64_t> positions;
    for (const StreamCheckpoint& checkpoint : history.Checkpoints(UINT64_MAX)) {
      if (checkpoint.num_bytes > 0) positions.push_back(checkpoint.position);
    }
    return positions;
  }

  const std::shared_ptr<StatePool> pool_ = StatePool::Create(64);
  const std::shared_ptr<CheckpointStore> store_;
};

// --- tokens ---

TEST_F(HistoryTest, RandomHistoriesAreTheirTokens) {
  struct Both {
    History history;
    std::vector<uint32_t> tokens;
  };
  std::mt19937 random(7);
  const auto below = [&random](uint64_t bound) { return random() % bound; };
  std::vector<Both> all = {{NewHistory(), {}}};
  for (int i = 0; i < 20'000; ++i) {
    Both& one = all[below(all.size())];
    switch (below(8)) {
      case 0:
        if (all.size() < 40) all.push_back(Both(one));
        break;
      case 1:
        if (all.size() > 1) std::swap(one, all.back()), all.pop_back();
        break;
      case 2: {
        const uint64_t position = below(one.tokens.size() + 1);
        one.tokens.resize(position);
        one.history = one.history.Until(position);
        break;
      }
      case 3:
        one.history.Keep(NewState(), below(2) == 0 ? CheckpointKind::kTurn : CheckpointKind::kPart, below(1000));
        break;
      default: {
        std::vector<uint32_t> tokens(below(6) == 0 ? below(700) : 1 + below(3));
        for (uint32_t& token : tokens) token = random();
        one.tokens.insert(one.tokens.end(), tokens.begin(), tokens.end());
        one.history.Append(tokens);
      }
    }
    const Both& seen = all[below(all.size())];
    ASSERT_EQ(seen.history.end(), seen.tokens.size());
    ASSERT_EQ(TokensOf(seen.history), seen.tokens) << "after " << i;
    ASSERT_LE(store_->num_states(), store_->max_states());
  }
  all.clear();
  EXPECT_EQ(store_->num_states(), 0u);
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(HistoryTest, ReadsAnyPart) {
  const History history = Fed(1000);
  std::vector<uint32_t> tokens(400);
  history.ReadTokens(300, absl::MakeSpan(tokens));
  EXPECT_EQ(tokens.front(), 300u);
  EXPECT_EQ(tokens.back(), 699u);
}

TEST_F(HistoryTest, BeginsBehindTokensThatAreNotKnown) {
  History history = NewHistory(500);
  EXPECT_EQ(history.begin(), 500u);
  EXPECT_EQ(history.end(), 500u);
  const uint32_t tokens[] = {7, 8};
  history.Append(tokens);
  EXPECT_EQ(TokensOf(history), (std::vector<uint32_t>{7, 8}));
}

TEST_F(HistoryTest, RecordsNothingWithoutAStore) {
  History history;
  const uint32_t tokens[] = {7, 8};
  history.Append(tokens);
  history.Keep(NewState(), CheckpointKind::kTurn, 0);
  EXPECT_FALSE(history.is_recorded());
  EXPECT_EQ(history.end(), 0u);
  EXPECT_THAT(history.Checkpoints(10), IsEmpty());
  EXPECT_EQ(history.LastKept(), std::nullopt);
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(HistoryTest, AMillionNodesAreFreedWithoutRecursion) {
  History history = NewHistory();
  const uint32_t token = 1;
  for (int i = 0; i < 1'000'000; ++i) {
    history.Append({&token, 1});
    history.SetName("", history.end());
  }
  history = History();
}

TEST_F(HistoryTest, AllocatesOnceInManyTokens) {
  History history = Fed(300);
  const uint32_t token = 1;
  test::AllocationFault count(test::AllocationFault::kForever, test::AllocatingThreads::kThis);
  for (int i = 0; i < 2560; ++i) history.Append({&token, 1});
  count.Disarm();
  EXPECT_LE(count.count(), 2 * 11u);
}

TEST_F(HistoryTest, WithoutMemoryTheHistoryIsWhatItWas) {
  const std::vector<uint32_t> more(700, 5);
  History history;
  bool was_added = false;
  const uint64_t num_failures = test::WalkAllocations(
      test::AllocatingThreads::kThis,
      [&] {
        history = History();
        was_added = false;
        try {
          history = Fed(100).Until(90);
          history.Append(more);
          was_added = true;
        } catch (const std::bad_alloc&) {
        }
      },
      [&](uint64_t, bool) {
        if (!history.is_recorded()) return;  // there was no memory for its first tokens
        EXPECT_EQ(history.end(), was_added ? 790u : 90u);
        EXPECT_EQ(TokensOf(history)[89], 89u);
        history.Append(more);
        EXPECT_EQ(TokensOf(history).back(), 5u);
      });
  EXPECT_GT(num_failures, 4u);
}

TEST_F(HistoryTest, ForksOnManyThreadsWriteTheirOwnTokens) {
  const History common = Fed(100);
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < 8; ++i) {
    threads.emplace_back([&common, i] {
      History own = common;
      for (int k = 0; k < 1000; ++k) own.Append({&i, 1});
      const std::vector<uint32_t> tokens = TokensOf(own);
      EXPECT_EQ(tokens[99], 99u);
      EXPECT_EQ(std::vector<uint32_t>(tokens.begin() + 100, tokens.end()), std::vector<uint32_t>(1000, i));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// --- the memory of the sampler ---

TEST_F(HistoryTest, SamplerIsAsItWasAtEveryPlace) {
  const auto before = SamplerWith({{90, 2.0}});
  History history(store_, 10, StateRef(), before);
  const uint32_t prompt[] = {1, 2, 3};
  SamplerState sampler;
  history.Append(prompt, std::make_shared<const SamplerState>(sampler));
  std::vector<SamplerState> expected = {*before, sampler, sampler, sampler};
  for (uint32_t i = 0; i < 600; ++i) {
    const uint32_t token = i % 7;
    CountOccurrence(token, 0.9, sampler.occurrences);
    history.Append({&token, 1}, std::make_shared<const SamplerState>(sampler), 0.9);
    expected.push_back(sampler);
  }
  const auto next = SamplerWith({});
  history.Append(prompt, next);
  for (int i = 0; i < 3; ++i) expected.push_back(*next);
  for (uint64_t i = 0; i < expected.size(); ++i) {
    const auto found = history.Until(10 + i).SamplerAtEnd();
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(*found, expected[i]) << "behind " << i << " tokens";
  }
}

TEST_F(HistoryTest, WithoutARequestThereIsNoSampler) {
  EXPECT_EQ(Fed(10).SamplerAtEnd(), nullptr);
  EXPECT_EQ(NewHistory().SamplerAtEnd(), nullptr);
}

// --- checkpoints ---

TEST_F(HistoryTest, TheLastKeptStateIsFoundFromEveryPlace) {
  History history = Fed(300);
  const StateRef first = NewState(), second = NewState();
  history.Keep(first, CheckpointKind::kTurn, 0);
  Feed(history, 100);
  history.Keep(second, CheckpointKind::kPart, 0);
  Feed(history, 10);
  EXPECT_EQ(history.Until(299).LastKept()->history.end(), 0u) << "the start is always kept";
  for (const uint64_t position : {300, 399}) {
    const auto place = history.Until(position).LastKept();
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(place->history.end(), 300u);
    EXPECT_EQ(place->state.slot(), first.slot());
  }
  EXPECT_EQ(history.LastKept()->history.end(), 400u);
  EXPECT_EQ(history.LastKept()->state.slot(), second.slot());
}

TEST_F(HistoryTest, TheStartIsItsOwnState) {
  const StateRef start = NewState();
  History history(store_, 0, start);
  Feed(history, 10);
  EXPECT_EQ(history.LastKept()->state, start);
  History behind(store_, 5, start);
  EXPECT_EQ(behind.LastKept(), std::nullopt) << "a state behind unknown tokens is kept as any other";
}

TEST_F(HistoryTest, ForksShareTheStatesUpToWhereTheyPart) {
  History history = Fed(300);
  Keep(history);
  History fork = history, common = history;
  Feed(history, 100);
  Keep(history);
  Feed(fork, 50);
  Keep(fork);
  Keep(common);
  EXPECT_THAT(Kept(history), ElementsAre(300, 400));
  EXPECT_THAT(Kept(fork), ElementsAre(300, 350));
  EXPECT_EQ(store_->num_states(), 3u);
  common = History();
  history = History();
  EXPECT_EQ(store_->num_states(), 2u) << "what is of one stream goes with it";
}

TEST_F(HistoryTest, TheStartOfAStreamNeedsNoState) {
  History history = NewHistory();
  Keep(history, CheckpointKind::kTurn);
  EXPECT_EQ(store_->num_states(), 0u);
}

TEST_F(HistoryTest, CountsTokensSinceAStateWasKept) {
  History history = Fed(100);
  EXPECT_EQ(history.num_since_kept(), 100u);
  Keep(history);
  Feed(history, 60);
  EXPECT_EQ(history.num_since_kept(), 60u);
  EXPECT_EQ(history.Until(130).num_since_kept(), 30u);
  EXPECT_EQ(history.Until(90).num_since_kept(), 90u);
}

TEST_F(HistoryTest, WithoutMemoryAStateIsNotKept) {
  History history = Fed(100);
  {
    const test::AllocationFault fault(0, test::AllocatingThreads::kThis, test::AllocationFault::kForever);
    Keep(history);
  }
  EXPECT_EQ(store_->num_states(), 0u);
  EXPECT_EQ(TokensOf(history).size(), 100u);
}

TEST_F(HistoryTest, NamesAreFoundUpToALimit) {
  History history = Fed(100);
  history.SetName("a", 101);
  Feed(history, 100);
  history.SetName("b", 200);
  EXPECT_EQ(history.Find("a", 200), 101u);
  EXPECT_EQ(history.Find("b", 200), 200u);
  EXPECT_EQ(history.Find("b", 199), std::nullopt);
  EXPECT_EQ(history.Find("c", 200), std::nullopt);
  EXPECT_EQ(history.Until(150).Find("b", 150), std::nullopt);
}

TEST_F(HistoryTest, ANameForAPendingTokenGoesWithThatToken) {
  History history = Fed(100);
  Keep(history);
  history.SetName("a", 101);
  EXPECT_EQ(history.Find("a", 101), 101u);
  History back = history.Until(100);
  Feed(back, 1);
  EXPECT_EQ(back.Find("a", 101), std::nullopt);
  EXPECT_THAT(Kept(back), ElementsAre(100)) << "the state is of the place in front of that token";
}

TEST_F(HistoryTest, AStateIsListedByItsName) {
  History history = Fed(100);
  Keep(history, CheckpointKind::kNamed);
  history.SetName("a", 100);
  history.SetName("b", 101);
  Keep(history);
  Feed(history, 50);
  history.SetName("c", 150);
  const std::vector<StreamCheckpoint> found = history.Checkpoints(150);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].name, "a");
  EXPECT_EQ(found[0].position, 100u);
  EXPECT_EQ(found[0].num_bytes, 100u);
  EXPECT_EQ(found[1].name, "b");
  EXPECT_EQ(found[1].num_bytes, 100u);
  EXPECT_EQ(found[2].name, "c");
  EXPECT_EQ(found[2].num_bytes, 0u) << "its state was never kept";
  EXPECT_EQ(history.Checkpoints(149).size(), 2u);
}

TEST_F(HistoryTest, TurnCloseBehindAStateHasThatOne) {
  History history = Fed(1000);
  Keep(history);
  Feed(history, History::kNearby - 1);
  Keep(history, CheckpointKind::kTurn);
  EXPECT_THAT(Kept(history), ElementsAre(1000));
  Feed(history, 1);
  Keep(history, CheckpointKind::kTurn);
  EXPECT_THAT(Kept(history), ElementsAre(1000, 1000 + History::kNearby));
}

// --- the budget ---

class SmallBudgetTest : public HistoryTest {
 protected:
  SmallBudgetTest() : HistoryTest(4) {}
};

TEST_F(SmallBudgetTest, FarFromTheEndTheStatesAreFartherApart) {
  History history = NewHistory();
  for (int i = 0; i < 100; ++i) {
    Feed(history, History::kSpacing);
    Keep(history);
    ASSERT_LE(store_->num_states(), 4u);
  }
  const std::vector<uint64_t> kept = Kept(history);
  ASSERT_EQ(kept.size(), 4u);
  EXPECT_EQ(kept[3], 100 * History::kSpacing);
  uint64_t gap = 0;
  for (size_t i = kept.size(); i-- > 1;) {
    EXPECT_GE(kept[i] - kept[i - 1], gap);
    gap = kept[i] - kept[i - 1];
  }
  EXPECT_GE(kept[0], 20 * History::kSpacing) << "none is kept so far back that nobody goes there";
}

TEST_F(SmallBudgetTest, TheStartOfTheLastTurnOutlivesALongAnswer) {
  History history = Fed(5000);
  Keep(history, CheckpointKind::kTurn);
  for (int i = 0; i < 40; ++i) {
    Feed(history, History::kSpacing);
    Keep(history);
  }
  EXPECT_EQ(Kept(history).front(), 5000u);
}

TEST_F(SmallBudgetTest, TheStateOfATurnThatStartsCloseBehindItOutlivesALongAnswer) {
  History history = Fed(1000);
  Keep(history);
  Feed(history, History::kNearby - 1);
  Keep(history, CheckpointKind::kTurn);
  for (int i = 0; i < 40; ++i) {
    Feed(history, History::kSpacing);
    Keep(history);
  }
  EXPECT_EQ(Kept(history).front(), 1000u);
}

TEST_F(SmallBudgetTest, NamesGoLast) {
  History history = Fed(10);
  Keep(history, CheckpointKind::kNamed);
  history.SetName("a", 10);
  for (int i = 0; i < 40; ++i) {
    Feed(history, History::kSpacing);
    Keep(history);
  }
  EXPECT_EQ(Kept(history).front(), 10u);
}

TEST_F(SmallBudgetTest, StateThatWasKeptBeforeItWasNamedGoesLastToo) {
  History history = Fed(10);
  Keep(history);
  Keep(history, CheckpointKind::kNamed);
  history.SetName("a", 10);
  EXPECT_EQ(store_->num_states(), 1u);
  for (int i = 0; i < 40; ++i) {
    Feed(history, History::kSpacing);
    Keep(history);
  }
  EXPECT_EQ(Kept(history).front(), 10u);
}

TEST_F(SmallBudgetTest, TheOnlyWayBackGoesLastOfAll) {
  History restored = NewHistory(1000);
  Keep(restored);
  History named = Fed(10);
  for (int i = 0; i < 10; ++i) {
    Feed(named, 1000);
    Keep(named, CheckpointKind::kNamed);
  }
  EXPECT_THAT(Kept(restored), ElementsAre(1000));
}

TEST_F(SmallBudgetTest, TheFewestTokensSavedGoFirstOfAllStreams) {
  History far = Fed(4000), near = Fed(300);
  Keep(far, CheckpointKind::kTurn);
  Keep(near, CheckpointKind::kTurn);
  for (int i = 0; i < 4; ++i) {
    Feed(near, 20);
    Keep(near);
  }
  EXPECT_THAT(Kept(far), ElementsAre(4000));
  EXPECT_EQ(Kept(near).front(), 300u);
}

TEST_F(SmallBudgetTest, StreamsAtRestLoseWithTime) {
  History rests = Fed(300);
  Keep(rests, CheckpointKind::kTurn);
  History works = NewHistory();
  for (int i = 0; i < 200; ++i) {
    Feed(works, History::kSpacing);
    Keep(works);
  }
  EXPECT_THAT(Kept(rests), IsEmpty());
  EXPECT_EQ(Kept(works).size(), 4u);
}

// None of the others is worth as much as the one at rest was when it was kept.
TEST_F(SmallBudgetTest, StatesOfLittleWorthDriveOutOneAtRestIfTheyAreMany) {
  History rests = Fed(8 * History::kSpacing);
  Keep(rests);
  std::vector<History> works;
  for (int i = 0; i < 8; ++i) {
    works.push_back(Fed(History::kSpacing));
    Keep(works.back());
  }
  EXPECT_THAT(Kept(rests), ElementsAre(8 * History::kSpacing)) << "it outlives a few";
  for (int i = 0; i < 60; ++i) {
    works.push_back(Fed(History::kSpacing));
    Keep(works.back());
  }
  EXPECT_THAT(Kept(rests), IsEmpty());
}

TEST_F(SmallBudgetTest, StatesAreLetGoOfWhenTheyAreAskedFor) {
  History history = NewHistory();
  for (int i = 0; i < 3; ++i) {
    Feed(history, 300);
    Keep(history);
  }
  EXPECT_TRUE(store_->LetGo(2));
  EXPECT_EQ(store_->num_states(), 1u);
  EXPECT_TRUE(store_->LetGo(2));
  EXPECT_FALSE(store_->LetGo(1));
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST(NoBudgetTest, NamesWorkWithoutStates) {
  const auto pool = StatePool::Create(2);
  History history(std::make_shared<CheckpointStore>(0, 100), 0, StateRef());
  const uint32_t token = 1;
  history.Append({&token, 1});
  history.Keep(pool->Acquire(), CheckpointKind::kNamed, 0);
  history.SetName("a", 1);
  EXPECT_EQ(history.Find("a", 1), 1u);
  EXPECT_EQ(pool->num_free(), 2u);
}

}  // namespace
}  // namespace skein
