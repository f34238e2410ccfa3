#include "engine/prefix_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/worker.h"
#include "state/host_states.h"
#include "tests/support/remove_folder.h"

namespace skein {
namespace {

constexpr uint64_t kStateFloats = 250;
constexpr uint64_t kStateBytes = kStateFloats * sizeof(float);

// The prompt that the state `number` has read.
std::vector<uint32_t> Prompt(uint32_t number) { return {number, 1, 2, 3}; }

// A process with a prefix cache and a folder for its states. Its engine is the test.
class Process {
 public:
  Process(const std::string& folder, uint64_t max_on_disk, uint64_t max_in_cache, PrefixStore::ExportState export_state)
      : disk_(*StateDisk::Open({.folder = folder,
                                .identity = "test",
                                .state_bytes = kStateBytes,
                                .budget_bytes = max_on_disk * DiskLayout::For(kStateBytes).block_bytes})),
        cache_(std::make_shared<PrefixCache>(
            PrefixCacheLimits{.max_bytes = max_in_cache * kStateBytes, .state_bytes = kStateBytes},
            [](const std::shared_ptr<Job>&) {})),
        mover_(*StateMover::Start(4)) {
    if (!export_state) {
      export_state = [this](const StateRef& state, absl::Span<float> values) { return Copy(state, values); };
    }
    store_ = PrefixStore::Create(disk_, mover_, cache_, std::move(export_state));
  }
  ~Process() {
    mover_ = nullptr;
    store_ = nullptr;
    EXPECT_TRUE(WaitForRuntimes(std::chrono::seconds(20)));
  }

  PrefixStore& store() { return *store_; }
  StateDisk& disk() { return *disk_; }
  PrefixCache& cache() { return *cache_; }

  // The cache has a state behind a prompt.
  void Keep(uint32_t number) {
    const std::vector<float> values(kStateFloats, static_cast<float>(number));
    ASSERT_TRUE(cache_->Restore("scope", Prompt(number), Import(values)));
    store_->OnKept("scope", Prompt(number));
  }
  // The mover has done what was handed to it before.
  void WaitForMover() {
    class Signal final : public DiskMove {
     public:
      explicit Signal(std::promise<void>& done) : done_(done) {}
      absl::Status Work() override { return absl::OkStatus(); }
      void End(absl::Status) noexcept override { done_.set_value(); }

     private:
      std::promise<void>& done_;
    };
    std::promise<void> done;
    DiskMoves moves;
    moves.push_back(std::make_unique<Signal>(done));
    ASSERT_TRUE(mover_->Park(moves));
    done.get_future().wait();
  }
  // All that is kept is on the disk. It comes last, or between calls of Keep.
  void End() {
    store_->OnEnd([this](const StateRef& state, absl::Span<float> values) { return Copy(state, values); });
  }
  uint64_t Restore() {
    return store_->Restore([this](absl::Span<const float> values) { return Import(values); });
  }
  // Whether the cache has the state `number`.
  ::testing::AssertionResult Has(uint32_t number) {
    const StateRef state = cache_->Peek("scope", Prompt(number));
    if (state.empty()) return ::testing::AssertionFailure() << "no state";
    std::vector<float> values(kStateFloats);
    EXPECT_TRUE(Copy(state, absl::MakeSpan(values)).ok());
    if (values == std::vector<float>(kStateFloats, static_cast<float>(number))) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "another state";
  }

 private:
  StateRef Import(absl::Span<const float> values) {
    const std::shared_ptr<HostState> place = host_->Take(HostStates::Use::kStay);
    std::copy(values.begin(), values.end(), place->values().begin());
    return pool_->Add(place);
  }
  absl::Status Copy(const StateRef& state, absl::Span<float> values) {
    const std::shared_ptr<const HostState> place = pool_->ValuesOf(state);
    std::copy(place->values().begin(), place->values().end(), values.begin());
    return absl::OkStatus();
  }

  const std::shared_ptr<StatePool> pool_ = StatePool::Create(1);
  const std::shared_ptr<HostStates> host_ = HostStates::Create(kStateFloats, 100);
  const std::shared_ptr<StateDisk> disk_;
  const std::shared_ptr<PrefixCache> cache_;
  std::shared_ptr<StateMover> mover_;
  std::shared_ptr<PrefixStore> store_;
};

class PrefixStoreTest : public ::testing::Test {
 protected:
  ~PrefixStoreTest() override { test::RemoveFolder(folder_); }

