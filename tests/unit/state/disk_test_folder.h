// A folder for the files of states of one test, and states to put into it.
#ifndef SKEIN_TESTS_UNIT_STATE_DISK_TEST_FOLDER_H_
#define SKEIN_TESTS_UNIT_STATE_DISK_TEST_FOLDER_H_

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "state/state_disk.h"

namespace skein::test {

class DiskTestFolder : public ::testing::Test {
 protected:
  static constexpr uint64_t kStateBytes = 1000;
  using Bytes = std::vector<uint8_t>;

  DiskTestFolder()
      : folder_(::testing::TempDir() + "/skein_disk_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" + std::to_string(getpid())) {
    std::filesystem::remove_all(folder_);
  }
  ~DiskTestFolder() override { std::filesystem::remove_all(folder_); }

  static uint64_t BlockBytes() { return DiskLayout::For(kStateBytes).block_bytes; }

  DiskOptions Options(uint64_t num_blocks = 100) const {
    return {folder_, "model", kStateBytes, num_blocks * BlockBytes(), true};
  }
  std::shared_ptr<StateDisk> Open(uint64_t num_blocks = 100) const { return Open(Options(num_blocks)); }
  static std::shared_ptr<StateDisk> Open(const DiskOptions& options) {
    auto disk = StateDisk::Open(options);
    EXPECT_TRUE(disk.ok()) << disk.status();
    return disk.ok() ? *std::move(disk) : nullptr;
  }

  // A state that `number` tells from others.
  static Bytes State(uint64_t number) {
    Bytes state(kStateBytes);
    for (size_t i = 0; i < state.size(); ++i)
      state[i] = static_cast<uint8_t>((number + 1) * (i + 1) * 2654435761u >> 13);
    return state;
  }
  static DiskLabel Label(uint32_t number) { return {"scope", {1, 2, number}}; }

  static DiskBlock WriteNew(StateDisk& disk, uint64_t number, const DiskLabel* label = nullptr) {
    auto block = disk.Reserve();
    EXPECT_TRUE(block.ok()) << block.status();
    if (!block.ok()) return DiskBlock();
    const absl::Status status = disk.Write(*block, State(number), label);
    EXPECT_TRUE(status.ok()) << status;
    return *std::move(block);
  }
  static DiskBlock WriteLabelled(StateDisk& disk, uint32_t number) {
    const DiskLabel label = Label(number);
    return WriteNew(disk, number, &label);
  }
  // Whether the block has that state.
  static ::testing::AssertionResult Holds(const StateDisk& disk, const DiskBlock& block, uint64_t number) {
    Bytes state(kStateBytes);
    const absl::Status status = disk.Read(block, absl::MakeSpan(state));
    if (!status.ok()) return ::testing::AssertionFailure() << status;
    if (state != State(number)) return ::testing::AssertionFailure() << "another state";
    return ::testing::AssertionSuccess();
  }

  // The paths of the files of states.
  std::vector<std::string> Files() const {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) paths.push_back(entry.path());
    return paths;
  }
  // Their bytes on the disk.
  uint64_t BytesOnDisk() const {
    uint64_t bytes = 0;
    for (const std::string& path : Files()) {
      struct stat info = {};
      EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
      bytes += static_cast<uint64_t>(info.st_blocks) * 512;
    }
    return bytes;
  }
  static Bytes ContentsOf(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  static void Overwrite(const std::string& path, uint64_t offset, const Bytes& bytes) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    ASSERT_TRUE(file.good()) << path;
  }

  // Runs `work` in a child, which then dies as by kill -9. Gives the wait status of a child that died before.
  static void InProcessThatIsKilled(const std::function<void()>& work) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      work();
      kill(getpid(), ::testing::Test::HasFailure() ? SIGABRT : SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }

  const std::string folder_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_STATE_DISK_TEST_FOLDER_H_
