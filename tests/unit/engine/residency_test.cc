// States that move between slots, host memory and disk under an engine with few places: what streams read is what they
// would read alone.
#include "engine/residency.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "tests/support/fake_model.h"
#include "tests/support/remove_folder.h"

namespace skein {
namespace {

using test::FakeStepRunner;

// Feeds tokens and keeps the state behind them.
class FeedJob final : public Job {
 public:
  FeedJob(StateRef from, const std::vector<uint32_t>& tokens) : feed_(Feed::Start(At(std::move(from)), tokens)) {}
  Readiness Poll() noexcept override { return is_ended_ ? Readiness::kEnded : Readiness::kReady; }
  bool WantsMore() const noexcept override { return !is_ended_ && feed_.num_unissued() > 0; }
  Feed& feed() override { return feed_; }
  void WantOutputs(uint32_t, skein_step_entry&) override {}
  void Advance(uint32_t num_tokens, StateRef written) override {
    feed_.Advance(num_tokens, std::move(written));
    if (feed_.num_unfed() == 0) End(absl::OkStatus());
  }
  void Fail(const absl::Status& status) noexcept override { End(status); }

  // Waits for the end, and gives the state.
  absl::StatusOr<StateRef> Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return is_ended_; });
    if (!status_.ok()) return status_;
    return feed_.at.state;
  }

 private:
  static StreamState At(StateRef state) {
    StreamState at;
    at.state = std::move(state);
    return at;
  }
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
  bool is_ended_ = false;
};

constexpr uint64_t kStateFloats = 400;

// A folder that goes with its object.
class Folder {
 public:
  Folder() : path_(::testing::TempDir() + "/states-" + std::to_string(std::random_device()())) {}
  ~Folder() { test::RemoveFolder(path_); }
  const std::string& path() const { return path_; }
  std::shared_ptr<StateDisk> Open(uint64_t budget_bytes = 1 << 24) const {
    return *StateDisk::Open({.folder = path_,
                             .identity = "test",
                             .state_bytes = kStateFloats * sizeof(float),
                             .budget_bytes = budget_bytes});
  }
  // The bytes of the files on the disk.
  uint64_t BytesOnDisk() const {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      struct stat info = {};
      EXPECT_EQ(stat(entry.path().c_str(), &info), 0);
      bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    }
    return bytes;
  }
  // Overwrites what the files hold.
  void Spoil() const {
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      const std::string garbage(std::filesystem::file_size(entry.path()), 'x');
      file.write(garbage.data(), static_cast<std::streamsize>(garbage.size()));
    }
  }

 private:
  const std::string path_;
};

struct Places {
  uint32_t num_slots;
  uint64_t num_host;
  bool has_disk;
  StepPipeline pipeline;
  bool moves_fail = false;  // some of those that are begun beside steps
};

std::shared_ptr<Engine> Start(const Places& places, std::shared_ptr<StateDisk> disk = nullptr) {
  auto runner = std::make_unique<FakeStepRunner>();
  runner->set_pipeline(places.pipeline);
  runner->set_export_looks(3);
  runner->set_import_looks(3);
  if (places.moves_fail) {
    const auto fail_fifth = [count = 0](FakeStepRunner::MoveMoment) mutable {
      return ++count % 5 == 0 ? absl::InternalError("the fifth") : absl::OkStatus();
    };
    runner->set_export_hook(fail_fifth);
    runner->set_import_hook(fail_fifth);
  }
  EngineLimits limits = {{16, 4}, places.num_slots};
  limits.state_floats = kStateFloats;
  limits.max_host_states = places.num_host;
  return *Engine::Start(test::EmptyRuntime(), std::move(runner), limits, "", StepClock::now, std::move(disk));
}

std::shared_ptr<FeedJob> Add(Engine& engine, const StateRef& from, const std::vector<uint32_t>& tokens) {
  auto job = std::make_shared<FeedJob>(from, tokens);
  JobList jobs;
  jobs.emplace_back(job);
  engine.Add(jobs);
  return job;
}

