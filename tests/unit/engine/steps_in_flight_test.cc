// The step loop over a runner that takes several steps at a time.
#include "engine/steps_in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <optional>
#include <random>
#include <utility>

#include "engine/step_loop.h"
#include "tests/support/fake_step_runner.h"
#include "tests/unit/engine/fake_job.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

constexpr uint32_t kMaxJobs = 8;
constexpr uint32_t kMaxTokens = 16;
constexpr StepPipeline kOneDevice = {2, 1};
constexpr StepPipeline kTwoDevices = {3, 2};
constexpr StepPipeline kDrawingDevice = {2, 1, true};

// A loop, and what it runs over.
struct Bench {
  explicit Bench(StepPipeline pipeline) {
    runner.set_pipeline(pipeline);
    loop.emplace(runner, pool, host, SchedulerLimits{kMaxTokens, kMaxJobs}, StepObservers{metrics, log, model},
                 [](uint64_t num_items, const std::function<void(uint64_t)>& work) {
                   for (uint64_t i = 0; i < num_items; ++i) work(i);
                 });
  }

  void AddJob(std::shared_ptr<Job> job) {
    JobList jobs;
    jobs.emplace_back(std::move(job));
    loop->Add(jobs);
  }
  std::shared_ptr<FakeJob> Add(std::vector<uint32_t> tokens) {
    auto job = std::make_shared<FakeJob>(std::move(tokens));
    AddJob(job);
    return job;
  }
  void RunAll() {
    while (loop->RunStep()) {
    }
  }
  // The tokens that a stream has read, by the state that its entry of a done step wrote.
  std::vector<uint32_t> HistoryBehind(const skein_step_entry& entry) {
    std::vector<float> values(1000);
    EXPECT_TRUE(runner.ExportState(entry.write_slot, absl::MakeSpan(values)).ok());
    return {values.begin() + 1, values.begin() + 1 + static_cast<int>(values[0])};
  }

  FakeStepRunner runner;
  std::shared_ptr<StatePool> pool = StatePool::Create(2 * kMaxJobs + 2);
  std::shared_ptr<HostStates> host = HostStates::Create(1000, 4);
  Metrics metrics;
  Log log;
  ModelObserver model{{}, nullptr};
  std::optional<StepLoop> loop;
};

std::vector<uint32_t> Count(uint32_t num_tokens) {
  std::vector<uint32_t> tokens(num_tokens);
  for (uint32_t i = 0; i < num_tokens; ++i) tokens[i] = i + 1;
  return tokens;
}

TEST(StepsInFlightTest, PartsOfAPromptAreInFlightTogetherAndReadEachOther) {
  Bench bench(kOneDevice);
  size_t most = 0;
  bench.runner.set_begin_hook([&](const FakeStep&) {
    most = std::max(most, bench.runner.num_in_flight() + 1);
    return absl::OkStatus();
  });
  const auto job = bench.Add(Count(70));
  bench.RunAll();
  EXPECT_EQ(most, 2u);
  EXPECT_THAT(job->parts, ElementsAre(16, 16, 16, 16, 6));
  EXPECT_EQ(bench.HistoryBehind(bench.runner.steps().back().entries[0]), Count(70));
  EXPECT_EQ(bench.metrics.prefill_tokens.load(), 70u);
  EXPECT_EQ(bench.pool->num_free(), bench.pool->num_slots());
}

TEST(StepsInFlightTest, PartsInFlightEndAtStops) {
  for (const StepPipeline pipeline : {kOneDevice, kTwoDevices}) {
    Bench bench(pipeline);
    size_t most = 0;
    bench.runner.set_begin_hook([&](const FakeStep&) {
      most = std::max(most, bench.runner.num_in_flight() + 1);
      return absl::OkStatus();
    });
    bool fails = true;
    bench.runner.set_hook([&](FakeStep& step) {
      const bool is_first = step.entries[0].num_tokens == 12 && std::exchange(fails, false);
      return is_first ? absl::InternalError("once") : absl::OkStatus();
    });
    const auto job = std::make_shared<FakeJob>(Count(70));
    for (const uint64_t stop : {20, 21, 33, 64}) job->AddStop(stop);
    bench.AddJob(job);
    bench.RunAll();
    EXPECT_GE(most, 2u);
    EXPECT_FALSE(fails) << "the part in front of 33 was tried twice";
    EXPECT_THAT(job->ends, ElementsAre(16, 20, 21, 33, 49, 64, 70));
    EXPECT_EQ(bench.HistoryBehind(bench.runner.steps().back().entries[0]), Count(70));
    EXPECT_EQ(bench.pool->num_free(), bench.pool->num_slots());
  }
}