  std::unique_ptr<Process> Start(uint64_t max_on_disk = 100, uint64_t max_in_cache = 50,
                                 PrefixStore::ExportState export_state = {}) const {
    return std::make_unique<Process>(folder_, max_on_disk, max_in_cache, std::move(export_state));
  }
  // An earlier process leaves these states, the last one the latest.
  void Leave(const std::vector<uint32_t>& numbers) const {
    const auto process = Start();
    for (const uint32_t number : numbers) process->Keep(number);
    process->End();
  }

  const std::string folder_ = ::testing::TempDir() + "/prefix-states-" + std::to_string(getpid());
};

TEST_F(PrefixStoreTest, NextProcessHasTheStatesOfTheLast) {
  Leave({1, 2});
  const auto process = Start();
  EXPECT_EQ(process->Restore(), 2u);
  EXPECT_TRUE(process->Has(1));
  EXPECT_TRUE(process->Has(2));
}

TEST_F(PrefixStoreTest, StateThatWasSavedLongestAgoMakesRoom) {
  constexpr uint64_t kOnDisk = 4;  // half of them for prefixes
  {
    const auto process = Start(kOnDisk);
    for (const uint32_t number : {1, 2, 3}) {
      process->Keep(number);
      process->End();
    }
    EXPECT_EQ(process->store().num_saved(), 2u);
  }
  {
    const auto process = Start(kOnDisk);
    EXPECT_EQ(process->Restore(), 2u);
    EXPECT_FALSE(process->Has(1));
    EXPECT_TRUE(process->Has(2));
    EXPECT_TRUE(process->Has(3));
    process->Keep(4);
    process->End();
  }
  const auto process = Start(kOnDisk);
  EXPECT_EQ(process->Restore(), 2u);
  EXPECT_FALSE(process->Has(2)) << "those of earlier processes go in their order too";
  EXPECT_TRUE(process->Has(3));
  EXPECT_TRUE(process->Has(4));
}

TEST_F(PrefixStoreTest, StateThatIsNotFiniteIsPassedOver) {
  {
    const auto process = Start();
    process->Keep(1);
    process->End();
    std::vector<float> values(kStateFloats, 2);
    values.back() = std::numeric_limits<float>::quiet_NaN();
    absl::StatusOr<DiskBlock> block = process->disk().Reserve();
    ASSERT_TRUE(block.ok()) << block.status();
    const DiskLabel label = {"scope", Prompt(2)};
    const absl::Span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(values.data()), kStateBytes);
    ASSERT_TRUE(process->disk().Write(*block, bytes, &label).ok());
  }
  const auto process = Start();
  EXPECT_EQ(process->Restore(), 1u);
  EXPECT_TRUE(process->Has(1));
  EXPECT_TRUE(process->cache().Peek("scope", Prompt(2)).empty());
}

TEST_F(PrefixStoreTest, CacheGetsTheLatestStatesUntilItIsFull) {
  Leave({1, 2, 3});
  const auto process = Start(100, 2);
  EXPECT_EQ(process->Restore(), 2u);
  EXPECT_EQ(process->cache().counts().states, 2u);
  EXPECT_TRUE(process->Has(3));
  EXPECT_TRUE(process->Has(2));
  EXPECT_EQ(process->store().num_saved(), 3u) << "the other one stays on disk";
}

TEST_F(PrefixStoreTest, StateThatAStoppedEngineDidNotGiveIsWrittenAtItsEnd) {
  std::promise<void> asked;
  std::atomic<int> num_asked = 0;
  const auto process = Start(100, 50, [&](const StateRef&, absl::Span<float>) {
    if (++num_asked == 1) asked.set_value();
    return absl::CancelledError("the engine has been stopped");
  });
  process->Keep(1);
  asked.get_future().wait();
  process->WaitForMover();
  process->WaitForMover();  // for what it handed itself meanwhile
  EXPECT_EQ(num_asked, 1) << "an engine that has been stopped is asked again";
  process->End();
  EXPECT_EQ(process->store().num_saved(), 1u);
}

}  // namespace
}  // namespace skein