// The tokens that a state has read.
std::vector<uint32_t> HistoryOf(Engine& engine, const StateRef& state) {
  if (state.empty()) return {};
  std::vector<float> values(kStateFloats);
  const absl::Status status = engine.ExportState(state, absl::MakeSpan(values));
  EXPECT_TRUE(status.ok()) << status;
  return {values.begin() + 1, values.begin() + 1 + static_cast<int>(values[0])};
}

uint64_t NumObserved(const Histogram& histogram) {
  uint64_t count = 0;
  for (size_t bucket = 0; bucket < histogram.num_buckets(); ++bucket) count += histogram.Count(bucket);
  return count;
}

struct KnownState {
  StateRef state;
  std::vector<uint32_t> history;
};

class ResidencyTest : public ::testing::TestWithParam<Places> {
 protected:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  // Some of the streams read some tokens at the same time. One whose state does not come reads none.
  void Feed(Engine& engine, std::vector<KnownState>& streams) {
    struct Fed {
      size_t at;
      std::vector<uint32_t> tokens;
      std::shared_ptr<FeedJob> job;
    };
    std::vector<Fed> fed;
    for (uint32_t i = 0; i < 1 + Below(12); ++i) {
      const size_t at = Below(static_cast<uint32_t>(streams.size()));
      const bool is_busy = std::any_of(fed.begin(), fed.end(), [at](const Fed& one) { return one.at == at; });
      if (is_busy || streams[at].history.size() > 300) continue;
      std::vector<uint32_t> tokens(1 + (Below(4) == 0 ? Below(40) : Below(3)));
      for (uint32_t& token : tokens) token = 1 + Below(200);
      fed.push_back({at, tokens, Add(engine, streams[at].state, tokens)});
    }
    for (const auto& [at, tokens, job] : fed) {
      absl::StatusOr<StateRef> state = job->Wait();
      if (state.status() == absl::InternalError("the fifth")) {
        ++num_failed_;
        continue;
      }
      ASSERT_TRUE(state.ok()) << state.status();
      streams[at].state = *std::move(state);
      streams[at].history.insert(streams[at].history.end(), tokens.begin(), tokens.end());
    }
  }

  std::mt19937 random_{42};
  uint64_t num_failed_ = 0;
};

TEST_P(ResidencyTest, StreamsReadWhatTheyWouldReadAlone) {
  const Places& places = GetParam();
  const Folder folder;
  const auto engine = Start(places, places.has_disk ? folder.Open() : nullptr);
  // Without a disk every stream has a place, and so has what twelve of them write.
  const size_t num_streams = places.has_disk ? 120 : places.num_slots + places.num_host - 14;
  std::vector<KnownState> streams(num_streams);
  for (int round = 0; round < 150; ++round) {
    ASSERT_NO_FATAL_FAILURE(Feed(*engine, streams));
    const size_t from = Below(static_cast<uint32_t>(num_streams)), to = Below(static_cast<uint32_t>(num_streams));
    streams[to] = Below(3) == 0 ? KnownState() : streams[from];
    const KnownState& looked_at = streams[Below(static_cast<uint32_t>(num_streams))];
    ASSERT_EQ(HistoryOf(*engine, looked_at.state), looked_at.history) << "round " << round;
  }
  for (const KnownState& stream : streams) ASSERT_EQ(HistoryOf(*engine, stream.state), stream.history);
  const SlotCounts counts = engine->observer().model().count_slots();
  EXPECT_GT(counts.parked, 0u);
  EXPECT_GT(counts.woken, 0u);
  EXPECT_EQ(NumObserved(engine->observer().wake_time()), counts.woken);
  EXPECT_EQ(num_failed_ > 0, places.moves_fail && places.pipeline.imports_beside_steps);
  EXPECT_EQ(counts.to_disk > 0, places.has_disk);
  EXPECT_EQ(counts.from_disk > 0, places.has_disk);
  EXPECT_EQ(NumObserved(engine->observer().fetch_time()), counts.from_disk);
}

