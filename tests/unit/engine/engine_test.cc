#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/support/fake_model.h"

namespace skein {
namespace {

using test::FakeStep;
using test::FakeStepRunner;

// A job of one token that records its end.
class OneTokenJob final : public Job {
 public:
  explicit OneTokenJob(StreamState at) : feed_(Feed::Start(std::move(at), std::vector<uint32_t>{1})) {}
  Readiness Poll() noexcept override { return is_ended_ ? Readiness::kEnded : Readiness::kReady; }
  Feed& feed() override { return feed_; }
  void WantOutputs(uint32_t, skein_step_entry&) override {}
  void Advance(uint32_t num_tokens, StateRef written) override {
    feed_.Advance(num_tokens, std::move(written));
    End(absl::OkStatus());
  }
  void Fail(const absl::Status& status) noexcept override { End(status); }

  absl::Status Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return is_ended_.load(); });
    return status_;
  }

 private:
  void End(const absl::Status& status) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = status;
    is_ended_ = true;
    changed_.notify_all();
  }

  Feed feed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  absl::Status status_;
  std::atomic<bool> is_ended_{false};
};

class EngineTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kSlots = 6;
  static constexpr size_t kStateFloats = 8;

  std::shared_ptr<Engine> Start() {
    auto runner = std::make_unique<FakeStepRunner>();
    runner->set_hook([this](FakeStep&) {
      ++num_steps_;
      while (is_stalled_) std::this_thread::yield();
      return absl::OkStatus();
    });
    return *Engine::Start(runtime_, std::move(runner), {{16, 4}, kSlots, 4});
  }
  static std::shared_ptr<OneTokenJob> Add(Engine& engine) {
    auto job = std::make_shared<OneTokenJob>(StreamState());
    JobList jobs;
    jobs.emplace_back(job);
    engine.Add(jobs);
    return job;
  }
  // Waits until the engine's thread is in a step, which lasts until is_stalled_ is taken back.
  void WaitForStep() const {
    while (num_steps_ == 0) std::this_thread::yield();
  }

  const std::shared_ptr<Runtime> runtime_ = test::EmptyRuntime();
  std::atomic<int> num_steps_{0};
  std::atomic<bool> is_stalled_{false};
};

TEST_F(EngineTest, RunsJobs) {
  const auto engine = Start();
  EXPECT_TRUE(Add(*engine)->Wait().ok());
}

TEST_F(EngineTest, StatesComeBackAsTheyWereGiven) {
  const auto engine = Start();
  const float given[kStateFloats] = {3, 10, 20, 30};
  const absl::StatusOr<StateRef> state = engine->ImportState(given);
  ASSERT_TRUE(state.ok()) << state.status();
  float values[kStateFloats] = {};
  ASSERT_TRUE(engine->ExportState(*state, absl::MakeSpan(values)).ok());
  EXPECT_THAT(values, testing::ElementsAreArray(given));
}

TEST_F(EngineTest, ImportWaitsForASlot) {
  const auto engine = Start();
  const float given[kStateFloats] = {1, 10};
  std::vector<StateRef> held;
  for (uint32_t i = 0; i < kSlots; ++i) held.push_back(*engine->ImportState(given));
  std::atomic<bool> done{false};
  std::thread importer([&] {
    EXPECT_TRUE(engine->ImportState(given).ok());
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(done);
  held.pop_back();
  importer.join();
}

TEST_F(EngineTest, JobWaitsForASlot) {
  const auto engine = Start();
  const float given[kStateFloats] = {1, 10};
  std::vector<StateRef> held;
  for (uint32_t i = 0; i < kSlots; ++i) held.push_back(*engine->ImportState(given));
  const auto job = Add(*engine);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(num_steps_, 0);
  held.clear();
  EXPECT_TRUE(job->Wait().ok());
}

TEST_F(EngineTest, StoppedEngineEndsItsJobsAndCalls) {
  auto engine = Start();
  is_stalled_ = true;
  const auto running = Add(*engine);
  WaitForStep();
  const auto next = Add(*engine);
  engine->Stop();
  const auto late = Add(*engine);
  EXPECT_TRUE(absl::IsCancelled(late->Wait()));
  float values[kStateFloats] = {};
  EXPECT_TRUE(absl::IsCancelled(engine->ImportState(values).status()));
  is_stalled_ = false;
  EXPECT_TRUE(running->Wait().ok()) << "its step was under way";
  EXPECT_TRUE(absl::IsCancelled(next->Wait()));
}

TEST_F(EngineTest, LastReferenceStopsItWithoutWaiting) {
  auto engine = Start();
  is_stalled_ = true;
  const auto running = Add(*engine);
  WaitForStep();
  engine.reset();  // returns though the step is under way
  is_stalled_ = false;
  EXPECT_TRUE(running->Wait().ok());
}

TEST_F(EngineTest, WhoOnlyWatchesItKeepsNothingOfIt) {
  auto on_the_device = std::make_shared<int>();
  const std::weak_ptr<int> watched = on_the_device;
  auto runner = std::make_unique<FakeStepRunner>();
  runner->set_hook([held = std::move(on_the_device)](FakeStep&) { return absl::OkStatus(); });
  std::shared_ptr<Engine> engine = *Engine::Start(runtime_, std::move(runner), {{16, 4}, kSlots, 4});
  const std::weak_ptr<Engine> watcher = engine;
  engine.reset();
  for (int i = 0; i < 20000 && !watched.expired(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(watched.expired());
}

// A device that is lost as soon as its state is asked for.
class LostRunner final : public StepRunner {
 public:
  StepPipeline pipeline() const override { return {}; }
  absl::Status Begin(absl::Span<const uint32_t>, absl::Span<skein_step_entry>) override {
    ADD_FAILURE() << "a step on a device that is known to be lost";
    return absl::OkStatus();
  }
  absl::Status Finish() noexcept override { return absl::OkStatus(); }
  absl::Status ExportState(uint32_t, absl::Span<float>) override { return absl::UnavailableError("device x is lost"); }
  absl::Status ImportState(uint32_t, absl::Span<const float>) override { return absl::OkStatus(); }
};

TEST_F(EngineTest, LossThatAStateShowsEndsEverythingThatComes) {
  const auto engine = *Engine::Start(runtime_, std::make_unique<LostRunner>(), {{16, 4}, kSlots, 4});
  float values[kStateFloats] = {};
  std::vector<StateRef> held;
  for (uint32_t i = 0; i < kSlots; ++i) held.push_back(*engine->ImportState(values));
  EXPECT_TRUE(absl::IsUnavailable(engine->ExportState(held[0], values)));
  EXPECT_TRUE(absl::IsUnavailable(Add(*engine)->Wait()));
  // Although no slot is free, which an import waits for as long as there is hope.
  EXPECT_TRUE(absl::IsUnavailable(engine->ImportState(values).status()));
}

TEST_F(EngineTest, StateOutlivesItsEngine) {
  auto engine = Start();
  const float given[kStateFloats] = {1, 10};
  StateRef state = *engine->ImportState(given);
  engine.reset();
  EXPECT_FALSE(state.empty());
}

}  // namespace
}  // namespace skein
