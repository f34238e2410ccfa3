// The way of a state from host memory to the disk and back, and what may happen to it meanwhile.
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "state/host_states.h"
#include "state/state_pool.h"
#include "tests/unit/state/disk_test_folder.h"

namespace skein {
namespace {

class StatePoolDiskTest : public test::DiskTestFolder {
 protected:
  StateRef Parked() { return pool_->Add(host_->Take(HostStates::Use::kStay)); }
  DiskBlock Block() { return WriteNew(*disk_, 1); }
  StatePool::OnDisk Whereabouts(const StateRef& state) {
    absl::Status failure;
    return pool_->IsOnDisk(state, &failure);
  }
  // A state that is on disk.
  StateRef Sent() {
    StateRef state = Parked();
    EXPECT_EQ(pool_->BeginToDisk(), state);
    pool_->EndToDisk(state, Block());
    return state;
  }

  const std::shared_ptr<StateDisk> disk_ = Open();
  const std::shared_ptr<HostStates> host_ = HostStates::Create(kStateBytes / sizeof(float), 4, [] {});
  const std::shared_ptr<StatePool> pool_ = StatePool::Create(2);
};

TEST_F(StatePoolDiskTest, StateThatArrivedLeavesItsPlaceInMemory) {
  const StateRef state = Sent();
  EXPECT_EQ(Whereabouts(state), StatePool::OnDisk::kYes);
  EXPECT_EQ(pool_->ValuesOf(state), nullptr);
  EXPECT_EQ(host_->num_left(), 4u);
  EXPECT_EQ(pool_->num_on_disk(), 1u);
  EXPECT_EQ(pool_->moves().to_disk, 1u);
}

TEST_F(StatePoolDiskTest, StateThatIsAskedForMeanwhileStaysInMemory) {
  const StateRef state = Parked();
  ASSERT_EQ(pool_->BeginToDisk(), state);
  const StatePin held = pool_->Hold(state);
  pool_->EndToDisk(state, Block());
  EXPECT_EQ(Whereabouts(state), StatePool::OnDisk::kNo);
  EXPECT_NE(pool_->ValuesOf(state), nullptr);
  EXPECT_EQ(disk_->used_blocks(), 0u);
  EXPECT_EQ(pool_->moves().to_disk, 0u);
}

TEST_F(StatePoolDiskTest, StateThatWokeMeanwhileStaysInItsSlot) {
  const StateRef state = Parked();
  ASSERT_EQ(pool_->BeginToDisk(), state);
  pool_->Wake(state, pool_->Acquire());
  pool_->EndToDisk(state, Block());
  EXPECT_EQ(Whereabouts(state), StatePool::OnDisk::kNo);
  EXPECT_FALSE(pool_->Pin(state).empty());
  EXPECT_EQ(disk_->used_blocks(), 0u);
}

TEST_F(StatePoolDiskTest, StateOnItsWayIsNotSentAgain) {
  const StateRef state = Parked();
  ASSERT_EQ(pool_->BeginToDisk(), state);
  EXPECT_TRUE(pool_->BeginToDisk().empty());
  pool_->EndToDisk(state, DiskBlock());
  EXPECT_EQ(pool_->BeginToDisk(), state) << "the disk refused it, and may be asked again";
  pool_->EndToDisk(state, DiskBlock());
}

TEST_F(StatePoolDiskTest, PinnedStateIsNotSent) {
  const StateRef state = Parked();
  {
    const StatePin held = pool_->Hold(state);
    EXPECT_TRUE(pool_->BeginToDisk().empty());
    EXPECT_TRUE(pool_->HasPinnedInHost());
  }
  EXPECT_EQ(pool_->BeginToDisk(), state);
  pool_->EndToDisk(state, DiskBlock());
}

TEST_F(StatePoolDiskTest, StateComesBackAndFreesItsBlock) {
  const StateRef state = Sent();
  const DiskBlock& block = pool_->BeginToHost(state);
  EXPECT_TRUE(Holds(*disk_, block, 1));
  EXPECT_EQ(Whereabouts(state), StatePool::OnDisk::kMoving);
  pool_->EndToHost(state, host_->Take(HostStates::Use::kStay), absl::OkStatus());
  EXPECT_EQ(Whereabouts(state), StatePool::OnDisk::kNo);
  EXPECT_NE(pool_->ValuesOf(state), nullptr);
  EXPECT_EQ(disk_->used_blocks(), 0u);
  EXPECT_EQ(pool_->moves().from_disk, 1u);
}

TEST_F(StatePoolDiskTest, FailedWayBackIsToldOnceAndKeepsTheBlock) {
  const StateRef state = Sent();
  pool_->BeginToHost(state);
  pool_->EndToHost(state, host_->Take(HostStates::Use::kStay), absl::DataLossError("spoilt"));
  EXPECT_EQ(disk_->used_blocks(), 1u);
  EXPECT_EQ(host_->num_left(), 4u);
  absl::Status failure;
  EXPECT_EQ(pool_->IsOnDisk(state, &failure), StatePool::OnDisk::kFailed);
  EXPECT_EQ(failure, absl::DataLossError("spoilt"));
  EXPECT_EQ(pool_->IsOnDisk(state, &failure), StatePool::OnDisk::kYes);
}

TEST_F(StatePoolDiskTest, LastReferenceFreesTheBlock) {
  StateRef state = Sent();
  EXPECT_EQ(disk_->used_blocks(), 1u);
  state = StateRef();
  EXPECT_EQ(disk_->used_blocks(), 0u);
  EXPECT_EQ(pool_->num_on_disk(), 0u);
}

}  // namespace
}  // namespace skein
