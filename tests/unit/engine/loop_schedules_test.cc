// Random schedules of the step loop and the scheduler, on a model without weights whose state is the list of the tokens
// that it has read: jobs arrive, wait, go on, are cancelled, and steps and entries fail, under random limits and with
// steps in flight. Every job ends as it should, with all its tokens fed once and in order, and no slot is lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/step_loop.h"
#include "tests/support/fake_step_runner.h"
#include "tests/unit/engine/fake_job.h"

namespace skein {
namespace {

constexpr int kNumSchedules = 10000;
constexpr uint32_t kMaxJobs = 12;
constexpr uint32_t kNumSlots = 4 * kMaxJobs;

class LoopSchedule {
 public:
  explicit LoopSchedule(uint64_t seed) : random_(seed) {
    runner_.set_pipeline(
        {.depth = static_cast<uint32_t>(1 + Below(3)), .num_stages = static_cast<uint32_t>(1 + Below(2))});
    runner_.set_hook([this](test::FakeStep& step) { return FailNowAndThen(step); });
    const SchedulerLimits limits = {.max_tokens = static_cast<uint32_t>(1 + Below(24)),
                                    .max_entries = static_cast<uint32_t>(1 + Below(kMaxJobs)),
                                    .max_running = static_cast<uint32_t>(Below(3) == 0 ? 1 + Below(4) : 0)};
    loop_ = std::make_unique<StepLoop>(runner_, pool_, HostStates::Create(kStateFloats, 0), limits,
                                       StepObservers{metrics_, log_, model_},
                                       [](uint64_t num_items, const std::function<void(uint64_t)>& work) {
                                         for (uint64_t i = 0; i < num_items; ++i) work(i);
                                       });
  }

  void Run() {
    for (uint64_t i = 5 + Below(15); i > 0; --i) {
      for (uint64_t j = Below(3); j > 0 && loop_->num_jobs() < kMaxJobs; --j) Arrive();
      Happen();
      loop_->RunStep();
    }
    fails_ = false;
    for (const auto& job : jobs_) job->waits = false;
    loop_->LookAtAll();
    for (int i = 0; i < 10000 && loop_->RunStep(); ++i) {
    }
    loop_->FinishAll();
    EXPECT_TRUE(loop_->empty()) << "a job starves";
    for (const auto& job : jobs_) Check(*job);
    jobs_.clear();  // they hold the states of their streams
    EXPECT_EQ(pool_->num_free(), kNumSlots);
  }

 private:
  static constexpr uint64_t kStateFloats = 64;

  uint64_t Below(uint64_t limit) { return random_() % limit; }

  void Arrive() {
    std::vector<uint32_t> tokens(1 + Below(20));
    for (uint32_t& token : tokens) token = static_cast<uint32_t>(Below(test::FakeStepRunner::kVocabSize));
    auto job = std::make_shared<FakeJob>(tokens);
    if (Below(3) == 0) job->LimitSteps(1 + Below(8));
    jobs_.push_back(job);
    JobList added;
    added.emplace_back(job);
    loop_->Add(added);
  }

  void Happen() {
    if (jobs_.empty()) return;
    FakeJob& job = *jobs_[Below(jobs_.size())];
    switch (Below(8)) {
      case 0:
        job.is_cancelled = true;
        break;
      case 1:
        job.waits = true;
        break;
      default:
        job.waits = false;
        break;
    }
    loop_->LookAt(job);
  }

  absl::Status FailNowAndThen(test::FakeStep& step) {
    if (!fails_) return absl::OkStatus();
    if (Below(30) == 0) return absl::InternalError("the step fails");
    if (Below(30) == 0) step.entries[Below(step.entries.size())].status = SKEIN_INTERNAL;
    return absl::OkStatus();
  }

  static void Check(FakeJob& job) {
    EXPECT_TRUE(job.ended);
    EXPECT_LE(job.num_failures, 1);
    if (job.num_failures > 0) {
      EXPECT_TRUE(absl::IsInternal(job.status)) << job.status;
    } else if (!job.is_cancelled) {
      EXPECT_EQ(job.feed().num_fed, job.feed().tokens.size());
    }
    EXPECT_TRUE(std::is_sorted(job.ends.begin(), job.ends.end(), std::less_equal<>())) << "a part that was fed twice";
  }

  std::mt19937_64 random_;
  bool fails_ = true;
  test::FakeStepRunner runner_;
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(kNumSlots);
  Metrics metrics_;
  Log log_;
  ModelObserver model_{{}, nullptr};
  std::vector<std::shared_ptr<FakeJob>> jobs_;
  std::unique_ptr<StepLoop> loop_;
};

TEST(LoopSchedulesTest, RandomSchedulesEndEveryJobAndLoseNoSlot) {
  for (uint64_t seed = 1; seed <= kNumSchedules && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LoopSchedule(seed).Run();
  }
}

}  // namespace
}  // namespace skein