INSTANTIATE_TEST_SUITE_P(
    FewPlaces, ResidencyTest,
    ::testing::Values(Places{3, 40, false, {1, 1}}, Places{4, 40, false, {2, 1}}, Places{5, 40, false, {3, 2}},
                      Places{3, 4, true, {1, 1}}, Places{4, 4, true, {2, 1}}, Places{6, 5, true, {3, 2}},
                      Places{10, 4, true, {2, 1, true}}, Places{5, 40, false, {2, 1, false, true}},
                      Places{20, 40, false, {2, 1, false, true}}, Places{20, 40, false, {3, 2, false, true}},
                      Places{20, 8, true, {3, 2, false, true}}, Places{20, 4, true, {2, 1, true, true}},
                      Places{12, 40, false, {3, 2, false, true}, true}, Places{20, 8, true, {3, 2, false, true}, true},
                      Places{4, 40, false, {2, 1, false, false, true}}, Places{5, 40, false, {2, 1, false, true, true}},
                      Places{20, 40, false, {3, 2, false, true, true}}, Places{6, 5, true, {3, 2, false, false, true}},
                      Places{20, 8, true, {3, 2, false, true, true}}, Places{20, 4, true, {2, 1, true, true, true}},
                      Places{5, 40, false, {2, 1, false, true, true}, true},
                      Places{12, 40, false, {3, 2, false, true, true}, true},
                      Places{20, 8, true, {3, 2, true, true, true}, true}));

constexpr Places kWithDisk = {3, 4, true, {1, 1}};

// Gives the engine so many states that most of them go to the disk.
std::vector<KnownState> Fill(Engine& engine, uint32_t count) {
  std::vector<KnownState> states;
  for (uint32_t i = 0; i < count; ++i) {
    std::vector<float> values(kStateFloats);
    values[0] = 1;
    values[1] = static_cast<float>(i);
    absl::StatusOr<StateRef> state = engine.ImportState(values);
    EXPECT_TRUE(state.ok()) << state.status();
    states.push_back({*std::move(state), {i}});
  }
  return states;
}

TEST(ResidencyOnDiskTest, StateThatCannotBeReadEndsItsStreamAlone) {
  const Folder folder;
  const auto engine = Start(kWithDisk, folder.Open());
  const std::vector<KnownState> states = Fill(*engine, 40);
  folder.Spoil();
  uint32_t num_lost = 0;
  for (const KnownState& known : states) {
    const absl::StatusOr<StateRef> state = Add(*engine, known.state, {7})->Wait();
    if (state.ok()) {
      EXPECT_THAT(HistoryOf(*engine, *state), testing::ElementsAre(known.history[0], 7));
      continue;
    }
    ++num_lost;
    EXPECT_TRUE(absl::IsDataLoss(state.status())) << state.status();
    EXPECT_THAT(std::string(state.status().message()), testing::HasSubstr(folder.path()));
  }
  EXPECT_GT(num_lost, 25u);
  EXPECT_LT(num_lost, 40u) << "those in slots and in host memory are well";
  std::vector<float> values(kStateFloats);
  EXPECT_TRUE(Add(*engine, {}, {1})->Wait().ok()) << "the model goes on";
}

TEST(ResidencyOnDiskTest, SpaceOfReleasedStatesGoesBackToTheDisk) {
  const Folder folder;
  const auto engine = Start(kWithDisk, folder.Open());
  std::vector<KnownState> states = Fill(*engine, 200);
  const uint64_t full = folder.BytesOnDisk();
  ASSERT_GE(full, 150u * kStateFloats * sizeof(float));
  states.clear();
  // The engine's thread gives it back when it has nothing to do.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (folder.BytesOnDisk() > full / 10 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_LE(folder.BytesOnDisk(), full / 10);
}