TEST(StepsInFlightTest, StopsOfAPromptLeaveOtherStreamsAlone) {
  Bench bench(kOneDevice);
  bench.Add({1})->decodes_for_ever = true;
  const auto job = std::make_shared<FakeJob>(Count(100));
  for (uint64_t stop = 3; stop < 100; stop += 10) job->AddStop(stop);
  bench.AddJob(job);
  while (!job->ended) ASSERT_TRUE(bench.loop->RunStep());
  for (uint64_t stop = 3; stop < 100; stop += 10) EXPECT_THAT(job->ends, testing::Contains(stop));
  for (const FakeStep& step : bench.runner.steps()) EXPECT_LE(step.entries.size(), 2u);
  for (size_t i = 1; i < bench.runner.steps().size(); ++i) {
    EXPECT_THAT(bench.runner.steps()[i].entries, testing::Contains(testing::Field(&skein_step_entry::num_tokens, 1u)));
  }
}

TEST(StepsInFlightTest, OneDeviceIsNotSentAheadWithoutAStreamThatDecodes) {
  Bench bench(kOneDevice);
  bench.Add({1})->decodes_for_ever = true;
  bench.Add(Count(100));
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(bench.loop->RunStep());
  for (const FakeStep& step : bench.runner.steps()) EXPECT_THAT(step.entries, SizeIs(2));
}

TEST(StepsInFlightTest, EachOfTwoDevicesHasHalfOfTheStreamsThatDecode) {
  Bench bench(kTwoDevices);
  for (uint32_t i = 0; i < 8; ++i) bench.Add({i})->decodes_for_ever = true;
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(bench.loop->RunStep());
  std::vector<size_t> sizes;
  for (const FakeStep& step : bench.runner.steps()) sizes.push_back(step.entries.size());
  sizes.erase(sizes.begin());  // the prompts
  EXPECT_THAT(sizes, Each(4));
  EXPECT_EQ(bench.runner.num_in_flight(), 1u) << "half of them, while the other half waits for its next step";
}

TEST(StepsInFlightTest, StepThatFailsAsAWholeTakesBackThePartsBehindIt) {
  Bench bench(kOneDevice);
  bool fails = true;
  bench.runner.set_hook(
      [&](FakeStep&) { return std::exchange(fails, false) ? absl::InternalError("once") : absl::OkStatus(); });
  const auto job = bench.Add(Count(50));
  bench.RunAll();
  EXPECT_TRUE(job->ended);
  EXPECT_TRUE(job->status.ok());
  EXPECT_EQ(bench.HistoryBehind(bench.runner.steps().back().entries[0]), Count(50));
  EXPECT_EQ(bench.metrics.prefill_tokens.load(), 50u) << "a part that does not count is not counted";
  EXPECT_THAT(job->parts, ElementsAre(16, 16, 16, 16, 16, 2)) << "two that failed or followed, and the four that count";
}

TEST(StepsInFlightTest, StepBehindOneThatFailsCountsForOtherStreams) {
  Bench bench(kTwoDevices);
  const auto a = bench.Add({1, 1});
  const auto b = bench.Add({2, 2});
  a->decodes_for_ever = b->decodes_for_ever = true;
  EXPECT_TRUE(bench.loop->RunStep());  // both prompts
  int num_runs_of_b = 0;
  bool fails = true;
  bench.runner.set_hook([&](FakeStep& step) {
    if (step.entries.size() > 1) return absl::OkStatus();
    const bool is_first = std::exchange(fails, false);
    if (!is_first) ++num_runs_of_b;
    return is_first ? absl::InternalError("once") : absl::OkStatus();
  });
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_EQ(num_runs_of_b, 2) << "b in flight, and a alone";
  EXPECT_EQ(bench.metrics.decode_tokens.load(), 2u);
  EXPECT_EQ(bench.metrics.step_errors.load(), 1u);
}

