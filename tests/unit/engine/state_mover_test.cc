#include "engine/state_mover.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/process_end.h"
#include "runtime/worker.h"
#include "state/state_disk.h"
#include "tests/support/failing_disk.h"

namespace skein {
namespace {

using test::DiskCalls;
using test::DiskFault;
using test::DiskHold;

// A move whose end a test waits for.
class TestMove : public DiskMove {
 public:
  explicit TestMove(std::function<absl::Status()> work) : work_(std::move(work)) {}

  absl::Status Work() override { return work_(); }
  void End(absl::Status status) noexcept override { ended_.set_value(std::move(status)); }
  std::future<absl::Status> ended() { return ended_.get_future(); }

 private:
  const std::function<absl::Status()> work_;
  std::promise<absl::Status> ended_;
};

// Moves of one element, and the end of it.
struct Asked {
  explicit Asked(std::function<absl::Status()> work) {
    auto move = std::make_unique<TestMove>(std::move(work));
    ended = move->ended();
    moves.push_back(std::move(move));
  }
  DiskMoves moves;
  std::future<absl::Status> ended;
};

class StateMoverTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kStateBytes = 1000;
  static constexpr size_t kMaxParking = 3;

  StateMoverTest() : folder_(::testing::TempDir() + "/skein_mover_" + std::to_string(getpid())) {
    auto disk = StateDisk::Open({folder_, "model", kStateBytes, 1 << 20, true});
    EXPECT_TRUE(disk.ok()) << disk.status();
    disk_ = *std::move(disk);
    block_ = *disk_->Reserve();
    EXPECT_TRUE(disk_->Write(block_, state_).ok());
    auto mover = StateMover::Start(kMaxParking);
    EXPECT_TRUE(mover.ok()) << mover.status();
    mover_ = *std::move(mover);
  }
  ~StateMoverTest() override {
    mover_ = nullptr;
    EXPECT_TRUE(WaitForRuntimes(std::chrono::seconds(20)));
    block_ = DiskBlock();
    disk_ = nullptr;
    std::filesystem::remove_all(folder_);
  }

  Asked Write() {
    return Asked([this] { return disk_->Write(block_, state_); });
  }
  Asked Read() {
    return Asked([this] {
      std::vector<uint8_t> state(kStateBytes);
      return disk_->Read(block_, absl::MakeSpan(state));
    });
  }
  static absl::StatusCode CodeOf(std::future<absl::Status>& ended) { return ended.get().code(); }

