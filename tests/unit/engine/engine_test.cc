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
  static constexpr uint64_t kHostStates = 40;
  static constexpr size_t kStateFloats = 8;

  std::shared_ptr<Engine> Start(uint64_t max_host_states = 0) {
    auto runner = std::make_unique<FakeStepRunner>();
    runner->set_hook([this](FakeStep&) {
      ++num_steps_;
      while (is_stalled_) std::this_thread::yield();
      return absl::OkStatus();
    });
    EngineLimits limits = {{16, 4}, kSlots};
    limits.state_floats = kStateFloats;
    limits.max_host_states = max_host_states;
    return *Engine::Start(runtime_, std::move(runner), limits);
  }
  static std::shared_ptr<OneTokenJob> Add(Engine& engine, StateRef from = {}) {
    StreamState at;
    at.state = std::move(from);
    auto job = std::make_shared<OneTokenJob>(std::move(at));
    JobList jobs;
    jobs.emplace_back(job);
    engine.Add(jobs);
    return job;
  }
  // The tokens that a state has read.
  static std::vector<uint32_t> HistoryOf(Engine& engine, const StateRef& state) {
    float values[kStateFloats] = {};
    EXPECT_TRUE(engine.ExportState(state, absl::MakeSpan(values)).ok());
    return {values + 1, values + 1 + static_cast<int>(values[0])};
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

TEST_F(EngineTest, StatesThatAreGivenGoToHostMemory) {
  const auto engine = Start(kHostStates);
  is_stalled_ = true;
  const auto running = Add(*engine);
  WaitForStep();
  // Neither waits for the step.
  const float given[kStateFloats] = {2, 10, 20};
  const absl::StatusOr<StateRef> state = engine->ImportState(given);
  ASSERT_TRUE(state.ok()) << state.status();
  float values[kStateFloats] = {};
  ASSERT_TRUE(engine->ExportState(*state, absl::MakeSpan(values)).ok());
  EXPECT_THAT(values, testing::ElementsAreArray(given));
  is_stalled_ = false;
  EXPECT_TRUE(running->Wait().ok());
}

TEST_F(EngineTest, ManyMoreStatesThanSlotsAreRead) {
  const auto engine = Start(kHostStates);
  std::vector<StateRef> states;
  for (uint32_t i = 0; i < kHostStates + kSlots / 2; ++i) {
    const float given[kStateFloats] = {1, static_cast<float>(10 + i)};
    states.push_back(*engine->ImportState(given));
  }
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < states.size(); ++i) {
      const auto job = Add(*engine, states[i]);
      ASSERT_TRUE(job->Wait().ok());
      EXPECT_THAT(HistoryOf(*engine, job->feed().at.state), testing::ElementsAre(10 + i, 1));
      EXPECT_THAT(HistoryOf(*engine, states[i]), testing::ElementsAre(10 + i));
    }
  }
}

TEST_F(EngineTest, ImportFailsWhenNoPlaceIsLeft) {
  const auto engine = Start();
  const float given[kStateFloats] = {1, 10};
  std::vector<StateRef> held;
  for (uint32_t i = 0; i + 1 < kSlots; ++i) held.push_back(*engine->ImportState(given));
  const absl::Status status = engine->ImportState(given).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(status.message(), testing::HasSubstr("6 slots (option state_memory)"));
  EXPECT_TRUE(absl::IsResourceExhausted(Add(*engine)->Wait()));
  EXPECT_TRUE(Add(*engine, held[0])->Wait().ok()) << "the last place is for those that go on";
  held.pop_back();
  EXPECT_TRUE(Add(*engine)->Wait().ok());
}

TEST_F(EngineTest, OwnersLetGoOfStates) {
  class Cache final : public StateOwner {
   public:
    bool LetGo(uint32_t) noexcept override {
      if (states.empty()) return false;
      states.pop_back();
      return true;
    }
    std::vector<StateRef> states;
  };
  const auto engine = Start();
  const float given[kStateFloats] = {1, 10};
  const auto cache = std::make_shared<Cache>();
  for (uint32_t i = 0; i + 1 < kSlots; ++i) cache->states.push_back(*engine->ImportState(given));
  engine->AddOwner(cache);
  EXPECT_TRUE(Add(*engine)->Wait().ok());
  EXPECT_EQ(cache->states.size(), kSlots - 2);
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
  std::shared_ptr<Engine> engine = *Engine::Start(runtime_, std::move(runner), {{16, 4}, kSlots});
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
  const auto engine = *Engine::Start(runtime_, std::make_unique<LostRunner>(), {{16, 4}, kSlots});
  float values[kStateFloats] = {};
  std::vector<StateRef> held;
  for (uint32_t i = 0; i + 1 < kSlots; ++i) held.push_back(*engine->ImportState(values));
  EXPECT_TRUE(absl::IsUnavailable(engine->ExportState(held[0], values)));
  EXPECT_TRUE(absl::IsUnavailable(Add(*engine)->Wait()));
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