TEST(StepsInFlightTest, EntryThatFailsEndsItsJobOnceWhenNoPartOfItIsInFlight) {
  Bench bench(kOneDevice);
  const auto bad = bench.Add(Count(60));
  bench.runner.set_hook([&](FakeStep& step) {
    EXPECT_EQ(bad->num_failures, 0) << "the device would write to memory of a job that ended";
    step.entries[0].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  });
  bench.RunAll();
  EXPECT_EQ(bad->num_failures, 1);
  EXPECT_TRUE(absl::IsDataLoss(bad->status));
  EXPECT_THAT(bench.runner.steps(), SizeIs(2));
  EXPECT_EQ(bench.pool->num_free(), bench.pool->num_slots());
  const auto good = bench.Add(Count(5));
  bench.runner.set_hook({});
  bench.RunAll();
  EXPECT_TRUE(good->ended && good->status.ok());
}

TEST(StepsInFlightTest, JobThatThrowsInAdvanceFailsWhenNoPartOfItIsInFlight) {
  Bench bench(kOneDevice);
  const auto bad = bench.Add(Count(60));
  bad->throws_in_advance = true;
  bench.runner.set_hook([&](FakeStep&) {
    EXPECT_EQ(bad->num_failures, 0);
    return absl::OkStatus();
  });
  bench.RunAll();
  EXPECT_EQ(bad->num_failures, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(bad->status));
}

TEST(StepsInFlightTest, StepThatCannotBeginBehindAnotherIsTriedWhenThatOneIsDone) {
  Bench bench(kOneDevice);
  int num_begins = 0;
  bench.runner.set_begin_hook([&](const FakeStep&) -> absl::Status {
    if (++num_begins == 2) throw std::bad_alloc();
    return absl::OkStatus();
  });
  const auto job = bench.Add(Count(40));
  bench.RunAll();
  EXPECT_TRUE(job->ended && job->status.ok()) << job->status;
  EXPECT_EQ(bench.HistoryBehind(bench.runner.steps().back().entries[0]), Count(40));
  EXPECT_EQ(bench.metrics.step_errors.load(), 1u);
}

// A step behind it would read what it did not write.
TEST(StepsInFlightTest, NothingBeginsBehindAStepThatCannotBegin) {
  Bench bench(kTwoDevices);
  std::vector<size_t> num_in_front;  // of the steps that begin
  bench.runner.set_begin_hook([&](const FakeStep&) {
    num_in_front.push_back(bench.runner.num_in_flight());
    return num_in_front.size() == 2 ? absl::InternalError("once") : absl::OkStatus();
  });
  const auto job = bench.Add(Count(64));
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_THAT(num_in_front, ElementsAre(0u, 1u)) << "there is room for three";
  bench.RunAll();
  EXPECT_THAT(num_in_front, ElementsAre(0u, 1u, 0u, 0u, 1u)) << "the second alone, and then those behind it";
  EXPECT_TRUE(job->ended && job->status.ok()) << job->status;
  EXPECT_EQ(bench.HistoryBehind(bench.runner.steps().back().entries[0]), Count(64));
}

TEST(StepsInFlightTest, JobThatIsCancelledIssuesNothingMoreAndEndsBehindItsLastPart) {
  Bench bench(kTwoDevices);
  const auto job = bench.Add(Count(100));
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_EQ(bench.runner.num_in_flight(), 2u);
  job->is_cancelled = true;
  bench.loop->LookAtAll();
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_EQ(bench.runner.num_in_flight(), 1u);
  EXPECT_FALSE(job->ended) << "a part is in flight";
  bench.RunAll();
  EXPECT_TRUE(job->ended);
  EXPECT_EQ(job->feed().num_fed, 48u);
  EXPECT_EQ(job->num_failures, 0);
}

