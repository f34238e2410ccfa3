#include "engine/step_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>

#include "tests/support/fake_step_runner.h"
#include "tests/unit/engine/fake_job.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class StepLoopTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeJob> Add(std::vector<uint32_t> tokens, uint64_t max_issued = Feed::kNoLimit) {
    auto job = std::make_shared<FakeJob>(std::move(tokens));
    job->LimitSteps(max_issued);
    JobList jobs;
    jobs.emplace_back(job);
    loop_.Add(jobs);
    EXPECT_TRUE(jobs.empty());
    return job;
  }
  std::vector<StateRef> HoldSlots(uint32_t count) {
    std::vector<StateRef> held;
    for (uint32_t i = 0; i < count; ++i) held.push_back(pool_->Acquire());
    return held;
  }
  // So that they cannot be parked.
  std::vector<StatePin> PinSlots(uint32_t count) {
    std::vector<StatePin> pins;
    for (uint32_t i = 0; i < count; ++i) pins.push_back(pool_->Pin(pool_->Acquire()));
    return pins;
  }
  // Runs steps until none is run.
  void RunAll() {
    while (loop_.RunStep()) {
    }
  }

  static constexpr uint32_t kMaxJobs = 6;
  static constexpr uint32_t kMaxTokens = 16;
  static constexpr uint64_t kStateFloats = 64;
  static constexpr uint64_t kHostStates = 2;
  FakeStepRunner runner_;
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(2 * kMaxJobs + 2);
  const std::shared_ptr<HostStates> host_ = HostStates::Create(kStateFloats, kHostStates);
  Metrics metrics_;
  Log log_;
  ModelObserver model_{{}, nullptr};
  StepLoop loop_{runner_,
                 pool_,
                 host_,
                 {kMaxTokens, kMaxJobs},
                 {metrics_, log_, model_},
                 [this](uint64_t num_items, const std::function<void(uint64_t)>& work) {
                   if (parallel_for_throws_) throw std::bad_alloc();
                   const StepClock::time_point end = StepClock::now() + text_work_;
                   while (StepClock::now() < end) {
                   }
                   for (uint64_t i = 0; i < num_items; ++i) work(i);
                 }};
  bool parallel_for_throws_ = false;
  StepClock::duration text_work_{0};  // beside each step
};