TEST(ResidencyOnDiskTest, FileGoesWithTheEngineAlthoughStatesAreHeld) {
  const Folder folder;
  auto engine = Start(kWithDisk, folder.Open());
  const std::vector<KnownState> states = Fill(*engine, 40);
  ASSERT_FALSE(std::filesystem::is_empty(folder.path()));
  engine.reset();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!std::filesystem::is_empty(folder.path()) && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ResidencyOnDiskTest, ErrorNamesTheOptionsWhenEveryPlaceIsTaken) {
  const Folder folder;
  const auto engine = Start(kWithDisk, folder.Open(8 * 16384));
  std::vector<StateRef> states;
  absl::Status status;
  while (status.ok() && states.size() < 100) {
    const absl::StatusOr<StateRef> state = Add(*engine, {}, {1})->Wait();
    status = state.status();
    if (state.ok()) states.push_back(*state);
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GE(states.size(), 3u + 4u + 8u - 3u);
  for (const char* option : {"state_memory", "state_host_memory", "state_disk"}) {
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(option));
  }
  // Those that have a place go on.
  for (StateRef& state : states) {
    absl::StatusOr<StateRef> next = Add(*engine, state, {2})->Wait();
    ASSERT_TRUE(next.ok()) << next.status();
    state = *std::move(next);
  }
  states.resize(states.size() / 2);
  EXPECT_TRUE(Add(*engine, {}, {1})->Wait().ok());
}

TEST(ResidencyOnDiskTest, ManyStreamsOfOneStateWaitForItTogether) {
  const Folder folder;
  const auto engine = Start(kWithDisk, folder.Open());
  const std::vector<KnownState> states = Fill(*engine, 40);
  std::vector<std::shared_ptr<FeedJob>> jobs;
  for (uint32_t i = 0; i < 12; ++i) jobs.push_back(Add(*engine, states[0].state, {100 + i}));
  for (uint32_t i = 0; i < 12; ++i) {
    const absl::StatusOr<StateRef> state = jobs[i]->Wait();
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_THAT(HistoryOf(*engine, *state), testing::ElementsAre(0, 100 + i));
  }
}

// States that have come from the disk hold nearly all places until their steps have read them.
TEST(ResidencyOnDiskTest, NewStreamsWaitForThoseThatComeBack) {
  const Folder folder;
  const auto engine = Start(kWithDisk, folder.Open());
  const std::vector<KnownState> states = Fill(*engine, 40);
  for (uint32_t round = 0; round < 300; ++round) {
    std::vector<std::shared_ptr<FeedJob>> jobs;
    JobList together;
    for (uint32_t i = 0; i < 9; ++i) {
      const StateRef from = i % 3 == 2 ? StateRef() : states[(round * 7 + i * 4) % states.size()].state;
      jobs.push_back(std::make_shared<FeedJob>(from, std::vector<uint32_t>{1, 2}));
      together.emplace_back(jobs.back());
    }
    engine->Add(together);
    for (const auto& job : jobs) {
      const absl::Status status = job->Wait().status();
      ASSERT_TRUE(status.ok()) << "round " << round << ": " << status;
    }
  }
}

TEST(ResidencyOnDiskTest, EngineEndsWhileStatesAreOnTheirWay) {
  const Folder folder;
  for (int i = 0; i < 20; ++i) {
    auto engine = Start(kWithDisk, folder.Open());
    const std::vector<KnownState> states = Fill(*engine, 20);
    std::vector<std::shared_ptr<FeedJob>> jobs;
    for (const KnownState& known : states) jobs.push_back(Add(*engine, known.state, {1}));
    engine.reset();
    for (const auto& job : jobs) {
      const absl::Status status = job->Wait().status();
      EXPECT_TRUE(status.ok() || absl::IsCancelled(status)) << status;
    }
  }
}

}  // namespace
}  // namespace skein