TEST(StepsInFlightTest, LostDeviceEndsTheJobsOfAllStepsOnce) {
  Bench bench(kTwoDevices);
  const auto a = bench.Add(Count(100));
  const auto b = bench.Add(Count(100));
  bench.runner.set_hook([](FakeStep&) { return absl::UnavailableError("device x is lost"); });
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_EQ(bench.runner.num_in_flight(), 0u);
  for (const auto& job : {a, b}) {
    EXPECT_EQ(job->num_failures, 1);
    EXPECT_THAT(std::string(job->status.message()), HasSubstr("device x is lost; release the model"));
  }
  EXPECT_THAT(bench.runner.steps(), SizeIs(3)) << "what was in flight was waited for, and nothing was tried again";
  EXPECT_EQ(bench.metrics.step_errors.load(), 1u);
  EXPECT_EQ(bench.pool->num_free(), bench.pool->num_slots());
}

TEST(StepsInFlightTest, AllStepsAreConcludedWhenAsked) {
  Bench bench(kTwoDevices);
  const auto job = bench.Add(Count(100));
  EXPECT_TRUE(bench.loop->RunStep());
  EXPECT_EQ(bench.runner.num_in_flight(), 2u);
  bench.loop->FinishAll();
  EXPECT_EQ(bench.runner.num_in_flight(), 0u);
  EXPECT_EQ(job->feed().num_fed, 48u);
  bench.RunAll();
  EXPECT_TRUE(job->ended);
}

// Reads a prompt and goes on with the tokens that the runner draws.
class DrawingJob final : public Job {
 public:
  DrawingJob(const std::vector<uint32_t>& prompt, size_t num_tokens)
      : feed_(Feed::Start({}, prompt)), num_tokens_(num_tokens) {}

  Readiness Poll() noexcept override {
    if (is_cancelled) Fail(absl::CancelledError("asked to"));
    return status.has_value() ? Readiness::kEnded : Readiness::kReady;
  }
  bool WantsMore() const noexcept override {
    return !is_cancelled && !status.has_value() && drawn.size() + feed_.num_in_draw() < num_tokens_;
  }
  bool GoesOnWithDrawn() const noexcept override { return feed_.num_in_draw() < 2; }
  Feed& feed() override { return feed_; }
  void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) override {
    if (num_tokens < feed_.num_unissued()) return;
    entry.output = SKEIN_STEP_SAMPLE;
    entry.output_start = num_tokens - 1;
    entry.output_tokens = &tokens_[(feed_.next_position() + num_tokens) % 2];
  }
  void Advance(uint32_t num_tokens, StateRef written) override {
    feed_.Advance(num_tokens, std::move(written));
    if (feed_.num_unfed() > 0) return;
    drawn.push_back(tokens_[feed_.at.position % 2]);
    feed_.GoOnWith(drawn.back());
    if (drawn.size() == num_tokens_) Fail(absl::OkStatus());
  }
  void Fail(const absl::Status& failure) noexcept override {
    if (!status.has_value()) status = failure;
    feed_.TakeBack();
    feed_.at.state = StateRef();
  }

  bool is_cancelled = false;
  std::vector<uint32_t> drawn;
  std::optional<absl::Status> status;

 private:
  Feed feed_;
  const size_t num_tokens_;
  uint32_t tokens_[2] = {};  // by position: two may be in flight
};

std::vector<uint32_t> DrawnAlone(std::vector<uint32_t> history, size_t num_tokens) {
  std::vector<uint32_t> drawn;
  while (drawn.size() < num_tokens) {
    drawn.push_back(FakeStepRunner::Next(history));
    history.push_back(drawn.back());
  }
  return drawn;
}

