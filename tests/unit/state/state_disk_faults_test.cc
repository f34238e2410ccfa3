// Disks that are full, broken, deleted or not to be written, and processes that die while they write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "state/state_disk.h"
#include "tests/support/failing_disk.h"
#include "tests/unit/state/disk_test_folder.h"

namespace skein {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;
using test::DiskCalls;
using test::DiskFault;
using test::DiskHold;

class StateDiskFaultsTest : public test::DiskTestFolder {
 protected:
  static size_t NumDescriptors() {
    return static_cast<size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
  }
};

TEST_F(StateDiskFaultsTest, FullDiskIsToldAndTheBlockCanBeWrittenLater) {
  const auto disk = Open();
  const DiskBlock other = WriteNew(*disk, 1);
  DiskBlock block = WriteNew(*disk, 3);
  for (const uint64_t room : {0, 1, 135, 136, 137, 1000}) {
    const DiskFault full(DiskCalls::kWrites, ENOSPC, room);
    const absl::Status status = disk->Write(block, State(2));
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), HasSubstr(Files()[0] + ": cannot write: No space left on device"));
    Bytes state(kStateBytes);
    EXPECT_EQ(disk->Read(block, absl::MakeSpan(state)).code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(Holds(*disk, other, 1));
  ASSERT_TRUE(disk->Write(block, State(2)).ok());
  EXPECT_TRUE(Holds(*disk, block, 2));
}

TEST_F(StateDiskFaultsTest, LabelThatCouldNotBeWrittenKeepsNoSpaceAndNoFile) {
  auto disk = Open();
  {
    const DiskLabel label = Label(1);
    auto block = disk->Reserve();
    ASSERT_TRUE(block.ok());
    const DiskFault full(DiskCalls::kWrites, ENOSPC, kStateBytes);
    ASSERT_EQ(disk->Write(*block, State(1), &label).code(), absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(disk->HasMuchToGiveBack());
  disk = nullptr;
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(StateDiskFaultsTest, BlocksWhoseSpaceIsGivenBackAreNobodysMeanwhile) {
  const auto disk = Open();
  { const DiskBlock gone = WriteNew(*disk, 1); }
  DiskBlock block;
  std::thread giver;
  {
    const DiskHold slow(DiskCalls::kPunches);
    giver = std::thread([&disk] { disk->GiveBack(); });
    slow.WaitForCall();
    block = WriteNew(*disk, 2);
  }
  giver.join();
  EXPECT_TRUE(Holds(*disk, block, 2));
  const DiskBlock next = WriteNew(*disk, 3);
  EXPECT_TRUE(Holds(*disk, block, 2));
}

TEST_F(StateDiskFaultsTest, BrokenDiskIsUnavailable) {
  const auto disk = Open();
  DiskBlock block = WriteNew(*disk, 1);
  Bytes state(kStateBytes);
  {
    const DiskFault broken(DiskCalls::kReads, EIO);
    const absl::Status status = disk->Read(block, absl::MakeSpan(state));
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()), HasSubstr(Files()[0] + ": block 0"));
  }
  EXPECT_TRUE(Holds(*disk, block, 1));
  const DiskFault broken(DiskCalls::kWrites, EIO);
  EXPECT_EQ(disk->Write(block, State(2)).code(), absl::StatusCode::kUnavailable);
}

TEST_F(StateDiskFaultsTest, NoFileIsLeftIfItsHeaderCannotBeWritten) {
  const DiskFault full(DiskCalls::kWrites, ENOSPC, 10);
  EXPECT_EQ(StateDisk::Open(Options()).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(StateDiskFaultsTest, LimitOfFileSizesIsToldInsteadOfASignal) {
  InProcessThatIsKilled([&] {
    const auto disk = Open();
    const DiskBlock first = WriteNew(*disk, 1);
    const rlimit limit = {DiskLayout::kBlocksOffset + BlockBytes() + 100, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    auto second = disk->Reserve();
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(disk->Write(*second, State(2)).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_TRUE(Holds(*disk, first, 1));
  });
}

TEST_F(StateDiskFaultsTest, FolderThatCannotBeWrittenIsRefusedByName) {
  ASSERT_EQ(mkdir(folder_.c_str(), 0555), 0);
  const uid_t user = geteuid();
  constexpr uid_t kNobody = 65534;
  // Root may write into any folder.
  if (user == 0 && seteuid(kNobody) != 0) GTEST_SKIP() << "root cannot be another user here";
  DiskOptions options = Options();
  options.folder = folder_;
  const auto disk = StateDisk::Open(options);
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kPermissionDenied) << disk.status();
  EXPECT_THAT(std::string(disk.status().message()), HasSubstr(folder_ + "/skein-"));
}

TEST_F(StateDiskFaultsTest, FolderInAFolderThatIsNotThereIsRefusedByName) {
  DiskOptions options = Options();
  options.folder = folder_ + "/no/such";
  const auto disk = StateDisk::Open(options);
  EXPECT_EQ(disk.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(disk.status().message()), HasSubstr(options.folder));
}

TEST_F(StateDiskFaultsTest, DeletedFolderKeepsWorking) {
  const auto disk = Open();
  const DiskBlock before = WriteNew(*disk, 1);
  fs::remove_all(folder_);
  const DiskBlock after = WriteNew(*disk, 2);
  EXPECT_TRUE(Holds(*disk, before, 1));
  EXPECT_TRUE(Holds(*disk, after, 2));
}

TEST_F(StateDiskFaultsTest, FileThatTookTheNameIsNotRemoved) {
  {
    const auto disk = Open();
    const std::string path = Files()[0];
    fs::remove(path);
    std::ofstream(path) << "mine";
  }
  EXPECT_THAT(Files(), SizeIs(1));
}

TEST_F(StateDiskFaultsTest, FileThatWasCutIsDataLoss) {
  const auto disk = Open();
  const DiskBlock first = WriteNew(*disk, 1);
  const DiskBlock second = WriteNew(*disk, 2);
  fs::resize_file(Files()[0], DiskLayout::kBlocksOffset + BlockBytes() + 200);
  Bytes state(kStateBytes);
  const absl::Status status = disk->Read(second, absl::MakeSpan(state));
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("block 1"));
  EXPECT_TRUE(Holds(*disk, first, 1));
}

TEST_F(StateDiskFaultsTest, GarbageInAFileIsDataLossOfItsBlockAlone) {
  const auto disk = Open();
  const DiskBlock first = WriteNew(*disk, 1);
  const DiskBlock second = WriteNew(*disk, 2);
  Overwrite(Files()[0], DiskLayout::kBlocksOffset, Bytes(500, 0xEE));
  Bytes state(kStateBytes);
  EXPECT_EQ(disk->Read(first, absl::MakeSpan(state)).code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(Holds(*disk, second, 2));
}

TEST_F(StateDiskFaultsTest, OlderStateOfABlockIsDataLoss) {
  const auto disk = Open();
  DiskBlock block = WriteNew(*disk, 1);
  const Bytes before = ContentsOf(Files()[0]);
  ASSERT_TRUE(disk->Write(block, State(2)).ok());
  Overwrite(Files()[0], 0, before);
  Bytes state(kStateBytes);
  EXPECT_EQ(disk->Read(block, absl::MakeSpan(state)).code(), absl::StatusCode::kDataLoss);
}

// The process dies at each byte of the two writes in turn: first that of the state, then that of its header.
TEST_F(StateDiskFaultsTest, ProcessKilledWhileItWritesLeavesNoStateThatLooksWhole) {
  const uint64_t state_write = DiskLayout::kBlockHeaderBytes + kStateBytes + 3 * sizeof(uint32_t);
  const uint64_t all = state_write + DiskLayout::kBlockHeaderBytes;
  for (uint64_t room = 0; room <= all; room += room + 8 < all && room + 8 > state_write ? 8 : 97) {
    fs::remove_all(folder_);
    InProcessThatIsKilled([&] {
      const auto disk = Open();
      const DiskLabel label = Label(1);
      DiskBlock block = WriteNew(*disk, 1, &label);
      const DiskFault dies(DiskCalls::kWrites, EIO, room);
      (void)disk->Write(block, State(2), &label);
      kill(getpid(), SIGKILL);
    });
    const auto disk = Open();
    for (const RecoveredState& state : disk->TakeRecovered()) {
      EXPECT_TRUE(Holds(*disk, state.block, room == 0 ? 1 : 2)) << "killed after " << room << " bytes";
    }
  }
}

TEST_F(StateDiskFaultsTest, NothingStaysOpenOrInTheFolder) {
  const size_t before = NumDescriptors();
  for (int i = 0; i < 100; ++i) {
    const auto disk = Open();
    const DiskBlock block = WriteNew(*disk, 1);
    const auto beside = Open();
    DiskOptions refused = Options();
    refused.budget_bytes = 1;
    EXPECT_FALSE(StateDisk::Open(refused).ok());
  }
  EXPECT_EQ(NumDescriptors(), before);
  EXPECT_THAT(Files(), IsEmpty());
}

}  // namespace
}  // namespace skein
