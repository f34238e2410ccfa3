// The states that a process finds in a folder that others have left.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "state/state_disk.h"
#include "tests/unit/state/disk_test_folder.h"

namespace skein {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class StateDiskRecoveryTest : public test::DiskTestFolder {
 protected:
  // A process that dies with labelled states of these numbers, and a state without a label before each.
  void LeaveStates(const std::vector<uint32_t>& numbers) {
    InProcessThatIsKilled([&] {
      const auto disk = Open();
      std::vector<DiskBlock> blocks;
      for (const uint32_t number : numbers) {
        blocks.push_back(WriteNew(*disk, number + 1000));
        blocks.push_back(WriteLabelled(*disk, number));
      }
      kill(getpid(), SIGKILL);
    });
  }

  // The numbers of the states that are recovered, each found to be whole.
  static std::vector<uint32_t> NumbersOf(StateDisk& disk, const std::vector<RecoveredState>& recovered) {
    std::vector<uint32_t> numbers;
    for (const RecoveredState& state : recovered) {
      numbers.push_back(state.label.tokens.back());
      EXPECT_EQ(state.label, Label(numbers.back()));
      EXPECT_TRUE(Holds(disk, state.block, numbers.back()));
    }
    return numbers;
  }
  std::vector<uint32_t> Recover(const DiskOptions& options) const {
    const auto disk = Open(options);
    return NumbersOf(*disk, disk->TakeRecovered());
  }