// One schedule: jobs that come and go, and steps that fail now and then.
void ExpectEveryJobDrawsAsAlone(uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&random](uint32_t limit) {
    return std::uniform_int_distribution<uint32_t>(0, limit - 1)(random);
  };
  constexpr StepPipeline kPipelines[] = {{1, 1}, kOneDevice, kTwoDevices, {5, 4}, kDrawingDevice};
  Bench bench(kPipelines[below(5)]);
  bench.runner.set_hook([&](FakeStep& step) {
    if (below(8) == 0) return absl::InternalError("now and then");
    if (below(20) == 0) step.entries[below(static_cast<uint32_t>(step.entries.size()))].status = SKEIN_DATA_LOSS;
    return absl::OkStatus();
  });
  bench.runner.set_begin_hook([&](const FakeStep&) -> absl::Status {
    if (below(16) == 0) throw std::bad_alloc();
    return absl::OkStatus();
  });
  std::vector<std::shared_ptr<DrawingJob>> jobs;
  std::vector<std::vector<uint32_t>> expected;
  for (int i = 0; i < 24; ++i) {
    if (bench.loop->num_jobs() < kMaxJobs) {
      std::vector<uint32_t> prompt(1 + below(60));
      for (uint32_t& token : prompt) token = 1 + below(200);
      const size_t num_tokens = 1 + below(20);
      jobs.push_back(std::make_shared<DrawingJob>(prompt, num_tokens));
      expected.push_back(DrawnAlone(prompt, num_tokens));
      bench.AddJob(jobs.back());
    }
    for (uint32_t steps = below(8); steps > 0; --steps) bench.loop->RunStep();
    // Cancelled, perhaps with parts in flight.
    if (below(6) == 0) jobs[below(static_cast<uint32_t>(jobs.size()))]->is_cancelled = true;
  }
  bench.RunAll();
  for (size_t i = 0; i < jobs.size(); ++i) {
    ASSERT_TRUE(jobs[i]->status.has_value()) << "seed " << seed << ", job " << i;
    const std::vector<uint32_t>& drawn = jobs[i]->drawn;
    if (jobs[i]->status->ok()) {
      ASSERT_EQ(drawn.size(), expected[i].size());
    }
    ASSERT_TRUE(std::equal(drawn.begin(), drawn.end(), expected[i].begin())) << "seed " << seed << ", job " << i;
  }
  ASSERT_EQ(bench.pool->num_free(), bench.pool->num_slots()) << "seed " << seed;
}

TEST(StepsInFlightTest, TokenThatIsDrawnInFlightIsFedByTheDevice) {
  Bench bench(kDrawingDevice);
  const std::vector<uint32_t> prompts[] = {{5, 6, 7}, {9}};
  std::vector<std::shared_ptr<DrawingJob>> jobs;
  for (const auto& prompt : prompts) {
    jobs.push_back(std::make_shared<DrawingJob>(prompt, 10));
    bench.AddJob(jobs.back());
  }
  size_t num_ahead = 0;
  bench.runner.set_begin_hook([&](const FakeStep& step) {
    for (const skein_step_entry& entry : step.entries) num_ahead += entry.drawn_by != 0 ? 1 : 0;
    return absl::OkStatus();
  });
  bench.RunAll();
  for (size_t i = 0; i < jobs.size(); ++i) EXPECT_EQ(jobs[i]->drawn, DrawnAlone(prompts[i], 10));
  EXPECT_EQ(num_ahead, 18u) << "all tokens but the last, which nobody needs to feed";
  EXPECT_THAT(bench.runner.steps(), SizeIs(10)) << "no row was in vain";
  EXPECT_EQ(bench.metrics.decode_tokens.load(), 18u);
}

TEST(StepsInFlightTest, StreamWhoseNextTokenNeedsTheHostHoldsTheOthersBack) {
  Bench bench(kDrawingDevice);
  bench.AddJob(std::make_shared<DrawingJob>(std::vector<uint32_t>{5}, 10));
  bench.Add({1})->decodes_for_ever = true;
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(bench.loop->RunStep());
  for (const FakeStep& step : bench.runner.steps()) EXPECT_THAT(step.entries, SizeIs(2));
}

TEST(StepsInFlightTest, WithoutSlotsForAllNoStepIsAhead) {
  Bench bench(kDrawingDevice);
  for (uint32_t i = 0; i < kMaxJobs; ++i) bench.AddJob(std::make_shared<DrawingJob>(std::vector<uint32_t>{i + 1}, 10));
  bench.RunAll();
  for (const FakeStep& step : bench.runner.steps()) EXPECT_THAT(step.entries, SizeIs(kMaxJobs));
}

TEST(StepsInFlightTest, JobsDrawAsAloneInAnySchedule) {
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    ASSERT_NO_FATAL_FAILURE(ExpectEveryJobDrawsAsAlone(seed));
  }
}

}  // namespace
}  // namespace skein