  const std::string folder_;
  const std::vector<uint8_t> state_ = std::vector<uint8_t>(kStateBytes, 7);
  std::shared_ptr<StateDisk> disk_;
  DiskBlock block_;
  std::shared_ptr<StateMover> mover_;
};

TEST_F(StateMoverTest, MovesEndWithWhatTheirWorkGave) {
  Asked write = Write();
  ASSERT_TRUE(mover_->Park(write.moves));
  EXPECT_TRUE(write.moves.empty());
  EXPECT_EQ(CodeOf(write.ended), absl::StatusCode::kOk);
  Asked read = Read();
  mover_->Wake(read.moves);
  EXPECT_EQ(CodeOf(read.ended), absl::StatusCode::kOk);
}

TEST_F(StateMoverTest, FailingDiskIsToldToTheAsker) {
  {
    const DiskFault broken(DiskCalls::kReads, EIO);
    Asked read = Read();
    mover_->Wake(read.moves);
    EXPECT_EQ(CodeOf(read.ended), absl::StatusCode::kUnavailable);
  }
  const DiskFault full(DiskCalls::kWrites, ENOSPC);
  Asked write = Write();
  ASSERT_TRUE(mover_->Park(write.moves));
  EXPECT_EQ(CodeOf(write.ended), absl::StatusCode::kResourceExhausted);
}

TEST_F(StateMoverTest, WorkThatFindsNoMemoryIsToldToTheAsker) {
  Asked asked([]() -> absl::Status { throw std::bad_alloc(); });
  mover_->Wake(asked.moves);
  EXPECT_EQ(CodeOf(asked.ended), absl::StatusCode::kResourceExhausted);
}

TEST_F(StateMoverTest, StatesThatWakeDoNotWaitForADiskThatIsSlowToWrite) {
  DiskBlock other = *disk_->Reserve();
  Asked write([&] { return disk_->Write(other, state_); });
  {
    const DiskHold slow(DiskCalls::kWrites);
    ASSERT_TRUE(mover_->Park(write.moves));
    slow.WaitForCall();
    Asked read = Read();
    mover_->Wake(read.moves);
    EXPECT_EQ(CodeOf(read.ended), absl::StatusCode::kOk);
  }
  EXPECT_EQ(CodeOf(write.ended), absl::StatusCode::kOk);
}

TEST_F(StateMoverTest, MovesToADiskThatIsSlowAreBounded) {
  std::vector<Asked> accepted;
  {
    const DiskHold slow(DiskCalls::kWrites);
    for (size_t i = 0; i < kMaxParking; ++i) {
      accepted.push_back(Write());
      ASSERT_TRUE(mover_->Park(accepted.back().moves));
    }
    slow.WaitForCall();
    Asked refused = Write();
    EXPECT_FALSE(mover_->Park(refused.moves));
    EXPECT_EQ(refused.moves.size(), 1u);
  }
  for (Asked& asked : accepted) EXPECT_EQ(CodeOf(asked.ended), absl::StatusCode::kOk);
  // The place of a move is free before its end is told.
  Asked again = Write();
  EXPECT_TRUE(mover_->Park(again.moves));
  EXPECT_EQ(CodeOf(again.ended), absl::StatusCode::kOk);
}

TEST_F(StateMoverTest, MovesAreDoneInOrder) {
  std::vector<int> done;
  std::vector<Asked> asked;
  for (int i = 0; i < 100; ++i) {
    asked.emplace_back([&done, i] {
      done.push_back(i);
      return absl::OkStatus();
    });
    mover_->Wake(asked.back().moves);
  }
  for (Asked& one : asked) EXPECT_EQ(CodeOf(one.ended), absl::StatusCode::kOk);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[i], i);
}

TEST_F(StateMoverTest, StopEndsWhatWaitsAndLetsTheWorkInProgressEnd) {
  Asked in_progress = Write();
  Asked waiting = Write();
  {
    const DiskHold slow(DiskCalls::kWrites);
    ASSERT_TRUE(mover_->Park(in_progress.moves));
    slow.WaitForCall();
    ASSERT_TRUE(mover_->Park(waiting.moves));
    mover_->Stop();
  }
  EXPECT_EQ(CodeOf(in_progress.ended), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(waiting.ended), absl::StatusCode::kCancelled);
  Asked late = Write();
  EXPECT_TRUE(mover_->Park(late.moves));
  EXPECT_EQ(CodeOf(late.ended), absl::StatusCode::kCancelled);
}

TEST_F(StateMoverTest, MoveThatHoldsTheMoverLetsItEnd) {
  Asked asked([mover = mover_] { return absl::OkStatus(); });
  mover_->Wake(asked.moves);
  mover_ = nullptr;
  EXPECT_NE(CodeOf(asked.ended), absl::StatusCode::kInternal);
}

// A host may end its process while states are on their way.
TEST(StateMoverExitTest, EndOfTheProcessWaitsForTheWorkInProgress) {
  EXPECT_EXIT(
      {
        alarm(20);
        static std::atomic<bool> is_working = false;
        static std::atomic<bool> has_ended = false;
        const auto mover = StateMover::Start(1);
        DiskMoves moves;
        moves.push_back(std::make_unique<TestMove>([] {
          is_working = true;
          while (CheckProcessGoesOn().ok()) std::this_thread::yield();
          has_ended = true;
          return absl::OkStatus();
        }));
        (*mover)->Wake(moves);
        while (!is_working) std::this_thread::yield();
        std::atexit([] { _exit(has_ended ? 0 : 1); });
        RenewExitWait();
        std::exit(2);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace skein
