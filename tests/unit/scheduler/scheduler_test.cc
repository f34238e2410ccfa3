#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "tests/unit/scheduler/simulated_streams.h"

namespace skein {
namespace {

using test::AddDecoding;
using test::kForEver;
using test::Limits;
using test::Simulation;
using test::Spread;
using test::StepOf;
using test::Stream;
using test::Tenant;

TEST(SchedulerTest, NoSequencesNoStep) {
  Simulation simulation(Limits(8, 4));
  EXPECT_FALSE(simulation.Step());
}

TEST(SchedulerTest, NoSlotNoStep) {
  Simulation simulation(Limits(8, 4));
  simulation.Add(Tenant(), 3, 1);
  EXPECT_TRUE(simulation.Plan(0).empty());
  EXPECT_FALSE(simulation.Plan(1).empty());
}

TEST(SchedulerTest, PromptAloneFillsTheStep) {
  Simulation simulation(Limits(32, 4));
  simulation.Calibrate();
  Stream& prompt = simulation.Add(Tenant(), 100, 1);
  EXPECT_EQ(StepOf(simulation).at(&prompt), 32u);
}

TEST(SchedulerTest, WhatOnePromptLeavesGoesToTheNext) {
  Simulation simulation(Limits(32, 4));
  simulation.Calibrate();
  const auto tenant = Tenant();
  Stream& a = simulation.Add(tenant, 10, 1);
  Stream& b = simulation.Add(tenant, 100, 1);
  const auto step = StepOf(simulation);
  EXPECT_EQ(step.at(&a), 10u);
  EXPECT_EQ(step.at(&b), 22u);
}

TEST(SchedulerTest, LongPromptAtMostDoublesTheTimeBetweenTokens) {
  Simulation simulation(Limits(512, 64));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const std::vector<Stream*> decoding = AddDecoding(simulation, tenant, 8);
  simulation.Step();
  int64_t before = simulation.now_us();
  simulation.Step();
  const int64_t alone_us = simulation.now_us() - before;
  Stream& prompt = simulation.Add(tenant, 2000, 1);
  uint64_t num_steps = 0;
  while (!prompt.is_done) {
    before = simulation.now_us();
    const auto step = StepOf(simulation);
    for (const Stream* stream : decoding) EXPECT_TRUE(step.contains(stream));
    // The table is straight between its points, so it is a little wrong in between.
    EXPECT_LE(simulation.now_us() - before, 2.1 * static_cast<double>(alone_us));
    ++num_steps;
  }
  EXPECT_LE(num_steps, 2000 / 8);
}

TEST(SchedulerTest, StepTimeBoundsTheShareOfPrompts) {
  SchedulerLimits limits = Limits(512, 64);
  limits.step_us = 40'000;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  AddDecoding(simulation, tenant, 24);  // about 32 ms
  simulation.Step();
  simulation.Add(tenant, 2000, 1);
  for (int i = 0; i < 20; ++i) {
    const int64_t before = simulation.now_us();
    simulation.Step();
    EXPECT_LE(simulation.now_us() - before, 42'000);
  }
}

// As with a large model, whose streams take longer alone than a step should.
TEST(SchedulerTest, SlowStreamsLeaveTimeForPrompts) {
  SchedulerLimits limits = Limits(512, 64);
  limits.step_us = 10'000;
  limits.step_stretch = 1.5;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  AddDecoding(simulation, tenant, 24);  // about 32 ms
  simulation.Step();
  const Stream& prompt = simulation.Add(tenant, 100, 1);
  for (int i = 0; i < 10; ++i) {
    const int64_t before = simulation.now_us();
    EXPECT_TRUE(prompt.is_done || StepOf(simulation).contains(&prompt));
    EXPECT_LE(simulation.now_us() - before, 1.6 * 32'000);
  }
}

TEST(SchedulerTest, ShortStepIsShortEnoughWhateverItTakesWithoutPrompts) {
  StepCost cost(512);
  for (uint64_t rows = 1; rows <= 512; rows *= 2) cost.Observe(rows, 1, 100 + 20 * static_cast<double>(rows));
  SchedulerLimits limits = Limits(512, 64);
  EXPECT_EQ(LongestStepUs(limits, cost, 4), Scheduler::kShortStepUs);
  limits.step_us = 1000;
  EXPECT_EQ(LongestStepUs(limits, cost, 4), 1000);
}

TEST(SchedulerTest, PromptThatIsDueIsReadWhateverTheTime) {
  SchedulerLimits limits = Limits(512, 64);
  limits.step_us = 10'000;
  limits.age_limit_us = 500'000;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  const std::vector<Stream*> decoding = AddDecoding(simulation, tenant, 24);
  Stream& prompt = simulation.Add(tenant, 100, 1);
  const int64_t arrival = simulation.now_us();
  while (simulation.now_us() < arrival + limits.age_limit_us) EXPECT_FALSE(StepOf(simulation).contains(&prompt));
  const auto step = StepOf(simulation);
  EXPECT_EQ(step.at(&prompt), limits.min_prompt_tokens);
  for (const Stream* stream : decoding) EXPECT_TRUE(step.contains(stream));
}

TEST(SchedulerTest, DeadlineOfTheFirstTokenMakesAPromptDueInTime) {
  SchedulerLimits limits = Limits(512, 64);
  limits.step_us = 10'000;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  AddDecoding(simulation, tenant, 8);
  simulation.Step();
  Urgency urgency;
  urgency.first_token_deadline_us = simulation.now_us() + 150'000;
  const Stream& prompt = simulation.Add(tenant, 20, 1, urgency);
  while (!prompt.is_done) simulation.Step();
  EXPECT_LE(prompt.first_token_us, urgency.first_token_deadline_us + 30'000);
}

TEST(SchedulerTest, SequenceOfOneTokenIsInEveryStepWhileAllFit) {
  SchedulerLimits limits = Limits(512, 64);
  limits.step_us = 1;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  AddDecoding(simulation, tenant, 30);
  Stream& eval = simulation.Add(tenant, 1, 0);
  EXPECT_EQ(StepOf(simulation).size(), 31u);
  EXPECT_TRUE(eval.is_done);
}

TEST(SchedulerTest, MoreStreamsThanEntriesTakeTurns) {
  Simulation simulation(Limits(100, 2));
  const std::vector<Stream*> streams = AddDecoding(simulation, Tenant(), 5);
  for (int i = 0; i < 33; ++i) {
    simulation.Step();
    EXPECT_LE(Spread(streams), 1u);
  }
}

TEST(SchedulerTest, HundredStreamsProgressEquallyWithEvalsAmongThem) {
  for (const uint32_t max_tokens : {1u, 7u, 16u, 32u, 100u}) {
    Simulation simulation(Limits(max_tokens, 100));
    simulation.Calibrate();
    const auto tenant = Tenant();
    std::vector<Stream*> streams;
    for (int i = 0; i < 100; ++i) streams.push_back(&simulation.Add(tenant, 1, kForEver));
    for (int i = 0; i < 500; ++i) {
      if (i % 3 == 0) simulation.Add(tenant, 1 + i % 5, 0);
      if (i == 100) simulation.Add(tenant, 5000, 0);
      simulation.Step();
      ASSERT_LE(Spread(streams), 1u) << "max_tokens " << max_tokens << ", step " << i;
    }
  }
}

TEST(SchedulerTest, PromptIsReadThoughStreamsThatDecodeFillTheStep) {
  for (const SchedulerLimits& limits : {Limits(8, 8), Limits(8, 1), Limits(1, 8), Limits(8, 2)}) {
    Simulation simulation(limits);
    simulation.Calibrate();
    const auto tenant = Tenant();
    const std::vector<Stream*> decoding = AddDecoding(simulation, tenant, 8);
    const Stream& prompt = simulation.Add(tenant, 100, 0);
    uint64_t num_steps = 0;
    while (!prompt.is_done && ++num_steps < 1000) simulation.Step();
    EXPECT_TRUE(prompt.is_done) << limits.max_tokens << " tokens, " << limits.max_entries << " entries";
    EXPECT_LE(Spread(decoding), 1u);
  }
}

TEST(SchedulerTest, StepsOfOneTokenGoToPromptsAndStreamsInTurns) {
  Simulation simulation(Limits(1, 4));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const std::vector<Stream*> decoding = AddDecoding(simulation, tenant, 2);
  const Stream& prompt = simulation.Add(tenant, 1000, 1);
  const uint64_t before = decoding[0]->num_steps + decoding[1]->num_steps;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(simulation.Step());
  EXPECT_EQ(prompt.num_steps, 50u);
  EXPECT_EQ(decoding[0]->num_steps + decoding[1]->num_steps - before, 50u);
  EXPECT_LE(Spread(decoding), 1u);
}

TEST(SchedulerTest, RunningSequencesAreBounded) {
  SchedulerLimits limits = Limits(64, 64);
  limits.max_running = 3;
  Simulation simulation(limits);
  const auto tenant = Tenant();
  for (int i = 0; i < 10; ++i) simulation.Add(tenant, 1 + i % 4, 5);
  uint64_t most = 0;
  do {
    EXPECT_LE(simulation.scheduler().num_running(), 3u);
    most = std::max(most, simulation.scheduler().num_running());
  } while (simulation.Step());
  EXPECT_EQ(most, 3u);
  for (const auto& stream : simulation.streams()) EXPECT_TRUE(stream->is_done);
}

TEST(SchedulerTest, RunningSequencesOfATenantAreBoundedAndOthersGoOn) {
  Simulation simulation(Limits(64, 64));
  const auto narrow = Tenant(), wide = Tenant();
  narrow->max_running = 2;
  for (int i = 0; i < 6; ++i) simulation.Add(narrow, 1 + i % 2, 4);
  for (int i = 0; i < 6; ++i) simulation.Add(wide, 2, 4);
  while (true) {
    const auto step = StepOf(simulation);
    if (step.empty()) break;
    EXPECT_LE(std::count_if(step.begin(), step.end(), [&](const auto& s) { return s.first->tenant == narrow; }), 2);
  }
  for (const auto& stream : simulation.streams()) EXPECT_TRUE(stream->is_done);
}

TEST(SchedulerTest, PauseGivesUpThePlaceAndKeepsTheRank) {
  SchedulerLimits limits = Limits(64, 64);
  limits.max_running = 1;
  Simulation simulation(limits);
  const auto tenant = Tenant();
  Stream& first = simulation.Add(tenant, 2, kForEver);
  Stream& second = simulation.Add(tenant, 2, 3);
  Stream& third = simulation.Add(tenant, 2, 3);
  simulation.Step();
  simulation.Pause(first);
  EXPECT_TRUE(StepOf(simulation).contains(&second));
  simulation.Resume(first);
  while (!second.is_done) simulation.Step();
  EXPECT_TRUE(StepOf(simulation).contains(&first));
  EXPECT_EQ(third.num_steps, 0u);
}

// Sequences with one sampled token each, of which the scheduler has given the first its share.
class PostponedTest : public ::testing::Test {
 protected:
  PostponedTest() {
    for (Sequence& sequence : sequences_) scheduler_.Add(sequence, 1, true);
    EXPECT_EQ(Next(), &sequences_[0]);
  }
  ~PostponedTest() override {
    for (Sequence& sequence : sequences_) scheduler_.Remove(sequence);
  }
  const Sequence* Next() {
    const absl::Span<const Share> shares = scheduler_.Schedule(++now_us_, 1);
    return shares.empty() ? nullptr : shares[0].sequence;
  }

  void PostponeFirst() {
    scheduler_.TakeBack(sequences_[0], 1, true);
    scheduler_.Postpone(sequences_[0]);
  }

  const std::shared_ptr<TenantQueues> tenant_ = Tenant();
  Scheduler scheduler_{Limits(8, 8)};
  Sequence sequences_[3] = {{tenant_, {}}, {tenant_, {}}, {tenant_, {}}};
  int64_t now_us_ = 0;
};

TEST_F(PostponedTest, HasNoShareUntilItContinuesAndThenIsTheFirst) {
  PostponeFirst();
  EXPECT_EQ(Next(), &sequences_[1]);
  scheduler_.Continue(sequences_[1], 1, true);
  scheduler_.Continue(sequences_[0], 1, true);
  EXPECT_EQ(Next(), &sequences_[0]) << "it keeps its turn";
  scheduler_.Continue(sequences_[0], 1, true);
  EXPECT_EQ(Next(), &sequences_[2]) << "once";
}

TEST_F(PostponedTest, KeepsItsPlaceAndIsNotAwaited) {
  PostponeFirst();
  EXPECT_TRUE(sequences_[0].is_running());
  EXPECT_EQ(scheduler_.num_awaited(), 0u);
  EXPECT_EQ(scheduler_.num_running(), 3u);
  EXPECT_EQ(scheduler_.num_decoding(), 2u);
}

TEST_F(PostponedTest, ShareThatIsTakenBackIsNoService) {
  const double served = tenant_->service();
  EXPECT_GT(served, 0);
  PostponeFirst();
  EXPECT_EQ(tenant_->service(), 0);
  scheduler_.Continue(sequences_[0], 1, true);
  EXPECT_EQ(Next(), &sequences_[0]);
  EXPECT_EQ(tenant_->service(), served);
}

TEST_F(PostponedTest, RestOfAPromptIsPostponedWithItsFirstPart) {
  Sequence prompt(Tenant(), {});
  scheduler_.Add(prompt, 20, false);
  for (int i = 0; i < 3; ++i) Next();
  EXPECT_EQ(prompt.num_tokens(), 12u);
  scheduler_.TakeBack(prompt, 8, false);
  scheduler_.Postpone(prompt);
  EXPECT_EQ(Next(), nullptr);
  scheduler_.Continue(prompt, 20, false);
  EXPECT_EQ(Next(), &prompt);
  scheduler_.Remove(prompt);
}

TEST_F(PostponedTest, MayBePreemptedAndEnd) {
  PostponeFirst();
  scheduler_.Remove(sequences_[0]);
  EXPECT_EQ(scheduler_.num_sequences(), 2u);
  EXPECT_EQ(Next(), &sequences_[1]);
}

TEST(SchedulerTest, HigherPriorityComesFirstAndAgesAway) {
  SchedulerLimits limits = Limits(16, 16);
  limits.age_limit_us = 1'000'000;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  Stream& low = simulation.Add(tenant, 64, 0);
  Stream& high = simulation.Add(tenant, 64, 0, {.priority = 1});
  while (!high.is_done) EXPECT_FALSE(StepOf(simulation).contains(&low));
  Stream& older = simulation.Add(tenant, 64, 0);
  simulation.Wait(1'100'000);
  Stream& newer = simulation.Add(tenant, 64, 0, {.priority = 1});
  while (!low.is_done || !older.is_done) EXPECT_FALSE(StepOf(simulation).contains(&newer));
}

TEST(SchedulerTest, ShortPromptOvertakesALongOneThatIsBeingRead) {
  Simulation simulation(Limits(16, 16));
  simulation.Calibrate();
  const auto tenant = Tenant();
  Stream& prompt = simulation.Add(tenant, 1000, 0);
  simulation.Step();
  Stream& brief = simulation.Add(tenant, 20, 0);
  while (!brief.is_done) EXPECT_TRUE(StepOf(simulation).contains(&brief));
  EXPECT_FALSE(prompt.is_done);
}

TEST(SchedulerTest, PromptIsRankedByAllOfItsTokens) {
  Scheduler scheduler(Limits(8, 4));
  for (int i = 1; i <= 10; ++i) scheduler.cost().Observe(8, 1, 8000);
  Sequence stopped(nullptr, {.arrival_us = 0});
  Sequence shorter(nullptr, {.arrival_us = 0});
  scheduler.Add(stopped, 6, false, 400);
  scheduler.Add(shorter, 20, false);
  EXPECT_GT(stopped.rank(), shorter.rank());
  EXPECT_EQ(scheduler.Schedule(0, 1)[0].sequence, &shorter);
  scheduler.Remove(stopped);
  scheduler.Remove(shorter);
}

TEST(SchedulerTest, EarlierDeadlineComesFirst) {
  Simulation simulation(Limits(16, 16));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const int64_t now = simulation.now_us();
  Stream& none = simulation.Add(tenant, 64, 0);
  Stream& late = simulation.Add(tenant, 64, 0, {.first_token_deadline_us = now + 110'000});
  Stream& soon = simulation.Add(tenant, 64, 0, {.first_token_deadline_us = now + 90'000});
  while (!none.is_done) simulation.Step();
  EXPECT_LT(soon.first_token_us, late.first_token_us);
  EXPECT_LT(late.first_token_us, none.first_token_us);
}

// Prompts arrive faster than they can be read, of ever higher priority than the one that waits.
TEST(SchedulerTest, LowestPriorityIsNotStarvedByAnEndlessCrowd) {
  SchedulerLimits limits = Limits(64, 64);
  limits.age_limit_us = 200'000;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  const Stream& low = simulation.Add(tenant, 500, 4, {.priority = -8});
  const int64_t arrival = simulation.now_us();
  while (low.start_us < 0 && simulation.now_us() < arrival + 60'000'000) {
    simulation.Add(tenant, 100, 2, {.priority = 8});
    simulation.Step();
  }
  // All that arrive in the 16 classes of time come first, each of them once. They are what 1.6 times as much can read.
  EXPECT_GE(low.start_us, arrival + 16 * limits.age_limit_us / 2);
  EXPECT_LE(low.start_us, arrival + 3 * 16 * limits.age_limit_us);
}

SchedulerLimits LimitsWithRunning(uint32_t max_running) {
  SchedulerLimits limits = Limits(64, 64);
  limits.max_running = max_running;
  limits.age_limit_us = 200'000;
  return limits;
}

TEST(SchedulerTest, HigherPriorityPreemptsALowerOneThatRuns) {
  Simulation simulation(LimitsWithRunning(3));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const std::vector<Stream*> low = AddDecoding(simulation, tenant, 3);
  simulation.Wait(10'000'000);  // running is no waiting: it raises nobody
  simulation.Step();
  std::vector<Stream*> high;
  for (int i = 0; i < 2; ++i) high.push_back(&simulation.Add(tenant, 20, 10, {.priority = 1}));
  for (int i = 0; i < 2; ++i) simulation.Step();  // a step has time for one of the prompts
  for (const Stream* stream : high) EXPECT_TRUE(stream->sequence.is_running());
  EXPECT_EQ(simulation.scheduler().num_running(), 3u);
  EXPECT_TRUE(low[0]->sequence.is_running()) << "the last to come is the first to go";
  while (!high[0]->is_done) {
    const auto step = StepOf(simulation);
    EXPECT_EQ(step.size(), 3u);
    EXPECT_TRUE(step.contains(low[0]));
  }
  while (!high[1]->is_done) simulation.Step();
  const auto step = StepOf(simulation);
  for (const Stream* stream : low) EXPECT_TRUE(step.contains(stream)) << "it goes on where it was";
}

TEST(SchedulerTest, TimeOfRunningBeforeAPreemptionIsNoWaiting) {
  Simulation simulation(LimitsWithRunning(1));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const Stream& low = *AddDecoding(simulation, tenant, 1)[0];
  simulation.Wait(10'000'000);
  for (int i = 0; i < 5; ++i) {
    const Stream& high = simulation.Add(tenant, 1, 2, {.priority = 1});
    simulation.Step();
    EXPECT_FALSE(low.sequence.is_running()) << "round " << i;
    for (int k = 0; k < 3; ++k) simulation.Step();
    EXPECT_TRUE(high.is_done);
    EXPECT_TRUE(low.sequence.is_running());
  }
}

TEST(SchedulerTest, PreemptedSequenceWhoseTokenIsAwaitedHasNoShare) {
  Simulation simulation(LimitsWithRunning(1));
  simulation.Calibrate();
  const auto tenant = Tenant();
  AddDecoding(simulation, tenant, 1);
  Stream& high = simulation.Add(tenant, 1, kForEver, {.priority = 1});
  ASSERT_EQ(simulation.Plan(64).size(), 2u);
  simulation.Pause(high);  // there is a place again, while the step is in flight
  EXPECT_TRUE(simulation.Plan(64).empty());
}

TEST(SchedulerTest, EqualPriorityPreemptsNobody) {
  Simulation simulation(LimitsWithRunning(2));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const std::vector<Stream*> running = AddDecoding(simulation, tenant, 2);
  const Stream& brief = simulation.Add(tenant, 2, 1);
  for (int i = 0; i < 200; ++i) EXPECT_FALSE(StepOf(simulation).contains(&brief));
  for (const Stream* stream : running) EXPECT_TRUE(stream->sequence.is_running());
}

TEST(SchedulerTest, PromptThatIsBeingReadIsPreempted) {
  Simulation simulation(LimitsWithRunning(1));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const Stream& low = simulation.Add(tenant, 500, 0);
  simulation.Step();
  const Stream& high = simulation.Add(tenant, 100, 3, {.priority = 1});
  while (!high.is_done) EXPECT_FALSE(StepOf(simulation).contains(&low));
  while (!low.is_done) simulation.Step();
  EXPECT_EQ(low.num_left, 0u);
}

TEST(SchedulerTest, OneThatWasPromisedToEndInTimeKeepsItsPlace) {
  Simulation simulation(LimitsWithRunning(1));
  simulation.Calibrate();
  const auto tenant = Tenant();
  const Stream& low = simulation.Add(tenant, 1, 50, {.keeps_place = true});
  simulation.Step();
  simulation.Add(tenant, 20, 1, {.priority = 8});
  while (!low.is_done) EXPECT_TRUE(StepOf(simulation).contains(&low));
}

TEST(SchedulerTest, PlacesAreTakenFromTheOwnTenantAlone) {
  Simulation simulation(LimitsWithRunning(4));
  simulation.Calibrate();
  const auto quiet = Tenant(), eager = Tenant();
  const std::vector<Stream*> others = AddDecoding(simulation, quiet, 2);
  const std::vector<Stream*> low = AddDecoding(simulation, eager, 2);
  for (int i = 0; i < 5; ++i) simulation.Add(eager, 10, 30, {.priority = 8});
  for (int i = 0; i < 20; ++i) {
    const auto step = StepOf(simulation);
    for (const Stream* stream : others) EXPECT_TRUE(step.contains(stream));
  }
  for (const Stream* stream : low) EXPECT_FALSE(stream->sequence.is_running());
}

TEST(SchedulerTest, BoundOfATenantIsNoObstacleToItsHigherPriorities) {
  Simulation simulation(Limits(64, 64));
  simulation.Calibrate();
  const auto narrow = Tenant();
  narrow->max_running = 2;
  AddDecoding(simulation, narrow, 2);
  const Stream& high = simulation.Add(narrow, 20, kForEver, {.priority = 1});
  simulation.Step();
  EXPECT_TRUE(high.sequence.is_running());
  EXPECT_EQ(simulation.scheduler().num_running(), 2u);
  narrow->max_running = 1;  // it holds from now on, and nobody has to go for it
  const Stream& higher = simulation.Add(narrow, 20, kForEver, {.priority = 2});
  simulation.Step();
  EXPECT_TRUE(higher.sequence.is_running());
  EXPECT_TRUE(high.sequence.is_running());
  EXPECT_EQ(simulation.scheduler().num_running(), 2u);
}

// A place is wanted by others of a higher priority all the time.
TEST(SchedulerTest, PreemptedSequenceAgesUntilItKeepsItsPlace) {
  const SchedulerLimits limits = LimitsWithRunning(1);
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  const Stream& low = simulation.Add(tenant, 1, 100);
  const int64_t arrival_us = simulation.now_us();
  simulation.Step();
  while (!low.is_done && simulation.now_us() < arrival_us + 60'000'000) {
    if (simulation.num_open(tenant) < 5) simulation.Add(tenant, 10, 5, {.priority = 3});
    simulation.Step();
  }
  EXPECT_TRUE(low.is_done);
  // Three classes of waiting, the time of those that came before, and 100 steps of its own.
  EXPECT_GE(simulation.now_us(), arrival_us + 3 * limits.age_limit_us);
  EXPECT_LE(simulation.now_us(), arrival_us + 3 * 3 * limits.age_limit_us + 100 * 10'000);
}

TEST(SchedulerTest, HigherPriorityDecodesFirstWhereNotAllFit) {
  SchedulerLimits limits = Limits(4, 4);
  limits.age_limit_us = 200'000;
  Simulation simulation(limits);
  simulation.Calibrate();
  const auto tenant = Tenant();
  std::vector<Stream*> low = AddDecoding(simulation, tenant, 3), high;
  for (int i = 0; i < 4; ++i) high.push_back(&simulation.Add(tenant, 1, kForEver, {.priority = 2}));
  for (int i = 0; i < 10; ++i) simulation.Step();
  const auto num_steps = [](const std::vector<Stream*>& streams) {
    uint64_t sum = 0;
    for (const Stream* stream : streams) sum += stream->num_steps;
    return sum;
  };
  const uint64_t low_before = num_steps(low), high_before = num_steps(high);
  const int64_t before_us = simulation.now_us();
  while (simulation.now_us() < before_us + 20'000'000) {
    simulation.Step();
    EXPECT_LE(Spread(high), 1u);
    EXPECT_LE(Spread(low), 1u);
  }
  // A token of each in the time of two classes.
  EXPECT_NEAR(static_cast<double>(num_steps(low) - low_before), 3 * 20'000.0 / 400, 15);
  EXPECT_GT(num_steps(high) - high_before, 10 * (num_steps(low) - low_before));
}

TEST(SchedulerTest, PromptBesideStreamsInFlightKeepsToTheirTime) {
  Simulation simulation(Limits(512, 64));
  simulation.Calibrate();
  const auto tenant = Tenant();
  AddDecoding(simulation, tenant, 8);
  Stream& prompt = simulation.Add(tenant, 2000, 1);
  ASSERT_EQ(simulation.Plan(64).size(), 9u);
  // The streams that decode are in flight now, and no token of theirs is known.
  for (const Share& share : simulation.Plan(64)) {
    EXPECT_EQ(&simulation.Of(share), &prompt);
    EXPECT_LE(share.num_tokens, 40u);
  }
}

}  // namespace
}  // namespace skein
