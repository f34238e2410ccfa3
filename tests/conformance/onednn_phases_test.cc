// The work of a step among threads that come late, leave, come again or never come: every chunk is done once, nobody
// waits for a thread that has none, and results have the same bits.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "onednn/phases.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/quantised_model.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"

namespace skein::onednn {
namespace {

constexpr auto kNothing = [] { return false; };
constexpr std::chrono::hours kForEver(1);

// Phases of different numbers of chunks, none among them. Each chunk adds up what the phase before has written, so a
// thread that reads too early gets another sum, and tells the thread sanitizer.
class Sums {
 public:
  static constexpr uint32_t kNumPhases = 300;

  Sums() {
    for (uint32_t phase = 0; phase < kNumPhases; ++phase) {
      values_.emplace_back(phase % 7 == 3 ? 0 : 1 + phase * 5 % 23);
      num_done_.emplace_back(values_.back().size());
    }
  }

  void Walk(PhaseWalk& walk) {
    for (uint32_t phase = 0; phase < kNumPhases; ++phase) {
      const auto run = [&](uint32_t chunk) {
        const std::vector<uint64_t>* before = phase == 0 ? nullptr : &values_[phase - 1];
        values_[phase][chunk] = chunk + (before == nullptr ? 0 : std::accumulate(before->begin(), before->end(), 0ull));
        ++num_done_[phase][chunk];
      };
      walk.Run(static_cast<uint32_t>(values_[phase].size()), run, kNothing);
    }
  }

  const std::vector<std::vector<uint64_t>>& values() const { return values_; }
  bool EachWasDoneOnce() const {
    for (const auto& phase : num_done_) {
      for (const auto& count : phase) {
        if (count != 1) return false;
      }
    }
    return true;
  }

