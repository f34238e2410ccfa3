#include "engine/disk_tier.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "runtime/worker.h"
#include "tests/support/remove_folder.h"

namespace skein {
namespace {

// Host memory for four states, of which the tier keeps two places free.
class DiskTierTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kStateFloats = 250;

  DiskTierTest() {
    auto disk = StateDisk::Open(
        {.folder = folder_, .identity = "test", .state_bytes = kStateFloats * sizeof(float), .budget_bytes = 1 << 20});
    EXPECT_TRUE(disk.ok()) << disk.status();
    auto observer = std::make_shared<ModelObserver>(ObservedModel{"test", {}, {}}, nullptr);
    auto tier = DiskTier::Start(pool_, host_, *std::move(disk), log_, std::move(observer), [this] { OnMoved(); });
    EXPECT_TRUE(tier.ok()) << tier.status();
    tier_ = *std::move(tier);
  }
  ~DiskTierTest() override {
    tier_ = nullptr;
    EXPECT_TRUE(WaitForRuntimes(std::chrono::seconds(20)));
    test::RemoveFolder(folder_);
  }

  StateRef NewState() {
    const std::shared_ptr<HostState> place = host_->Take(HostStates::Use::kStay);
    std::fill(place->values().begin(), place->values().end(), 0.0f);
    return pool_->Add(place);
  }
  std::array<StateRef, 3> StatesOfWhichTheFirstIsOnDisk() {
    std::array<StateRef, 3> states = {NewState(), NewState(), NewState()};
    if (tier_->PushOut()) WaitForMoves(1);
    return states;
  }
  // Waits until so many states have moved in all.
  void WaitForMoves(int count) {
    std::unique_lock<std::mutex> lock(mutex_);
    moved_.wait(lock, [&] { return num_moves_ >= count; });
  }

  const std::string folder_ = ::testing::TempDir() + "/disk-tier-" + std::to_string(getpid());
  Log log_;
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(1);
  const std::shared_ptr<HostStates> host_ = HostStates::Create(kStateFloats, 4);
  std::unique_ptr<DiskTier> tier_;

 private:
  void OnMoved() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++num_moves_;
    moved_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  int num_moves_ = 0;
};

// The last place is for those that leave slots: a state that comes out of turn could keep it from them.
TEST_F(DiskTierTest, NoStateComesToTheLastPlaceWhileOthersThereWaitForTheirSteps) {
  const auto [first, second, third] = StatesOfWhichTheFirstIsOnDisk();
  ASSERT_EQ(pool_->num_on_disk(), 1u);
  ASSERT_EQ(pool_->ValuesOf(first), nullptr);
  const StateRef fourth = NewState();
  ASSERT_EQ(host_->num_left(), 1u);
  {
    const StatePin waits = pool_->Hold(second);
    ASSERT_EQ(tier_->Bring(first), DiskTier::Fetch::kOthers);
  }
  ASSERT_EQ(tier_->Bring(first), DiskTier::Fetch::kComing);
  WaitForMoves(2);
  EXPECT_NE(pool_->ValuesOf(first), nullptr);
}

TEST_F(DiskTierTest, StateComesWhereThereIsRoomForItAndForOneThatLeavesItsSlot) {
  const auto [first, second, third] = StatesOfWhichTheFirstIsOnDisk();
  ASSERT_EQ(pool_->num_on_disk(), 1u);
  ASSERT_EQ(host_->num_left(), 2u);
  const StatePin waits = pool_->Hold(second);
  EXPECT_EQ(tier_->Bring(first), DiskTier::Fetch::kComing);
  WaitForMoves(2);
}

}  // namespace
}  // namespace skein