  static uint64_t HeaderOffset(uint64_t index) { return DiskLayout::For(kStateBytes).BlockOffset(index); }
};

TEST_F(StateDiskRecoveryTest, LabelledStatesOfAKilledProcessAreThere) {
  LeaveStates({1, 2, 3});
  const auto disk = Open();
  const auto recovered = disk->TakeRecovered();
  EXPECT_THAT(NumbersOf(*disk, recovered), ElementsAre(3, 2, 1));
  EXPECT_EQ(disk->used_blocks(), 3u);
  EXPECT_THAT(Files(), SizeIs(1));
  EXPECT_THAT(disk->TakeRecovered(), IsEmpty());
}

TEST_F(StateDiskRecoveryTest, LabelledStatesSurviveAnOrderlyEndAlthoughTheirBlocksWereFreed) {
  {
    const auto disk = Open();
    WriteLabelled(*disk, 1);
  }
  EXPECT_THAT(Recover(Options()), ElementsAre(1));
}

TEST_F(StateDiskRecoveryTest, RecoveredStatesSurviveAgain) {
  LeaveStates({1, 2});
  EXPECT_THAT(Recover(Options()), ElementsAre(2, 1));
  EXPECT_THAT(Recover(Options()), ElementsAre(2, 1));
}

TEST_F(StateDiskRecoveryTest, StatesWrittenAfterARecoveryAreLaterThanTheRecoveredOnes) {
  LeaveStates({1, 2, 3});
  {
    const auto disk = Open();
    const auto recovered = disk->TakeRecovered();
    WriteLabelled(*disk, 4);
  }
  EXPECT_THAT(Recover(Options()), ElementsAre(4, 3, 2, 1));
}

TEST_F(StateDiskRecoveryTest, NewStatesDoNotTakeThePlaceOfRecoveredOnes) {
  LeaveStates({1, 2});
  const auto disk = Open(5);
  const auto recovered = disk->TakeRecovered();
  std::vector<DiskBlock> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(WriteNew(*disk, 10 + i));
  EXPECT_FALSE(disk->Reserve().ok());
  EXPECT_THAT(NumbersOf(*disk, recovered), ElementsAre(2, 1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Holds(*disk, blocks[i], 10 + i));
}

TEST_F(StateDiskRecoveryTest, LaterOneOfTwoStatesWithALabelIsRecovered) {
  InProcessThatIsKilled([&] {
    const auto disk = Open();
    const DiskLabel label = Label(5);
    const DiskBlock old = WriteNew(*disk, 4, &label);
    const DiskBlock late = WriteNew(*disk, 5, &label);
    kill(getpid(), SIGKILL);
  });
  const auto disk = Open();
  EXPECT_THAT(NumbersOf(*disk, disk->TakeRecovered()), ElementsAre(5));
  EXPECT_EQ(disk->used_blocks(), 0u);
}

TEST_F(StateDiskRecoveryTest, BlockThatWasWrittenWithoutALabelAgainIsNotRecovered) {
  InProcessThatIsKilled([&] {
    const auto disk = Open();
    const DiskBlock kept = WriteLabelled(*disk, 1);
    DiskBlock block = WriteLabelled(*disk, 2);
    ASSERT_TRUE(disk->Write(block, State(3)).ok());
    kill(getpid(), SIGKILL);
  });
  EXPECT_THAT(Recover(Options()), ElementsAre(1));
}

TEST_F(StateDiskRecoveryTest, FilesOfAllDeadProcessesAreTakenOver) {
  {
    const auto one = Open();
    const auto other = Open();
    WriteLabelled(*one, 1);
    WriteLabelled(*other, 2);
  }
  ASSERT_THAT(Files(), SizeIs(2));
  const auto disk = Open();
  EXPECT_THAT(disk->TakeRecovered(), SizeIs(2));
  EXPECT_THAT(Files(), SizeIs(2));
}

TEST_F(StateDiskRecoveryTest, FileOfALivingProcessIsLeftAlone) {
  const auto living = Open();
  const DiskBlock block = WriteLabelled(*living, 1);
  EXPECT_THAT(Recover(Options()), IsEmpty());
  EXPECT_TRUE(Holds(*living, block, 1));
}

TEST_F(StateDiskRecoveryTest, StatesOfAnotherModelAreLeftToIt) {
  LeaveStates({1});
  DiskOptions other = Options();
  other.identity = "another";
  EXPECT_THAT(Recover(other), IsEmpty());
  EXPECT_THAT(Recover(Options()), ElementsAre(1));
}

TEST_F(StateDiskRecoveryTest, FileWithoutLabelledStatesIsRemoved) {
  InProcessThatIsKilled([&] {
    const auto disk = Open();
    const DiskBlock block = WriteNew(*disk, 1);
    kill(getpid(), SIGKILL);
  });
  ASSERT_THAT(Files(), SizeIs(1));
  { const auto disk = Open(); }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(StateDiskRecoveryTest, LabelledStatesAreRemovedIfTheyAreNotToBeKept) {
  LeaveStates({1});
  DiskOptions options = Options();
  options.keeps_labelled = false;
  {
    const auto disk = Open(options);
    EXPECT_THAT(disk->TakeRecovered(), IsEmpty());
    WriteLabelled(*disk, 2);
  }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(StateDiskRecoveryTest, SmallerBudgetKeepsWhatFits) {
  LeaveStates({1, 2, 3});  // in the blocks 1, 3 and 5
  const auto disk = Open(4);
  EXPECT_THAT(NumbersOf(*disk, disk->TakeRecovered()), ElementsAre(2, 1));
  EXPECT_LE(fs::file_size(Files()[0]), HeaderOffset(4));
}

TEST_F(StateDiskRecoveryTest, EmptyFileOfAProcessThatDiedEarlyIsRemoved) {
  fs::create_directory(folder_);
  std::ofstream(folder_ + "/skein-0123456789abcdef.states");
  chmod((folder_ + "/skein-0123456789abcdef.states").c_str(), 0600);
  { const auto disk = Open(); }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(StateDiskRecoveryTest, WhatIsNoFileOfStatesStaysAsItIs) {
  fs::create_directory(folder_);
  const std::string garbage = folder_ + "/skein-1.states";
  std::ofstream(garbage) << std::string(10'000, 'g');
  chmod(garbage.c_str(), 0600);
  std::ofstream(folder_ + "/notes.txt") << "mine";
  fs::create_directory(folder_ + "/skein-2.states");
  ASSERT_EQ(mkfifo((folder_ + "/skein-3.states").c_str(), 0600), 0);
  std::ofstream(folder_ + "/target");
  fs::create_symlink(folder_ + "/target", folder_ + "/skein-4.states");
  fs::create_symlink("/dev/zero", folder_ + "/skein-5.states");
  const std::vector<std::string> before = Files();
  EXPECT_THAT(Recover(Options()), IsEmpty());
  EXPECT_EQ(Files(), before);
  EXPECT_EQ(ContentsOf(garbage), Bytes(10'000, 'g'));
}

TEST_F(StateDiskRecoveryTest, FileThatOthersMayWriteIsNotTrusted) {
  LeaveStates({1});
  chmod(Files()[0].c_str(), 0666);
  EXPECT_THAT(Recover(Options()), IsEmpty());
  EXPECT_THAT(Files(), SizeIs(1));
}

TEST_F(StateDiskRecoveryTest, SymlinkToAFileOfStatesIsNotFollowed) {
  LeaveStates({1});
  const std::string moved = folder_ + "/elsewhere";
  fs::rename(Files()[0], moved);
  fs::create_symlink(moved, folder_ + "/skein-1.states");
  EXPECT_THAT(Recover(Options()), IsEmpty());
}

TEST_F(StateDiskRecoveryTest, EachFlippedBitOfALabelledHeaderLosesThatStateAlone) {
  LeaveStates({1, 2});
  const std::string path = Files()[0];
  const Bytes whole = ContentsOf(path);
  for (uint64_t bit = 0; bit < DiskLayout::kBlockHeaderBytes * 8; bit += 7) {
    const uint64_t offset = HeaderOffset(1) + bit / 8;
    Overwrite(path, offset, {static_cast<uint8_t>(whole[offset] ^ (1u << bit % 8))});
    EXPECT_THAT(Recover(Options()), ElementsAre(2)) << "bit " << bit;
    Overwrite(path, offset, {whole[offset]});
  }
  EXPECT_THAT(Recover(Options()), ElementsAre(2, 1));
}

TEST_F(StateDiskRecoveryTest, FlippedTokenLosesTheState) {
  LeaveStates({1, 2});
  Overwrite(Files()[0], DiskLayout::For(kStateBytes).TokensOffset(1), {77});
  EXPECT_THAT(Recover(Options()), ElementsAre(2));
}

TEST_F(StateDiskRecoveryTest, FlippedBitOfAStateIsFoundWhenItIsRead) {
  LeaveStates({1});
  Overwrite(Files()[0], HeaderOffset(1) + DiskLayout::kBlockHeaderBytes + 500, {77});
  const auto disk = Open();
  const auto recovered = disk->TakeRecovered();
  ASSERT_THAT(recovered, SizeIs(1));
  Bytes state(kStateBytes);
  EXPECT_EQ(disk->Read(recovered[0].block, absl::MakeSpan(state)).code(), absl::StatusCode::kDataLoss);
}

TEST_F(StateDiskRecoveryTest, FileThatWasCutAnywhereGivesTheStatesThatAreWhole) {
  LeaveStates({1, 2});
  const Bytes whole = ContentsOf(Files()[0]);
  const uint64_t end_of_first = DiskLayout::For(kStateBytes).TokensOffset(1) + 12;
  const uint64_t end_of_second = DiskLayout::For(kStateBytes).TokensOffset(3) + 12;
  for (uint64_t size = 1; size <= whole.size(); size += 331) {
    fs::remove_all(folder_);
    fs::create_directory(folder_);
    const std::string path = folder_ + "/skein-1.states";
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(whole.data()), size);
    chmod(path.c_str(), 0600);
    std::vector<uint32_t> expected;
    if (size >= end_of_second) expected.push_back(2);
    if (size >= end_of_first) expected.push_back(1);
    EXPECT_EQ(Recover(Options()), expected) << size;
  }
}

TEST_F(StateDiskRecoveryTest, FileThatClaimsManyBlocksIsReadWhereItHasData) {
  LeaveStates({1});
  const std::string path = Files()[0];
  fs::resize_file(path, uint64_t{1} << 43);  // a tebibyte eight times, and no data in it
  DiskOptions options = Options();
  options.budget_bytes = uint64_t{1} << 50;
  EXPECT_THAT(Recover(options), ElementsAre(1));
  EXPECT_LE(fs::file_size(path), HeaderOffset(2));
}

TEST_F(StateDiskRecoveryTest, BlockThatWasCopiedToAnotherPlaceIsRefused) {
  LeaveStates({1, 2});
  const std::string path = Files()[0];
  const Bytes whole = ContentsOf(path);
  const auto begin = whole.begin() + static_cast<ptrdiff_t>(HeaderOffset(1));
  Overwrite(path, HeaderOffset(0), Bytes(begin, begin + static_cast<ptrdiff_t>(BlockBytes())));
  EXPECT_THAT(Recover(Options()), ElementsAre(2, 1));
}

TEST_F(StateDiskRecoveryTest, ManyLeftoversOpenABoundedNumberOfFiles) {
  std::vector<std::shared_ptr<StateDisk>> disks;
  for (uint32_t i = 0; i < 40; ++i) WriteLabelled(*disks.emplace_back(Open()), i);
  disks.clear();
  ASSERT_THAT(Files(), SizeIs(40));
  const auto disk = Open(1000);
  const size_t num_recovered = disk->TakeRecovered().size();
  EXPECT_GE(num_recovered, 1u);
  EXPECT_LT(num_recovered, 40u);
}

TEST_F(StateDiskRecoveryTest, SpaceOfStatesWithoutALabelIsGivenBack) {
  constexpr uint64_t kNumStates = 50;
  InProcessThatIsKilled([&] {
    const auto disk = Open();
    std::vector<DiskBlock> blocks;
    for (uint64_t i = 0; i < kNumStates; ++i) blocks.push_back(WriteNew(*disk, i));
    blocks.push_back(WriteLabelled(*disk, 1));  // behind the others, so that the file stays as long as it is
    _exit(kill(getpid(), SIGKILL));
  });
  const uint64_t before = BytesOnDisk();
  const auto disk = Open();
  EXPECT_TRUE(disk->HasMuchToGiveBack());
  disk->GiveBack();
  EXPECT_LE(BytesOnDisk(), before - kNumStates * kStateBytes);
  const std::vector<RecoveredState> recovered = disk->TakeRecovered();
  ASSERT_EQ(recovered.size(), 1u);
  EXPECT_TRUE(Holds(*disk, recovered[0].block, 1));
}

}  // namespace
}  // namespace skein