 private:
  std::vector<std::vector<uint64_t>> values_;
  std::vector<std::vector<std::atomic<uint32_t>>> num_done_;
};

std::vector<std::vector<uint64_t>> SumsOfOneThread() {
  Progress progress(1);
  Turn turn(kForEver);
  PhaseWalk walk(progress, turn, 0, 1, PhaseWalk::Rest::kInside);
  Sums sums;
  sums.Walk(walk);
  EXPECT_TRUE(sums.EachWasDoneOnce());
  return sums.values();
}

TEST(OnednnPhases, ManyThreadsDoEachChunkOnce) {
  constexpr uint32_t kThreads = 4;
  for (int round = 0; round < 20; ++round) {
    Progress progress(kThreads);
    Sums sums;
    std::vector<std::thread> threads;
    for (uint32_t index = 0; index < kThreads; ++index) {
      threads.emplace_back([&, index] {
        Turn turn(kForEver);
        PhaseWalk walk(progress, turn, index, kThreads, PhaseWalk::Rest::kInside);
        sums.Walk(walk);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(sums.EachWasDoneOnce());
    ASSERT_EQ(sums.values(), SumsOfOneThread());
  }
}

TEST(OnednnPhases, AThreadThatNeverComesIsNotWaitedFor) {
  Progress progress(3);
  Turn turn(kForEver);
  PhaseWalk walk(progress, turn, 1, 3, PhaseWalk::Rest::kInside);
  Sums sums;
  sums.Walk(walk);
  EXPECT_TRUE(sums.EachWasDoneOnce());
  EXPECT_EQ(sums.values(), SumsOfOneThread());

  // One that comes when all is over has nothing to do.
  Turn late_turn(kForEver);
  PhaseWalk late(progress, late_turn, 0, 3, PhaseWalk::Rest::kOutside);
  sums.Walk(late);
  EXPECT_TRUE(sums.EachWasDoneOnce());
}

TEST(OnednnPhases, ThreadsMayLeaveAfterEachChunkAndComeAgain) {
  constexpr uint32_t kThreads = 3;
  for (int round = 0; round < 10; ++round) {
    Progress progress(kThreads);
    Sums sums;
    std::atomic<bool> is_over = false;
    std::vector<std::thread> others;
    for (uint32_t index = 1; index < kThreads; ++index) {
      others.emplace_back([&, index] {
        while (!is_over) {
          Turn turn(std::chrono::seconds(0));
          PhaseWalk walk(progress, turn, index, kThreads, PhaseWalk::Rest::kOutside);
          sums.Walk(walk);
        }
      });
    }
    Turn turn(kForEver);
    PhaseWalk walk(progress, turn, 0, kThreads, PhaseWalk::Rest::kInside);
    sums.Walk(walk);
    is_over = true;
    for (std::thread& other : others) other.join();
    ASSERT_TRUE(sums.EachWasDoneOnce());
    ASSERT_EQ(sums.values(), SumsOfOneThread());
  }
}

TEST(OnednnPhases, AThreadLeavesWithNoChunkInHandWhenItsTurnIsOver) {
  Progress progress(2);
  Turn turn(std::chrono::seconds(0));
  uint32_t num_done = 0;
  const auto run = [&num_done](uint32_t) { ++num_done; };
  PhaseWalk walk(progress, turn, 0, 2, PhaseWalk::Rest::kOutside);
  walk.Run(10, run, kNothing);
  walk.Run(10, run, kNothing);
  EXPECT_EQ(num_done, 1u);

  // The other one finds all that is left, and waits for nobody.
  Turn other_turn(kForEver);
  PhaseWalk other(progress, other_turn, 1, 2, PhaseWalk::Rest::kInside);
  other.Run(10, run, kNothing);
  other.Run(10, run, kNothing);
  EXPECT_EQ(num_done, 20u);
}

TEST(OnednnPhases, AThreadThatWaitsLongLeaves) {
  Progress progress(2);
  ASSERT_TRUE(progress.Begin(1, 0, 0, 1, true));  // a chunk that is not finished
  Turn turn(kForEver);
  PhaseWalk walk(progress, turn, 1, 2, PhaseWalk::Rest::kOutside);
  uint32_t num_done = 0;
  const auto run = [&num_done](uint32_t) { ++num_done; };
  walk.Run(2, run, kNothing);
  EXPECT_EQ(num_done, 1u);
  EXPECT_FALSE(progress.IsOver(1, 2));
  progress.Finish(1, 1);
  EXPECT_TRUE(progress.IsOver(1, 2));
}

TEST(OnednnPhases, AThreadThatWasOvertakenFindsNoChunk) {
  Progress progress(2);
  ASSERT_TRUE(progress.Begin(1, 0, 0, 2, true));
  progress.Finish(1, 1);
  ASSERT_TRUE(progress.Begin(2, 0, 0, 2, true));
  EXPECT_FALSE(progress.Begin(1, 0, 0, 2, true));
  EXPECT_TRUE(progress.Begin(2, 0, 0, 2, false)) << "and has taken none of the next phase";
}

TEST(OnednnPhases, AThreadBeginsWithItsOwnShare) {
  Progress progress(2);
  Turn turn(kForEver);
  PhaseWalk walk(progress, turn, 1, 2, PhaseWalk::Rest::kInside);
  EXPECT_EQ(walk.FirstChunk(8), 4u);
  std::vector<uint32_t> order;
  walk.Run(
      8, [&order](uint32_t chunk) { order.push_back(chunk); }, kNothing);
  EXPECT_EQ(order, (std::vector<uint32_t>{4, 5, 6, 7, 3, 2, 1, 0}));
}

// --- whole steps ---

std::string OnednnPath() { return std::string(SKEIN_PLUGIN_DIR) + "/backend-onednn.so"; }

conformance::SyntheticShape ShapeOf(uint32_t generation) {
  conformance::SyntheticShape shape = {.name = "Team",
                                       .generation = generation,
                                       .num_layers = 2,
                                       .d_model = 192,
                                       .head_size = generation == 4 ? 0u : 64u,
                                       .d_ffn = 640,
                                       .vocab_size = 300};
  if (generation == 5) shape.variant = 2;
  if (generation == 6) shape.rank_mix = 8;
  if (generation >= 6) shape.rank_decay = 16;
  if (generation == 7) shape.rank_iclr = shape.rank_value = shape.rank_gate = 16;
  return shape;
}

// The logits of a prompt in chunks, and the state behind it.
std::vector<float> RunOn(uint32_t num_threads, conformance::TestHost::Team team,
                         const conformance::SyntheticModel& model, uint32_t compute_type) {
  const conformance::BackendPlugin plugin(OnednnPath());
  conformance::TestHost host(num_threads, team);
  const conformance::Device device(plugin, host);
  conformance::Pipeline pipeline(device, model, {.cuts = {}, .compute_type = compute_type});
  std::vector<float> results = pipeline.Feed(0, conformance::SyntheticTokens(150, 300, 1), 64);
  const std::vector<float> state = pipeline.Export(0);
  results.insert(results.end(), state.begin(), state.end());
  return results;
}

class OnednnTeams : public testing::TestWithParam<uint32_t> {};

TEST_P(OnednnTeams, GiveTheSameBitsWhoeverComesAndWhenever) {
  using Team = conformance::TestHost::Team;
  struct Types {
    uint32_t matrices, compute;
  };
  constexpr Types kTypes[] = {{SKEIN_DTYPE_F32, SKEIN_DTYPE_NONE},
                              {SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16},
                              {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q8},
                              {SKEIN_DTYPE_Q4, SKEIN_DTYPE_Q4}};
  for (const Types& types : kTypes) {
    const conformance::SyntheticShape shape = ShapeOf(GetParam());
    const conformance::SyntheticModel model = conformance::Quantised(shape, {types.matrices});
    const std::vector<float> expected = RunOn(1, Team::kNever, model, types.compute);
    for (const Team team : {Team::kTogether, Team::kLate, Team::kNever, Team::kInRegion}) {
      for (const uint32_t num_threads : {2, 5}) {
        EXPECT_EQ(RunOn(num_threads, team, model, types.compute), expected)
            << num_threads << " threads, team " << static_cast<int>(team) << ", type " << types.matrices;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Generations, OnednnTeams, testing::Values(4u, 5u, 6u, 7u));

}  // namespace
}  // namespace skein::onednn
