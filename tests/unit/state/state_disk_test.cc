#include "state/state_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/state/disk_test_folder.h"

namespace skein {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using StateDiskTest = test::DiskTestFolder;

TEST_F(StateDiskTest, StateIsReadAsItWasWritten) {
  const auto disk = Open();
  const DiskBlock first = WriteNew(*disk, 1);
  const DiskBlock second = WriteLabelled(*disk, 2);
  EXPECT_TRUE(Holds(*disk, first, 1));
  EXPECT_TRUE(Holds(*disk, second, 2));
}

TEST_F(StateDiskTest, BlockIsWrittenAnew) {
  const auto disk = Open();
  DiskBlock block = WriteLabelled(*disk, 1);
  ASSERT_TRUE(disk->Write(block, State(2)).ok());
  EXPECT_TRUE(Holds(*disk, block, 2));
}

TEST_F(StateDiskTest, BlockThatNobodyWroteHoldsNothing) {
  const auto disk = Open();
  const auto block = disk->Reserve();
  ASSERT_TRUE(block.ok());
  Bytes state(kStateBytes);
  EXPECT_EQ(disk->Read(*block, absl::MakeSpan(state)).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(StateDiskTest, NoMoreBlocksThanTheBudgetHas) {
  const auto disk = Open(3);
  std::vector<DiskBlock> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(WriteNew(*disk, i));
  const auto refused = disk->Reserve();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("all of state_disk is used, 3 states"));
  blocks.erase(blocks.begin() + 1);
  EXPECT_EQ(disk->used_blocks(), 2u);
  blocks.push_back(WriteNew(*disk, 7));
  EXPECT_TRUE(Holds(*disk, blocks.back(), 7));
  ASSERT_THAT(Files(), SizeIs(1));
  EXPECT_LE(std::filesystem::file_size(Files()[0]), DiskLayout::kBlocksOffset + 3 * BlockBytes());
}

TEST_F(StateDiskTest, BlockMovesWithItsOwner) {
  const auto disk = Open(2);
  DiskBlock first = WriteNew(*disk, 1);
  DiskBlock second = WriteNew(*disk, 2);
  second = std::move(first);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(disk->used_blocks(), 1u);
  EXPECT_TRUE(Holds(*disk, second, 1));
  second = DiskBlock();
  EXPECT_EQ(disk->used_blocks(), 0u);
}

TEST_F(StateDiskTest, BudgetBelowOneStateIsRefused) {
  DiskOptions options = Options();
  options.budget_bytes = BlockBytes() - 1;
  const auto disk = StateDisk::Open(options);
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(disk.status().message()), HasSubstr(std::to_string(BlockBytes())));
}

TEST_F(StateDiskTest, LabelThatIsTooLongIsRefused) {
  const auto disk = Open();
  auto block = disk->Reserve();
  ASSERT_TRUE(block.ok());
  DiskLabel label = {"scope", std::vector<uint32_t>(disk->max_tokens() + 1)};
  EXPECT_EQ(disk->Write(*block, State(1), &label).code(), absl::StatusCode::kInvalidArgument);
  label.tokens.pop_back();
  EXPECT_TRUE(disk->Write(*block, State(1), &label).ok());
  label.scope = std::string(DiskLabel::kMaxScopeBytes + 1, 'x');
  EXPECT_EQ(disk->Write(*block, State(1), &label).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(StateDiskTest, FileOfStatesWithoutLabelGoesWithTheDisk) {
  auto disk = Open();
  DiskBlock block = WriteNew(*disk, 1);
  disk = nullptr;
  EXPECT_THAT(Files(), SizeIs(1));  // the block is still held
  block = DiskBlock();
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(StateDiskTest, FilesAreReadableByTheirUserAlone) {
  const auto disk = Open();
  ASSERT_THAT(Files(), SizeIs(1));
  EXPECT_EQ(std::filesystem::status(Files()[0]).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(StateDiskTest, TwoDisksInAFolderHaveFilesOfTheirOwn) {
  const auto one = Open();
  const auto other = Open();
  EXPECT_THAT(Files(), SizeIs(2));
  const DiskBlock in_one = WriteNew(*one, 1);
  const DiskBlock in_other = WriteNew(*other, 2);
  EXPECT_TRUE(Holds(*one, in_one, 1));
  EXPECT_TRUE(Holds(*other, in_other, 2));
}

TEST_F(StateDiskTest, RandomWritesAndFreesKeepEveryState) {
  constexpr int kNumOperations = 100'000;
  constexpr uint64_t kNumBlocks = 64;
  const auto disk = Open(kNumBlocks);
  std::mt19937 random(1);
  std::map<uint64_t, DiskBlock> blocks;  // by the number of the state
  for (int i = 0; i < kNumOperations; ++i) {
    if (blocks.size() == kNumBlocks || (!blocks.empty() && random() % 2 == 0)) {
      const auto victim = std::next(blocks.begin(), static_cast<ptrdiff_t>(random() % blocks.size()));
      ASSERT_TRUE(Holds(*disk, victim->second, victim->first));
      blocks.erase(victim);
    } else {
      const uint64_t number = static_cast<uint64_t>(i);
      blocks[number] = random() % 2 == 0 ? WriteNew(*disk, number) : WriteLabelled(*disk, static_cast<uint32_t>(i));
    }
    ASSERT_EQ(disk->used_blocks(), blocks.size());
  }
  ASSERT_THAT(Files(), SizeIs(1));
  EXPECT_LE(std::filesystem::file_size(Files()[0]), DiskLayout::kBlocksOffset + kNumBlocks * BlockBytes());
}

TEST_F(StateDiskTest, ThreadsUseBlocksOfTheirOwn) {
  const auto disk = Open(8);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&disk, thread] {
      for (uint64_t i = 0; i < 500; ++i) {
        const uint64_t number = thread * 1000 + i;
        const DiskBlock block = WriteNew(*disk, number);
        EXPECT_TRUE(Holds(*disk, block, number));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(disk->used_blocks(), 0u);
}

TEST_F(StateDiskTest, SpaceOfStatesThatWentIsGivenBack) {
  constexpr uint64_t kNumBlocks = 100;
  const auto disk = Open(kNumBlocks);
  const uint64_t empty = BytesOnDisk();
  std::vector<DiskBlock> blocks;
  for (uint64_t i = 0; i < kNumBlocks; ++i) blocks.push_back(WriteNew(*disk, i));
  EXPECT_FALSE(disk->HasMuchToGiveBack());
  const uint64_t full = BytesOnDisk();
  ASSERT_GE(full, empty + kNumBlocks * kStateBytes);
  for (uint64_t i = 0; i < kNumBlocks; ++i) {
    if (i % 10 != 3) blocks[i] = DiskBlock();
  }
  EXPECT_TRUE(disk->HasMuchToGiveBack());
  disk->GiveBack();
  EXPECT_FALSE(disk->HasMuchToGiveBack());
  EXPECT_LE(BytesOnDisk(), empty + (full - empty) / 5);
  for (uint64_t i = 3; i < kNumBlocks; i += 10) EXPECT_TRUE(Holds(*disk, blocks[i], i)) << i;
  for (uint64_t i = 0; i < kNumBlocks; ++i) {
    if (blocks[i].empty()) blocks[i] = WriteNew(*disk, 1000 + i);
  }
  EXPECT_TRUE(Holds(*disk, blocks[0], 1000));
}

TEST_F(StateDiskTest, FewFreeBlocksAreKeptForLater) {
  const auto disk = Open();
  std::vector<DiskBlock> blocks;
  for (uint64_t i = 0; i < 10; ++i) blocks.push_back(WriteNew(*disk, i));
  blocks.resize(6);
  EXPECT_FALSE(disk->HasMuchToGiveBack()) << "four are free, and six in use";
  blocks.resize(5);
  EXPECT_TRUE(disk->HasMuchToGiveBack());
}

TEST_F(StateDiskTest, LabelledStatesAreNotGivenBack) {
  auto disk = Open();
  { const DiskBlock block = WriteLabelled(*disk, 1); }
  EXPECT_FALSE(disk->HasMuchToGiveBack());
  disk->GiveBack();
  disk = nullptr;
  disk = Open();
  const std::vector<RecoveredState> recovered = disk->TakeRecovered();
  ASSERT_THAT(recovered, SizeIs(1));
  EXPECT_TRUE(Holds(*disk, recovered[0].block, 1));
}

TEST_F(StateDiskTest, LastFreeBlockIsNotHeldToBeGivenBack) {
  const auto disk = Open(2);
  const DiskBlock kept = WriteNew(*disk, 1);
  std::atomic<bool> has_ended{false};
  std::thread giver([&] {
    while (!has_ended) disk->GiveBack();
  });
  for (uint64_t i = 0; i < 2000; ++i) {
    auto block = disk->Reserve();
    EXPECT_TRUE(block.ok()) << block.status();
    if (!block.ok() || !disk->Write(*block, State(i)).ok()) break;
  }
  has_ended = true;
  giver.join();
}

TEST_F(StateDiskTest, StatesAreWrittenWhileSpaceIsGivenBack) {
  const auto disk = Open(64);
  std::atomic<int> num_running{3};
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint64_t i = 0; i < 300; ++i) {
        const uint64_t number = thread * 1000 + i;
        const DiskBlock kept = WriteNew(*disk, number);
        { const DiskBlock gone = WriteNew(*disk, number + 500); }
        EXPECT_TRUE(Holds(*disk, kept, number));
      }
      --num_running;
    });
  }
  while (num_running > 0) disk->GiveBack();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(disk->used_blocks(), 0u);
}

TEST_F(StateDiskTest, FilesThatServeNobodyGoWhileTheirStatesAreHeld) {
  const auto disk = Open();
  DiskBlock block = WriteNew(*disk, 1);
  disk->LeaveFiles();
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_TRUE(Holds(*disk, block, 1));
  ASSERT_TRUE(disk->Write(block, State(2)).ok());
  EXPECT_TRUE(Holds(*disk, block, 2));
}

TEST_F(StateDiskTest, FilesWithLabelledStatesAreLeft) {
  const auto disk = Open();
  const DiskBlock block = WriteLabelled(*disk, 1);
  disk->LeaveFiles();
  EXPECT_THAT(Files(), SizeIs(1));
}

}  // namespace
}  // namespace skein