TEST_F(StepLoopTest, JobMayTakePartsThatAreSmallerThanAStep) {
  const auto job = Add({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 4);
  RunAll();
  EXPECT_THAT(job->parts, ElementsAre(4u, 4u, 2u));
  EXPECT_TRUE(job->ended);
}

// A job that waits for its turn waits for that too.
TEST_F(StepLoopTest, CostOfAStepHasTheWorkThatLiesBetweenSteps) {
  text_work_ = std::chrono::milliseconds(3);
  const auto job = Add(std::vector<uint32_t>(10, 7), 1);
  RunAll();
  EXPECT_GE(loop_.cost().Time(1, 1), 3000);
}

TEST_F(StepLoopTest, CostOfAStepHasNoTimeWithoutWork) {
  Add({1});
  RunAll();
  const StepClock::time_point end = StepClock::now() + std::chrono::milliseconds(200);
  while (StepClock::now() < end) {
  }
  Add({1});
  RunAll();
  EXPECT_LT(loop_.cost().Time(1, 1), 100000);
}

TEST_F(StepLoopTest, NoJobsNoStep) { EXPECT_FALSE(loop_.RunStep()); }

TEST_F(StepLoopTest, StepIsARaggedBatchOfAllJobs) {
  const auto a = Add({1, 2, 3});
  const auto b = Add({4, 5});
  EXPECT_TRUE(loop_.RunStep());
  ASSERT_THAT(runner_.steps(), SizeIs(1));
  EXPECT_THAT(runner_.steps()[0].tokens, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(runner_.steps()[0].entries[1].first_token, 3u);
  EXPECT_EQ(runner_.steps()[0].entries[0].read_slot, SKEIN_SLOT_INITIAL);
  EXPECT_TRUE(a->ended);
  EXPECT_FALSE(loop_.RunStep());
  EXPECT_TRUE(loop_.empty());
}

TEST_F(StepLoopTest, LongPromptsAreReadInParts) {
  const auto job = Add(std::vector<uint32_t>(40, 7));
  RunAll();
  EXPECT_THAT(job->parts, ElementsAre(16, 16, 8));
  EXPECT_EQ(metrics_.prefill_tokens.load(), 40u);
  EXPECT_EQ(runner_.steps()[1].entries[0].read_slot, runner_.steps()[0].entries[0].write_slot);
}

TEST_F(StepLoopTest, PartsEndAtStopsAndOthersHaveTheRestOfTheStep) {
  const auto job = std::make_shared<FakeJob>(std::vector<uint32_t>(40, 7));
  job->AddStop(5);
  job->AddStop(30);
  JobList jobs;
  jobs.emplace_back(job);
  loop_.Add(jobs);
  const auto other = Add(std::vector<uint32_t>(50, 8));
  RunAll();
  EXPECT_THAT(job->ends, testing::IsSupersetOf({5u, 30u, 40u}));
  EXPECT_TRUE(job->ended && other->ended);
  EXPECT_EQ(runner_.steps()[0].tokens.size(), kMaxTokens) << "what the stop leaves of the step goes to the other";
  EXPECT_EQ(runner_.steps()[0].entries[0].num_tokens, 5u);
}

TEST_F(StepLoopTest, JobsThatWaitOrEndedAreLeftOut) {
  const auto waiting = Add({1});
  waiting->waits = true;
  const auto ended = Add({2});
  ended->ended = true;
  loop_.LookAtAll();
  const auto ready = Add({3});
  EXPECT_TRUE(loop_.RunStep());
  EXPECT_THAT(runner_.steps()[0].tokens, ElementsAre(3));
  EXPECT_FALSE(loop_.RunStep());
  waiting->waits = false;
  loop_.LookAtAll();
  EXPECT_TRUE(loop_.RunStep());
}

TEST_F(StepLoopTest, JobIsPolledWhenItsPartHasEndedOrSomebodyAsks) {
  const auto running = Add({1});
  running->decodes_for_ever = true;
  const auto waiting = Add({2});
  waiting->waits = true;
  loop_.LookAt(*waiting);
  const int before = waiting->num_polls;
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(loop_.RunStep());
  EXPECT_EQ(waiting->num_polls, before);
  EXPECT_EQ(running->num_polls, 6);
  waiting->is_cancelled = true;
  loop_.LookAt(*waiting);
  EXPECT_EQ(loop_.num_jobs(), 1u);
  loop_.LookAt(*waiting);  // it has left
  EXPECT_EQ(waiting->num_polls, before + 1);
}

TEST_F(StepLoopTest, FreedSlotsAreThoseOfEndedJobs) {
  Add({1});
  Add({2, 3});
  RunAll();
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(StepLoopTest, EntryThatFailsEndsItsJobAlone) {
  const struct {
    int32_t code;
    absl::StatusCode expected;
  } kCases[] = {{SKEIN_INVALID_ARGUMENT, absl::StatusCode::kInvalidArgument},
                {SKEIN_DATA_LOSS, absl::StatusCode::kDataLoss},
                {SKEIN_UNIMPLEMENTED, absl::StatusCode::kUnimplemented},
                {SKEIN_RESOURCE_EXHAUSTED, absl::StatusCode::kResourceExhausted},
                {SKEIN_CANCELLED, absl::StatusCode::kInternal},
                {4711, absl::StatusCode::kInternal}};
  for (const auto& failure : kCases) {
    const auto good = Add({1});
    const auto bad = Add({2});
    runner_.set_hook([&failure](FakeStep& step) {
      step.entries[1].status = failure.code;
      return absl::OkStatus();
    });
    RunAll();
    EXPECT_TRUE(good->status.ok());
    EXPECT_EQ(bad->status.code(), failure.expected) << failure.code;
  }
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(StepLoopTest, StepThatFailsAsAWholeIsTriedStreamByStream) {
  const auto a = Add({1});
  const auto bad = Add({2});
  const auto c = Add({3});
  runner_.set_hook([](FakeStep& step) {
    const bool has_bad = std::find(step.tokens.begin(), step.tokens.end(), 2u) != step.tokens.end();
    return has_bad ? absl::InternalError("a broken device") : absl::OkStatus();
  });
  RunAll();
  EXPECT_TRUE(a->status.ok());
  EXPECT_TRUE(c->status.ok());
  EXPECT_THAT(bad->status.message(), HasSubstr("a broken device"));
  EXPECT_THAT(runner_.steps(), SizeIs(4));
  EXPECT_EQ(metrics_.step_errors.load(), 1u);
  bool taken;
  EXPECT_THAT(log_.Take(1000, &taken)->text, HasSubstr("a step of 3 streams failed"));
}

TEST_F(StepLoopTest, LostDeviceEndsEveryJobAndNoStepIsTriedAgain) {
  const auto a = Add({1});
  const auto b = Add({2});
  const auto waiting = Add({3});
  waiting->waits = true;
  runner_.set_hook([](FakeStep&) { return absl::UnavailableError("device x is lost"); });
  EXPECT_TRUE(loop_.RunStep());
  for (const auto& job : {a, b, waiting}) {
    EXPECT_TRUE(absl::IsUnavailable(job->status)) << job->status;
    EXPECT_THAT(job->status.message(), HasSubstr("device x is lost; release the model"));
  }
  EXPECT_THAT(runner_.steps(), SizeIs(1));
  EXPECT_EQ(metrics_.step_errors.load(), 1u);
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
  bool taken;
  EXPECT_THAT(log_.Take(1000, &taken)->text, HasSubstr("a model with 3 streams at work ends: device x is lost"));
}

TEST_F(StepLoopTest, JobThatComesAfterTheLossEndsAtOnce) {
  Add({1});
  runner_.set_hook([](FakeStep&) { return absl::UnavailableError("device x is lost"); });
  RunAll();
  runner_.set_hook({});
  const auto late = Add({2});
  EXPECT_FALSE(loop_.RunStep());
  EXPECT_TRUE(absl::IsUnavailable(late->status));
  EXPECT_THAT(runner_.steps(), SizeIs(1));
  EXPECT_TRUE(loop_.empty());
}

TEST_F(StepLoopTest, DeviceLostWhileStreamsAreTriedAloneEndsTheRest) {
  const auto a = Add({1});
  const auto b = Add({2});
  const auto c = Add({3});
  runner_.set_hook([](FakeStep& step) {
    if (step.entries.size() > 1) return absl::InternalError("first sign");
    return step.tokens[0] == 2 ? absl::UnavailableError("device x is lost") : absl::OkStatus();
  });
  RunAll();
  EXPECT_TRUE(a->status.ok()) << "it was done before";
  EXPECT_TRUE(absl::IsUnavailable(b->status));
  EXPECT_TRUE(absl::IsUnavailable(c->status));
  EXPECT_THAT(runner_.steps(), SizeIs(3)) << "the third stream was not tried";
}

TEST_F(StepLoopTest, FailureThatPassesHurtsNobody) {
  const auto a = Add({1});
  const auto b = Add({2});
  runner_.set_hook(
      [](FakeStep& step) { return step.entries.size() > 1 ? absl::InternalError("once") : absl::OkStatus(); });
  RunAll();
  EXPECT_TRUE(a->status.ok());
  EXPECT_TRUE(b->status.ok());
}

TEST_F(StepLoopTest, StepThatIsCancelledByTheDeviceIsNoCancellation) {
  const auto job = Add({1});
  runner_.set_hook([](FakeStep&) { return absl::CancelledError("stopped"); });
  RunAll();
  EXPECT_EQ(job->status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(job->status.message(), HasSubstr("stopped"));
}

TEST_F(StepLoopTest, NoMemoryForAStepEndsWhoHasNoneAlone) {
  const auto a = Add({1});
  const auto b = Add({2});
  runner_.set_hook([](FakeStep& step) -> absl::Status {
    if (step.entries.size() > 1 || step.tokens[0] == 2) throw std::bad_alloc();
    return absl::OkStatus();
  });
  RunAll();
  EXPECT_TRUE(a->status.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(b->status)) << b->status;
}

TEST_F(StepLoopTest, JobThatThrowsIsToldThatItFailed) {
  const auto a = Add({1});
  const auto in_want = Add({2});
  in_want->throws_in_want = true;
  const auto in_advance = Add({3});
  in_advance->throws_in_advance = true;
  RunAll();
  EXPECT_TRUE(a->status.ok());
  EXPECT_TRUE(a->ended);
  EXPECT_TRUE(absl::IsResourceExhausted(in_want->status));
  EXPECT_TRUE(absl::IsResourceExhausted(in_advance->status));
  EXPECT_EQ(pool_->num_free(), pool_->num_slots());
}

TEST_F(StepLoopTest, JobsAreToldThoughThreadsCannotBeAsked) {
  parallel_for_throws_ = true;
  const auto a = Add({1});
  const auto b = Add({2});
  RunAll();
  EXPECT_TRUE(a->ended && a->status.ok());
  EXPECT_TRUE(b->ended && b->status.ok());
}

TEST_F(StepLoopTest, StatesThatNobodyNeedsMakeRoom) {
  const std::vector<StateRef> idle = HoldSlots(pool_->num_slots());
  const auto job = Add({1});
  EXPECT_TRUE(loop_.RunStep());
  EXPECT_TRUE(job->ended && job->status.ok()) << job->status;
  EXPECT_EQ(pool_->ValuesOf(idle[1]), nullptr);
  ASSERT_NE(pool_->ValuesOf(idle[0]), nullptr) << "the one that was pinned longest ago";
}

TEST_F(StepLoopTest, JobEndsWhenNoPlaceIsLeftForItsState) {
  const std::vector<StateRef> idle = HoldSlots(pool_->num_slots());
  const std::vector<std::shared_ptr<HostState>> parked = {host_->Take(HostStates::Use::kStay),
                                                          host_->Take(HostStates::Use::kStay)};
  const auto job = Add({1});
  EXPECT_FALSE(loop_.RunStep());
  EXPECT_TRUE(absl::IsResourceExhausted(job->status)) << job->status;
  EXPECT_THAT(job->status.message(), HasSubstr("14 slots (option state_memory) and 2 places in host memory "
                                               "(option state_host_memory) are taken"));
  EXPECT_TRUE(loop_.empty());
}

TEST_F(StepLoopTest, JobThatEndsInAPlanLeavesItsStepToTheOthers) {
  const std::vector<StateRef> idle = HoldSlots(pool_->num_slots());
  const std::vector<std::shared_ptr<HostState>> parked = {host_->Take(HostStates::Use::kStay),
                                                          host_->Take(HostStates::Use::kStay)};
  const std::vector<uint32_t> long_prompt(2 * kMaxTokens, 1);
  const auto first = Add(long_prompt), second = Add(long_prompt);
  RunAll();
  EXPECT_TRUE(absl::IsResourceExhausted(first->status)) << first->status;
  EXPECT_TRUE(absl::IsResourceExhausted(second->status)) << "nobody would wake the engine's thread for it";
}

TEST_F(StepLoopTest, OwnersAreAskedWhenNoPlaceIsLeft) {
  std::vector<StateRef> cached = HoldSlots(pool_->num_slots());
  const std::vector<std::shared_ptr<HostState>> parked = {host_->Take(HostStates::Use::kStay),
                                                          host_->Take(HostStates::Use::kStay)};
  loop_.residency().set_ask_owners([&cached] {
    if (cached.empty()) return false;
    cached.pop_back();
    return true;
  });
  const auto job = Add({1});
  EXPECT_TRUE(loop_.RunStep());
  EXPECT_TRUE(job->status.ok()) << job->status;
  EXPECT_THAT(cached, SizeIs(pool_->num_slots() - 2)) << "one for the state, one that is left for the others";
}

TEST_F(StepLoopTest, JobsTakeTurnsAtTooFewSlots) {
  const std::vector<StatePin> others = PinSlots(pool_->num_slots() - 4);
  std::vector<std::shared_ptr<FakeJob>> jobs;
  for (uint32_t i = 0; i < 3; ++i) jobs.push_back(Add({i}));
  for (const auto& job : jobs) job->decodes_for_ever = true;
  for (int step = 0; step < 30; ++step) EXPECT_TRUE(loop_.RunStep());
  for (const auto& job : jobs) EXPECT_GE(job->parts.size(), 9u);
}

TEST_F(StepLoopTest, PartThatIsLeftOutIsNoServiceOfItsTenant) {
  const std::vector<StatePin> others = PinSlots(pool_->num_slots() - 1);
  const auto tenant = std::make_shared<TenantQueues>();
  for (uint32_t i = 0; i < 3; ++i) {
    JobList jobs;
    jobs.emplace_back(std::make_shared<FakeJob>(std::vector<uint32_t>{i}), tenant);
    loop_.Add(jobs);
  }
  EXPECT_TRUE(loop_.RunStep());
  EXPECT_THAT(runner_.steps()[0].tokens, SizeIs(1));
  EXPECT_EQ(tenant->service(), 1);
}

TEST_F(StepLoopTest, DecodedTokensAreCountedApart) {
  const auto job = Add({1, 2});
  job->decodes_for_ever = true;
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(loop_.RunStep());
  EXPECT_EQ(metrics_.prefill_tokens.load(), 2u);
  EXPECT_EQ(metrics_.decode_tokens.load(), 3u);
}

TEST_F(StepLoopTest, EndAllFailsWhoIsLeft) {
  const auto a = Add({1});
  const auto ended = Add({2});
  ended->ended = true;
  loop_.EndAll(absl::CancelledError("gone"));
  EXPECT_TRUE(absl::IsCancelled(a->status));
  EXPECT_TRUE(ended->status.ok());
  EXPECT_TRUE(loop_.empty());
}

}  // namespace
}  // namespace skein
